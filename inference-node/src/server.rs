//! Listeners and connections: bounded, timed, drained in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::{Service, ServiceExt as _};

use filter_wasmtime::Peer;

use crate::lingering::{Allowance, Lingering, RequestBody};
use crate::tls::Acceptor;

/// The most connections of one listener; more wait in the system's queue.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a request head, and to begin the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// More header fields than the filter takes, so that the filter's answer is the one clients see.
const HEADER_FIELDS: usize = 128;
/// Bytes of a head, and of a piece of body; likewise.
const BUFFER: u32 = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// How long finished connections may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// An address that is listened on.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// What takes handshakes there; plain HTTP without it.
    pub tls: Option<Acceptor>,
}

/// Serves `service` on `listener` until `stop`, then closes idle connections and finishes the rest.
pub async fn serve<S, B>(listener: Listener, service: S, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let lingering = Allowance::default();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, peer) = tokio::select! {
            accepted = listener.socket.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most often the limit on open files: give connections time to end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = until(&mut stop) => break,
        };
        // Small answers must not wait for more.
        let _ = stream.set_nodelay(true);
        let (builder, watcher) = (Arc::clone(&builder), graceful.watcher());
        let service = of_client(peer, lingering.clone(), service.clone());
        let tls = listener.tls.clone();
        tokio::spawn(async move {
            let ended = match tls {
                None => watcher.watch(connection(&builder, stream, service)).await,
                // In a task of its own, so that a slow handshake keeps nobody waiting.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => watcher.watch(connection(&builder, stream, service)).await,
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(place);
        });
    }
    let _ = tokio::time::timeout(CLOSING, graceful.shutdown()).await;
}

/// Waits until `stop` is true, or can never become so.
async fn until(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await.map(drop);
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADER_FIELDS)
        .max_buf_size(BUFFER as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(BUFFER)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
}

/// A service that is told whose a request is, and that may leave a body unread.
fn of_client<S>(
    peer: SocketAddr,
    lingering: Allowance,
    service: S,
) -> impl Service<Request<Incoming>, Response = S::Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    S: Service<Request<RequestBody>, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        Lingering::wrap(request, lingering.clone())
    })
}

fn connection<I, S, B>(
    builder: &Builder<TokioExecutor>,
    stream: I,
    service: S,
) -> impl hyper_util::server::graceful::GracefulConnection<
    Error = Box<dyn std::error::Error + Send + Sync>,
> + Send
+ 'static
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    builder
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned()
}
