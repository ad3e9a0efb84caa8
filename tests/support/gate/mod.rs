//! The embedded gate, in front of an upstream that remembers what it saw: called in this process, or
//! over real HTTP.

mod hosts;
mod published;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use filter_wasmtime::{Gate, GateOptions, Peer, ReplyBody, Secret, SharedSource, Verdict};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn as hyper_service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tower::util::BoxCloneService;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::keys;
use crate::recorder::Recorder;

pub use hosts::{InProcess, OverHttp};
pub use published::{Live, Published};

/// The gate's name in permits.
pub const NAME: &str = "embedded";

/// Any body of a request.
pub type AnyBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// A gate with its upstream.
pub type Guarded = BoxCloneService<Request<AnyBody>, Response<ReplyBody>, Infallible>;

/// The compiled filter: `LUNETTE_FILTER`, or where `make wasm` puts it.
pub fn module() -> PathBuf {
    std::env::var_os("LUNETTE_FILTER").map_or_else(
        || {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
            PathBuf::from(root).join("target/wasm32-wasip1/wasm/filter_proxy_wasm.wasm")
        },
        PathBuf::from,
    )
}

/// The options every gate of the tests starts from.
pub fn options(shared: impl SharedSource + 'static) -> GateOptions {
    let secret = |name: &str, value: String| (name.to_owned(), Secret::from(value));
    let realms = keys::REALM_KEYS.map(|(version, key)| named(&version.to_string(), &key));
    let (token_secret, bytes) = keys::TOKEN_SECRET;
    GateOptions {
        configuration: serde_json::json!({
            "gate": NAME, "audience": "tests", "environment": keys::ENVIRONMENT,
            "events": true
        })
        .to_string()
        .into_bytes(),
        environment: vec![
            secret("LUNETTE_PERMIT_KEY", filter::hex::encode(&keys::PERMIT_KEY)),
            secret("LUNETTE_PERMIT_KEY_VERSION", "1".to_owned()),
            secret("LUNETTE_PEPPER", filter::hex::encode(&keys::PEPPER)),
            secret("LUNETTE_REALM_KEYS", realms.join(",")),
            secret("LUNETTE_TOKEN_SECRETS", named(token_secret, &bytes)),
        ],
        shared: Arc::new(shared),
        ..GateOptions::default()
    }
}

fn named(name: &str, secret: &[u8]) -> String {
    format!("{name}:{}", filter::hex::encode(secret))
}

/// A gate in this process, and what happened behind it.
#[derive(Clone)]
pub struct Loaded {
    /// The gate.
    pub gate: Gate,
    /// The gate as a service.
    pub guarded: Guarded,
    /// What is behind it.
    pub upstream: Recorder,
}

/// Loads the compiled filter, in front of an upstream that takes everything.
///
/// # Panics
/// If the filter was not built (`make wasm`), or does not load.
pub fn load(options: GateOptions) -> Loaded {
    load_before(Recorder::default(), options)
}

/// Loads the compiled filter, in front of this upstream.
///
/// # Panics
/// If the filter was not built (`make wasm`), or does not load.
pub fn load_before(upstream: Recorder, options: GateOptions) -> Loaded {
    let gate = Gate::load(&module(), options).unwrap_or_else(|error| panic!("{error}"));
    let behind = upstream.clone();
    let guarded = gate.layer(service_fn(move |request| behind.clone().answer(request)));
    Loaded { gate, guarded: guarded.boxed_clone(), upstream }
}

/// A gate that serves, and what happened behind it.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The gate.
    pub gate: Gate,
    /// What is behind it.
    pub upstream: Recorder,
    /// The gate's last word on every request, in order.
    pub verdicts: Arc<Mutex<Vec<Verdict>>>,
}

/// Loads the compiled filter and serves with it on a free port of the loopback.
///
/// # Panics
/// If the filter was not built (`make wasm`), or does not load.
pub async fn start(options: GateOptions) -> Running {
    start_before(Recorder::default(), options).await
}

/// The same, in front of this upstream.
///
/// # Panics
/// If the filter was not built (`make wasm`), or does not load.
pub async fn start_before(upstream: Recorder, options: GateOptions) -> Running {
    let Loaded { gate, guarded, upstream } = load_before(upstream, options);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let verdicts: Arc<Mutex<Vec<_>>> = Arc::default();
    let log = Arc::clone(&verdicts);
    // A handle that can be shared between connections.
    let guarded = Arc::new(Mutex::new(guarded));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let (guarded, log) = (Arc::clone(&guarded), Arc::clone(&log));
            let service = hyper_service(move |request: Request<Incoming>| {
                let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                request.extensions_mut().insert(Peer(peer));
                let mut guarded = guarded.lock().expect("a lock").clone();
                let (answer, log) = (guarded.call(request), Arc::clone(&log));
                async move {
                    let answer = answer.await?;
                    let verdict = answer.extensions().get::<Verdict>().cloned();
                    log.lock().expect("a lock").extend(verdict);
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(async move {
                let mut builder = Builder::new(TokioExecutor::new());
                builder.http1().max_buf_size(64 * 1024).max_headers(128);
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Running { address, gate, upstream, verdicts }
}
