//! The embedded gate as hosts that vectors run on.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use filter_wasmtime::{Peer, Verdict};
use futures_util::stream;
use http::Version;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tower::ServiceExt as _;

use super::{Loaded, Running};
use crate::client::{self, Answer};
use crate::library::Cut;
use crate::outcome::{self, Outcome};
use crate::recorder::Seen;
use crate::run::Host;
use crate::vectors::{HOST, Moment, Request};

/// The compiled filter in this process, without a socket.
pub struct InProcess {
    /// The gate.
    pub loaded: Loaded,
    cut: Cut,
}

impl InProcess {
    /// A gate whose bodies come in these pieces.
    pub fn new(loaded: Loaded, cut: Cut) -> Self {
        Self { loaded, cut }
    }
}

impl Host for InProcess {
    fn now(&self) -> Moment {
        Moment::real()
    }

    async fn send(&mut self, request: &Request, verdict: &str) -> Outcome {
        let Loaded { guarded, upstream, .. } = &self.loaded;
        upstream.tell(verdict);
        let Some(request) = as_http(request, self.cut) else { return unsendable() };
        let response =
            guarded.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: body.collect().await.map_or(Vec::new(), |body| body.to_bytes().to_vec()),
        };
        outcome(answer, parts.extensions.get::<Verdict>(), upstream.pop())
    }
}

/// The request as one of `http`; `None` if that has no way to say it.
fn as_http(request: &Request, cut: Cut) -> Option<http::Request<super::AnyBody>> {
    let mut builder = http::Request::builder()
        .version(Version::HTTP_11)
        .method(request.method.as_str())
        .uri(request.target.as_str())
        .extension(Peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 9))));
    if request.values("host").next().is_none() {
        builder = builder.header("host", HOST);
    }
    for (name, value) in &request.headers {
        builder = builder.header(name.as_str(), value.trim().as_bytes());
    }
    let pieces: Vec<_> =
        cut.pieces(&request.body).into_iter().map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let body = StreamBody::new(stream::iter(frames));
    builder.body(body.map_err(|never| match never {}).boxed_unsync()).ok()
}

/// What only a parser of HTTP can be sent.
fn unsendable() -> Outcome {
    Outcome {
        answer: Answer { status: 400, headers: Vec::new(), body: Vec::new() },
        verdict: None,
        event: None,
        upstream: outcome::Upstream::Nothing,
        decided_by: None,
    }
}

/// A gate over real HTTP.
pub struct OverHttp {
    /// The gate.
    pub running: Running,
    piece: usize,
}

impl OverHttp {
    /// A gate whose clients write so many bytes of a body at once.
    pub fn new(running: Running, piece: usize) -> Self {
        Self { running, piece }
    }
}

impl Host for OverHttp {
    fn now(&self) -> Moment {
        Moment::real()
    }

    async fn send(&mut self, request: &Request, verdict: &str) -> Outcome {
        let Running { address, upstream, verdicts, .. } = &self.running;
        upstream.tell(verdict);
        verdicts.lock().expect("a lock").clear();
        let answer = client::send(*address, request, self.piece).await;
        let answer = answer.unwrap_or_else(|error| panic!("{request:?}: {error}"));
        let verdict = verdicts.lock().expect("a lock").pop();
        outcome(answer, verdict.as_ref(), upstream.pop())
    }
}

fn outcome(answer: Answer, verdict: Option<&Verdict>, seen: Option<Seen>) -> Outcome {
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    let event = verdict.and_then(|verdict| verdict.note("event"));
    let upstream = seen.map_or(outcome::Upstream::Nothing, Into::into);
    Outcome {
        answer,
        verdict: verdict.map(|verdict| (word(verdict.code()), word(verdict.reason()))),
        event: event.map(|event| serde_json::from_str(event).expect("an event is JSON")),
        upstream,
        decided_by: None,
    }
}
