//! The recorder as a server of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::Recorder;

pub(super) async fn serve(recorder: Recorder, tls: Option<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let acceptor = tls.map(|mut tls| {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(tls))
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (recorder, acceptor) = (recorder.clone(), acceptor.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                match acceptor {
                    None => connection(recorder, stream).await,
                    // Who does not trust the certificate goes away.
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(recorder, stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

async fn connection(
    recorder: Recorder,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(128 * 1024).max_headers(256);
    let service = service_fn(move |request| recorder.clone().answer(request));
    // A client that leaves inside a request is no fault of ours; the request says so.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
