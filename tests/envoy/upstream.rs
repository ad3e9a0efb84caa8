//! What stands behind Envoy: it answers every request, and remembers its fields.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A server, gone with all its connections when dropped.
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// The fields of every request that came whole.
    seen: Mutex<Vec<Vec<(String, String)>>>,
    /// What is answered to all.
    answer: Mutex<Told>,
}

/// How an upstream answers.
#[derive(Clone, Copy, Default)]
pub(crate) enum Told {
    /// It does what it is asked for.
    #[default]
    Done,
    /// It says that it is not well, and that nothing was done.
    Refund,
    /// It says that it is not well.
    Failed,
}

impl Upstream {
    /// Without TLS.
    pub(crate) async fn plain() -> Self {
        Self::start(None).await
    }

    /// With TLS, if it has a certificate.
    pub(crate) async fn start(tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let serving = tokio::spawn(serve(listener, tls, Arc::clone(&state)));
        Self { address, state, serving }
    }

    /// How many requests came whole.
    pub(crate) fn count(&self) -> usize {
        self.state.seen.lock().expect("a lock").len()
    }

    /// The fields of the last request.
    pub(crate) fn last(&self) -> Vec<(String, String)> {
        self.state.seen.lock().expect("a lock").last().cloned().expect("a request")
    }

    /// Answers like this from now on.
    pub(crate) fn tell(&self, told: Told) {
        *self.state.answer.lock().expect("a lock") = told;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Dropped with this task, and they with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match tls {
                None => talk(stream, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let builder = Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let told = *state.answer.lock().expect("a lock");
    let path = parts.uri.path();
    if path == "/readyz" {
        return Ok(status(match told {
            Told::Done => StatusCode::OK,
            Told::Refund | Told::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }));
    }
    body.collect().await?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    state.seen.lock().expect("a lock").push(fields.collect());
    let mut answer = status(StatusCode::OK);
    match told {
        Told::Done => {}
        Told::Refund => {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            answer
                .headers_mut()
                .insert("lunette-verdict", http::HeaderValue::from_static("refund"));
        }
        Told::Failed => *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
    }
    Ok(answer)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("done"));
    *response.status_mut() = status;
    response
}
