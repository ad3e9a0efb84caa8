//! The embedded gate over real HTTP, in front of an upstream that remembers what it saw.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use filter::{Filter, GateIdentity, KeyRecord, Pepper, PermitKey, Policy, snapshot};
use filter_wasmtime::{Gate, GateOptions, GatedBody, Peer, Secret, SharedSource, Verdict};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn as hyper_service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tower::{Layer as _, Service as _, service_fn};

use crate::{keys, vectors};

/// The gate's name in permits.
pub const NAME: &str = "embedded";

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

/// What the upstream saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body, if it came to a clean end.
    pub body: Option<Bytes>,
}

/// A gate that serves, and what happened behind it.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The gate.
    pub gate: Gate,
    /// What the upstream saw.
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// Code and reason of every verdict, in order.
    pub verdicts: Arc<Mutex<Vec<(String, String)>>>,
}

/// A snapshot as the node would publish it.
pub struct Published(BTreeMap<Vec<u8>, Vec<u8>>);

impl Published {
    /// The policy and keys of the vectors.
    pub fn of_vectors() -> Self {
        Self::new(1, vectors::POLICY, &keys::records())
    }

    /// One epoch.
    pub fn new(epoch: u64, policy: &str, records: &[KeyRecord]) -> Self {
        let mut data = BTreeMap::new();
        data.insert(snapshot::EPOCH.into(), epoch.to_le_bytes().to_vec());
        data.insert(snapshot::POLICY.into(), policy.as_bytes().to_vec());
        for record in records {
            let bucket = snapshot::bucket_of(&record.id);
            let together = records.iter().filter(|other| snapshot::bucket_of(&other.id) == bucket);
            data.insert(
                snapshot::bucket_name(bucket).into_bytes(),
                snapshot::write_bucket(together),
            );
        }
        Self(data)
    }
}

impl SharedSource for Published {
    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
        self.0.get(key).map(|value| (value.clone(), NonZeroU32::MIN))
    }
}

/// The options every gate of the tests starts from.
pub fn options(shared: impl SharedSource + 'static) -> GateOptions {
    let secret = |name: &str, value: String| (name.to_owned(), Secret::from(value));
    GateOptions {
        configuration: serde_json::json!({
            "gate": NAME, "audience": "tests", "environment": keys::ENVIRONMENT
        })
        .to_string()
        .into_bytes(),
        environment: vec![
            secret("LUNETTE_PERMIT_KEY", filter::hex::encode(&keys::PERMIT_KEY)),
            secret("LUNETTE_PERMIT_KEY_VERSION", "1".to_owned()),
            secret("LUNETTE_PEPPER", filter::hex::encode(&keys::PEPPER)),
        ],
        shared: Arc::new(shared),
        ..GateOptions::default()
    }
}

/// The same judgement without Wasm: the library, natively.
///
/// # Panics
/// If the vectors' policy is not right.
pub fn native_filter() -> Filter {
    let gate = GateIdentity {
        gate: NAME.to_owned(),
        audience: "tests".to_owned(),
        environment: keys::ENVIRONMENT,
        pepper: Pepper::new(keys::PEPPER),
        permit_key: PermitKey::new(NAME, 1, keys::PERMIT_KEY),
    };
    let policy = Policy::parse(vectors::POLICY.as_bytes()).expect("the vectors' policy");
    Filter::new(policy, gate, 1)
}

/// Loads the compiled filter and serves with it on a free port of the loopback.
///
/// # Panics
/// If the filter was not built (`make wasm`), or does not load.
pub async fn start(options: GateOptions) -> Running {
    let gate = Gate::load(&module(), options).unwrap_or_else(|error| panic!("{error}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let verdicts: Arc<Mutex<Vec<_>>> = Arc::default();
    let upstream = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<GatedBody>| remember(Arc::clone(&seen), request)
    });
    let guarded = gate.layer(upstream);
    let log = Arc::clone(&verdicts);
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let (guarded, log) = (guarded.clone(), Arc::clone(&log));
            let service = hyper_service(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                let (answer, log) = (guarded.clone().call(request), Arc::clone(&log));
                async move {
                    let answer = answer.await?;
                    let verdict = answer.extensions().get::<Verdict>();
                    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
                    let words = verdict.map(|v| (word(v.code()), word(v.reason())));
                    log.lock().expect("a lock").extend(words);
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
    Running { address, gate, seen, verdicts }
}

async fn remember(
    seen: Arc<Mutex<Vec<Seen>>>,
    request: Request<GatedBody>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter();
    let record = Seen {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map_or(String::new(), ToString::to_string),
        headers: headers
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body: None,
    };
    let index = {
        let mut seen = seen.lock().expect("a lock");
        seen.push(record);
        seen.len() - 1
    };
    let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
    seen.lock().expect("a lock")[index].body = body;
    Ok(Response::builder()
        .header("lunette-verdict", "internal")
        .body(Full::new(Bytes::from_static(b"done")))
        .expect("a response"))
}
