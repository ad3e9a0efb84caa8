//! One connection at a time, opened when it is needed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::answer::{Answer, Failure};

/// The largest answer that is read.
const ANSWER_MAX: usize = 256 << 20;

/// Sends requests one after the other.
pub(super) struct Client {
    address: SocketAddr,
    http2: bool,
    sender: Option<Sender>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub(super) fn new(address: SocketAddr, http2: bool) -> Self {
        Self { address, http2, sender: None }
    }

    /// Sends a request and reads its whole answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let answer = tokio::time::timeout(timeout, self.exchange(request)).await;
        let answer = answer.unwrap_or(Err(Failure::TimedOut));
        if answer.is_err() {
            // What may still come over it belongs to nobody.
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let (parts, body) = match self.offer(request).await? {
            Ok(response) => response,
            // The server closed a connection that was idle, as it may: nothing of the request was sent.
            Err(request) => {
                self.sender = None;
                self.offer(*request).await?.map_err(|_| Failure::Broken)?
            }
        }
        .into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|_| Failure::Broken)?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    }

    /// Sends a request; gives it back if the connection had ended before.
    async fn offer(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Result<Response<Incoming>, Box<Request<Full<Bytes>>>>, Failure> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => self.connect().await.map_err(|_| Failure::Connect)?,
        };
        let sent = match self.sender.insert(sender) {
            Sender::Http1(sender) => {
                if sender.ready().await.is_err() {
                    return Ok(Err(Box::new(request)));
                }
                sender.try_send_request(request).await
            }
            Sender::Http2(sender) => {
                if sender.ready().await.is_err() {
                    return Ok(Err(Box::new(request)));
                }
                sender.try_send_request(request).await
            }
        };
        sent.map(Ok).or_else(|mut error: TrySendError<_>| {
            error.take_message().map(|request| Err(Box::new(request))).ok_or(Failure::Broken)
        })
    }

    async fn connect(&self) -> io::Result<Sender> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        // A connection's task ends with the connection, or with its sender; what went wrong is told to the sender.
        Ok(if self.http2 {
            let shaken = http2::Builder::new(TokioExecutor::new()).handshake(stream).await;
            let (sender, connection) = shaken.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        })
    }
}
