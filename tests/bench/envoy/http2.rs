//! A client that speaks HTTP/2 in clear text over connections that stay.
//!
//! Over HTTP/1.1 Envoy ends a connection whose request it answers before the body, so that a refusal there waits for
//! the body (`keep_connections`). Over HTTP/2 only the stream ends.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::load::{self, PNG};
use crate::decision::{self, Fields};

/// Connections to one gateway.
pub(super) struct Kept(Vec<SendRequest<Full<Bytes>>>);

impl Kept {
    pub(super) async fn connect(address: SocketAddr, connections: usize) -> std::io::Result<Self> {
        let mut kept = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TokioIo::new(load::connect(address).await?);
            let shaken = http2::handshake(TokioExecutor::new(), stream).await;
            let (sender, connection) = shaken.map_err(std::io::Error::other)?;
            tokio::spawn(connection);
            kept.push(sender);
        }
        Ok(Self(kept))
    }

    /// Sends each request once, one at a time over each connection.
    ///
    /// # Errors
    /// If an answer has another status.
    pub(super) async fn round(&self, requests: Vec<Fields>, status: u16) -> std::io::Result<()> {
        let share = requests.len().div_ceil(self.0.len());
        let mut requests = requests.iter().map(request);
        let mut clients = Vec::new();
        for sender in &self.0 {
            let own: Vec<_> = requests.by_ref().take(share).collect();
            clients.push(tokio::spawn(client(sender.clone(), own, status)));
        }
        for client in clients {
            client.await.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}

fn request(fields: &Fields) -> http::Request<Full<Bytes>> {
    let uri = format!("http://{}{}", decision::AUTHORITY, decision::TARGET);
    let mut request = http::Request::post(uri);
    for (name, value) in fields {
        request = request.header(name, value);
    }
    request.body(Full::from(&PNG[..])).expect("a request")
}

async fn client(
    mut sender: SendRequest<Full<Bytes>>,
    requests: Vec<http::Request<Full<Bytes>>>,
    status: u16,
) -> std::io::Result<()> {
    for request in requests {
        sender.ready().await.map_err(std::io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(std::io::Error::other)?;
        if answer.status() != status {
            let wrong = format!("expected {status}, got {}", answer.status());
            return Err(std::io::Error::other(wrong));
        }
        answer.into_body().collect().await.map_err(std::io::Error::other)?;
    }
    Ok(())
}
