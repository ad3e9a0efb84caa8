//! A queue's other end: collects what the Worker tells of requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// The events that came, in order.
#[derive(Clone)]
pub struct Events {
    /// Where they are sent to.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Events {
    /// Collects on a free port, for as long as the test runs.
    ///
    /// # Panics
    /// If there is none.
    pub async fn listen() -> Self {
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let log = Arc::clone(&seen);
        let address = serve(move |request: Request<Incoming>| {
            let log = Arc::clone(&log);
            async move {
                let body =
                    request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                let body = body.unwrap_or_default();
                let lines = body.split(|&byte| byte == b'\n').map(serde_json::from_slice);
                let messages: Result<Vec<Value>, _> = lines.collect();
                log.lock().expect("a lock").extend(messages.expect("a message is JSON"));
                Response::new(Full::default())
            }
        })
        .await;
        Self { address, seen }
    }

    /// The event of the request with this id; waits for it, since it comes after the answer.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn of(&self, request_id: &str) -> Value {
        self.find(request_id).await.unwrap_or_else(|| panic!("no event of request {request_id}"))
    }

    /// The event of the request with this id, if it comes.
    ///
    /// # Panics
    /// If another test thread panicked while it looked.
    pub async fn find(&self, request_id: &str) -> Option<Value> {
        for _ in 0..500 {
            let found = {
                let seen = self.seen.lock().expect("a lock");
                seen.iter().find(|event| event["request_id"] == request_id).cloned()
            };
            if found.is_some() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// All that came so far.
    ///
    /// # Panics
    /// If another test thread panicked while it looked.
    pub fn all(&self) -> Vec<Value> {
        self.seen.lock().expect("a lock").clone()
    }
}

/// Answers every request on a free port of the loopback with what `answer` makes of it.
pub(super) async fn serve<F>(
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}
