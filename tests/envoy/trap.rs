//! The filter with one fault in it: what it is called for when trailers come is a trap.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use conformance::client::Answer;
use conformance::envoy::Envoy;
use conformance::vectors::{HOST, Request};
use conformance::{fault, gate};
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};

/// A copy of the compiled filter whose export for trailers does nothing but trap.
pub(crate) fn module_that_traps_on_trailers(folder: &Path) -> PathBuf {
    let module = std::fs::read(gate::module()).expect("the filter");
    let path = folder.join("trap.wasm");
    let faulty = fault::trapping(module, "proxy_on_request_trailers");
    std::fs::write(&path, faulty).expect("a file");
    path
}

/// Sends a request as HTTP/2, with a trailer behind its body.
pub(crate) async fn send_with_trailers(envoy: &Envoy, request: &Request) -> Answer {
    let stream = envoy.connect_with(envoy.certificates.client(None, &["h2"])).await;
    let io = TokioIo::new(stream.expect("a connection"));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut head = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(format!("https://{HOST}{}", request.target));
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let body = Bytes::copy_from_slice(&request.body);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-trailer", HeaderValue::from_static("1"));
    let frames = [Frame::data(body), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
    let request = head.body(StreamBody::new(stream::iter(frames))).expect("a request");
    let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let answer = Answer {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: body.collect().await.expect("a body").to_bytes().to_vec(),
    };
    connection.abort();
    answer
}
