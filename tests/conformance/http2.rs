//! Requests over HTTP/2.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use conformance::client::Answer;
use conformance::vectors::{Moment, Request, Vector};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::front::Stream;

/// Fields that HTTP/2 does not have.
const OF_HTTP1: [&str; 5] =
    ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"];

/// Whether HTTP/2 has a way to say everything that a vector sends.
pub(crate) fn can_say(vector: &Vector) -> bool {
    let requests = vector.steps.iter().filter_map(|step| step.compose(Moment::real(), None));
    let mut requests = requests.map(|request| {
        let declared = request.values("content-length").eq([request.body.len().to_string()]);
        let fields = OF_HTTP1.iter().all(|name| request.values(name).next().is_none());
        declared && fields && request.values("host").count() < 2 && to_http(&request).is_some()
    });
    requests.all(|said| said)
}

/// Sends one request over a connection that speaks HTTP/2.
pub(crate) async fn send(stream: Stream, request: &Request) -> io::Result<Answer> {
    let patience = Duration::from_mins(1);
    tokio::time::timeout(patience, exchange(stream, request)).await?.map_err(io::Error::other)
}

async fn exchange(
    stream: Stream,
    request: &Request,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let request = to_http(request).ok_or("HTTP/2 cannot say this")?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let headers = headers.collect();
    let body = body.collect().await?.to_bytes().to_vec();
    connection.abort();
    Ok(Answer { status: parts.status.as_u16(), headers, body })
}

type Body =
    StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn to_http(request: &Request) -> Option<http::Request<Body>> {
    let uri = http::Uri::builder().scheme("https").authority(request.authority());
    let uri = uri.path_and_query(request.target.as_str()).build().ok()?;
    let mut builder = http::Request::builder()
        .version(http::Version::HTTP_2)
        .method(request.method.as_str())
        .uri(uri);
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("host") {
            builder = builder.header(name.as_str(), value.trim().as_bytes());
        }
    }
    let pieces = request.body.chunks(16_384).map(Bytes::copy_from_slice);
    let frames: Vec<_> = pieces.map(|piece| Ok(Frame::data(piece))).collect();
    builder.body(StreamBody::new(futures_util::stream::iter(frames))).ok()
}
