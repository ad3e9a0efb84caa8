//! An HTTP/2 client that declares one length and sends another, if it is told to.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::Answer;
use crate::vectors::{HOST, Request};

/// Sends a request as it is written, in pieces of at most `piece` bytes, and reads the answer.
///
/// # Errors
/// If the stream is reset or the connection fails.
pub async fn send_on(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &Request,
    piece: usize,
) -> Result<Answer, hyper::Error> {
    let io = TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let pieces: Vec<_> = request
        .body
        .chunks(piece.max(1))
        .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let uri = format!("http://{HOST}{}", request.target);
    let mut head = hyper::Request::builder().method(request.method.as_str()).uri(uri);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let request = head.body(StreamBody::new(stream::iter(pieces))).expect("a request");
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = body.collect().await?.to_bytes().to_vec();
    connection.abort();
    Ok(Answer { status: head.status.as_u16(), headers, body })
}
