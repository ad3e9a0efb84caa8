//! `make bench`: what a decision costs, and what a rejection costs beside a server that does nothing
//! else. Writes `target/bench/summary.json`. `bench decision|image|decode|embedded|envoy|worker|models|text|serve`
//! measures one part, and writes nothing; so does `bench cuda`, on a machine that has a GPU. `bench serve 3` has rounds of
//! 3 seconds. `bench soak 1800` keeps a node under twice its load for 1800 seconds, and writes `target/bench/soak.json`.
//!
//! Over HTTP both sides answer 401 over real sockets in this process, in alternating rounds, to the
//! same client with the same requests.

mod cpu;
mod decision;
mod decode;
mod envoy;
mod image;
mod models;
mod serve;
mod worker;

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conformance::gate::{self, Published};
use conformance::keys;
use conformance::vectors::Request;
use filter_wasmtime::{Gate, GatedBody, Peer};
use http::Response;
use http_body_util::{Empty, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, ServiceExt as _, service_fn};

const ROUNDS: usize = 8;
const ROUND: Duration = Duration::from_millis(1500);
const CONNECTIONS: usize = 64;

/// One row of the summary.
#[derive(serde::Serialize)]
struct Row {
    name: String,
    ours: f64,
    peer: f64,
    peer_name: String,
    unit: &'static str,
    ratio: f64,
    aim: String,
    better: &'static str,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    // Without a name all of it is measured, and only that is the summary.
    let only = std::env::args().nth(1);
    let seconds = std::env::args().nth(2).map(|text| text.parse().map_err(std::io::Error::other));
    let seconds: Option<u64> = seconds.transpose()?;
    if only.as_deref() == Some("soak") {
        return serve::overload::soak(seconds.unwrap_or(1800), &folder()).await;
    }
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let mut rows = Vec::new();
    if wanted("decision") || wanted("image") {
        let places = decision::Places::open()?;
        if wanted("decision") {
            rows.extend(decision::rows(&places));
        }
        if wanted("image") {
            rows.extend(image::rows(&places.native, &places.gate)?);
        }
    }
    if wanted("decode") {
        rows.extend(decode::rows()?);
    }
    if wanted("embedded") {
        let vms = NonZeroUsize::MIN;
        let options = filter_wasmtime::GateOptions {
            vms,
            configuration: decision::configuration(),
            ..gate::options(Published::of_vectors())
        };
        let loaded = Gate::load(&gate::module(), options).map_err(std::io::Error::other)?;
        rows.push(over_http(loaded).await?);
    }
    if wanted("envoy") {
        rows.extend(envoy::rows().await?);
    }
    if wanted("models") {
        rows.extend(models::rows()?);
    }
    if wanted("text") {
        rows.extend(models::text::rows()?);
    }
    if only.as_deref() == Some("cuda") {
        rows.extend(models::cuda::rows()?);
    }
    if wanted("worker") {
        rows.extend(worker::rows().await?);
    }
    if wanted("serve") {
        rows.extend(serve::rows(seconds.unwrap_or(serve::SECONDS)).await?);
    }
    print(&rows)?;
    if only.is_none() {
        write_summary(&rows)?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

fn write_summary(rows: &[Row]) -> std::io::Result<()> {
    let folder = folder();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("summary.json"), serde_json::to_vec_pretty(rows)?)
}

fn print(rows: &[Row]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<62} {:>10} {:>10} {:>7}  aim", "", "ours", "peer", "ratio")?;
    for Row { name, ours, peer, peer_name, unit, ratio, aim, .. } in rows {
        writeln!(out, "{name:<62} {ours:>10.2} {peer:>10.2} {ratio:>7.2}  {aim}")?;
        writeln!(out, "{:<62} {unit}; peer: {peer_name}", "")?;
    }
    Ok(())
}

/// Rejections per second, server and client on one worker thread.
async fn over_http(loaded: Gate) -> std::io::Result<Row> {
    let upstream = service_fn(|_: http::Request<GatedBody>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let guarded = loaded.layer(upstream);
    let ours = serve(move |request| {
        let guarded = guarded.clone();
        async move { guarded.oneshot(request).await }
    })
    .await?;
    let answer = rejection();
    let bare = serve(move |_| {
        let answer = answer.clone();
        async move { Ok(answer.map(Full::new)) }
    })
    .await?;

    let (mut best_ours, mut best_bare) = (0.0f64, 0.0f64);
    for round in 0..ROUNDS {
        for (address, best) in [(ours, &mut best_ours), (bare, &mut best_bare)] {
            *best = best.max(per_second(address).await);
        }
        let mut err = std::io::stderr().lock();
        write!(err, "\r  round {} of {ROUNDS}", round + 1)?;
    }
    writeln!(std::io::stderr())?;
    Ok(Row {
        name: "rejections of an unknown key over HTTP, 64 keep-alive connections, client on the same core"
            .to_owned(),
        ours: best_ours,
        peer: best_bare,
        peer_name: "bare hyper answering 401".to_owned(),
        unit: "requests/s",
        ratio: best_ours / best_bare,
        aim: "a ratio of at least 0.6".to_owned(),
        better: "higher",
    })
}

/// A head whose key is well formed and unknown: it costs a look-up, a digest and a comparison.
fn request() -> Request {
    Request {
        method: "POST".to_owned(),
        target: "/v1/background-removal".to_owned(),
        headers: [
            ("X-API-Key", keys::text("unknown")),
            ("Content-Type", "image/png".to_owned()),
            ("Content-Length", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec(),
        body: b".".to_vec(),
    }
}

/// The bytes that the gate answers, as a constant.
fn rejection() -> Response<Bytes> {
    let body = r#"{"type":"urn:lunette:problem:invalid-key","title":"Unauthorized","status":401,"detail":"the API key is not valid","code":"invalid-key","request_id":"00000000000000000000000000000000"}"#;
    Response::builder()
        .status(401)
        .header("content-type", "application/problem+json")
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff")
        .header("x-request-id", "00000000000000000000000000000000")
        .header("www-authenticate", "Bearer realm=\"lunette\", error=\"invalid_token\"")
        .body(Bytes::from_static(body.as_bytes()))
        .expect("a response")
}

async fn serve<F, R, B>(answer: F) -> std::io::Result<SocketAddr>
where
    F: Fn(http::Request<hyper::body::Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |mut request| {
                let _: Option<Peer> =
                    http::Request::extensions_mut(&mut request).insert(Peer(peer));
                answer(request)
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn per_second(address: SocketAddr) -> f64 {
    let end = Instant::now() + ROUND;
    let tasks: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(hammer(address, end))).collect();
    let mut answered = 0;
    for task in tasks {
        answered += task.await.expect("a client").expect("answers");
    }
    f64::from(answered) / ROUND.as_secs_f64()
}

async fn hammer(address: SocketAddr, end: Instant) -> std::io::Result<u32> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = request();
    let bytes = [conformance::client::head_bytes(&request), request.body].concat();
    let mut buffer = [0; 4096];
    let mut answered = 0;
    while Instant::now() < end {
        stream.write_all(&bytes).await?;
        // An answer of both sides is smaller than one read.
        let read = stream.read(&mut buffer).await?;
        assert!(buffer[..read].starts_with(b"HTTP/1.1 401"), "not a rejection");
        answered += 1;
    }
    Ok(answered)
}
