//! The filter with one fault in it: what it is called for when trailers come is a trap.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use conformance::client::Answer;
use conformance::envoy::Envoy;
use conformance::gate;
use conformance::vectors::{HOST, Request};
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};

/// What Envoy calls.
const EXPORT: &[u8] = b"proxy_on_request_trailers";

/// A copy of the compiled filter whose export for trailers does nothing but trap.
pub(crate) fn module_that_traps_on_trailers(folder: &Path) -> PathBuf {
    let mut module = std::fs::read(gate::module()).expect("the filter");
    let (start, end) = code_of(&module);
    // `unreachable`, and nothing after it; the function stays as long as it was.
    module[start] = 0x00;
    module[start + 1..end - 1].fill(0x01);
    let path = folder.join("trap.wasm");
    std::fs::write(&path, module).expect("a file");
    path
}

/// Where the instructions of the export are, from behind its locals to behind its `end`.
fn code_of(module: &[u8]) -> (usize, usize) {
    let (mut imported, mut function, mut code) = (0, None, None);
    let mut at = 8;
    while at < module.len() {
        let id = module[at];
        at += 1;
        let length = number(module, &mut at);
        let end = at + length;
        match id {
            // Imports come before the module's own functions, and are counted with them.
            2 => {
                for _ in 0..number(module, &mut at) {
                    for _ in 0..2 {
                        let length = number(module, &mut at);
                        at += length;
                    }
                    assert_eq!(module[at], 0, "the filter imports functions alone");
                    at += 1;
                    number(module, &mut at);
                    imported += 1;
                }
            }
            7 => {
                for _ in 0..number(module, &mut at) {
                    let length = number(module, &mut at);
                    let name = &module[at..at + length];
                    at += length + 1;
                    let index = number(module, &mut at);
                    if name == EXPORT {
                        function = Some(index);
                    }
                }
            }
            10 => code = Some(at),
            _ => {}
        }
        at = end;
    }
    let (function, mut at) = (function.expect("the export"), code.expect("code"));
    number(module, &mut at);
    for _ in imported..function {
        let length = number(module, &mut at);
        at += length;
    }
    let length = number(module, &mut at);
    let end = at + length;
    for _ in 0..number(module, &mut at) {
        number(module, &mut at);
        at += 1;
    }
    (at, end)
}

/// An unsigned LEB128.
fn number(module: &[u8], at: &mut usize) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = module[*at];
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
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
