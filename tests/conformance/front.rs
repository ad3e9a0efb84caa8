//! Hosts that speak HTTP, as hosts that vectors run on.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use conformance::client::{self, Answer};
use conformance::envoy::Envoy;
use conformance::gate::Running;
use conformance::outcome::{Outcome, Upstream};
use conformance::recorder::Recorder;
use conformance::run::{Host, Sent};
use conformance::vectors::{Moment, Request};
use conformance::workerd::Workerd;
use filter_wasmtime::Verdict;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::http2;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How requests are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pace {
    /// With the body in one piece.
    Whole,
    /// With the body in pieces of 1000 bytes, or of 7 if it is short.
    Pieces,
    /// With no more of the body than decides that it is refused.
    Staged,
    /// Over HTTP/2.
    Http2,
}

/// A connection of any kind.
pub(crate) type Stream = Pin<Box<dyn Duplex>>;

/// What can be read and written.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Duplex for S {}

/// A host that speaks HTTP.
pub(crate) enum Server {
    /// The embedded gate.
    Embedded(Running),
    /// Envoy.
    Envoy(Envoy),
    /// The Worker.
    Workerd(Workerd),
}

impl From<Running> for Server {
    fn from(running: Running) -> Self {
        Self::Embedded(running)
    }
}

impl From<Envoy> for Server {
    fn from(envoy: Envoy) -> Self {
        Self::Envoy(envoy)
    }
}

impl From<Workerd> for Server {
    fn from(workerd: Workerd) -> Self {
        Self::Workerd(workerd)
    }
}

impl Server {
    /// Connects to it: with TLS to Envoy, without to the others.
    ///
    /// # Errors
    /// If it does not take the connection.
    pub(crate) async fn connect(&self, protocol: &str) -> io::Result<Stream> {
        let address = match self {
            Self::Embedded(running) => running.address,
            Self::Workerd(workerd) => workerd.address,
            Self::Envoy(envoy) => {
                let config = envoy.certificates.client(None, &[protocol]);
                return Ok(Box::pin(envoy.connect_with(config).await?));
            }
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::pin(stream))
    }

    /// The request as this host's clients send it.
    pub(crate) fn dress(&self, request: &Request) -> Request {
        match self {
            Self::Workerd(_) => Workerd::through_cloudflare(request),
            Self::Embedded(_) | Self::Envoy(_) => request.clone(),
        }
    }
}

/// A host that speaks HTTP, and what is behind it.
pub(crate) struct Front {
    server: Server,
    upstream: Recorder,
    pace: Pace,
    /// Lines of Envoy's access log that nobody asked for yet.
    lines: Vec<serde_json::Value>,
    read: usize,
}

impl Front {
    /// A host in front of `upstream`.
    pub(crate) fn new(server: impl Into<Server>, upstream: Recorder, pace: Pace) -> Self {
        Self { server: server.into(), upstream, pace, lines: Vec::new(), read: 0 }
    }

    async fn ask(&self, request: &Request) -> io::Result<Answer> {
        let request = self.server.dress(request);
        let piece = match self.pace {
            Pace::Http2 => return http2::send(self.server.connect("h2").await?, &request).await,
            Pace::Pieces if request.body.len() < 3_000 => 7,
            Pace::Pieces => 1_000,
            Pace::Whole | Pace::Staged => usize::MAX,
        };
        client::send_on(self.server.connect("http/1.1").await?, &request, piece).await
    }

    /// The line of the access log about the request with this id.
    async fn line(&mut self, id: &str) -> Option<serde_json::Value> {
        let Server::Envoy(envoy) = &self.server else { return None };
        for _ in 0..200 {
            if let Some(at) = self.lines.iter().position(|line| line["request_id"] == id) {
                return Some(self.lines.swap_remove(at));
            }
            let log = envoy.access_log();
            let whole = log.rfind('\n').map_or(0, |end| end + 1);
            let new = log.get(self.read..whole).unwrap_or_default().lines();
            self.lines.extend(new.map(|line| serde_json::from_str(line).expect("JSON")));
            if self.read == whole {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.read = whole;
        }
        None
    }
}

impl Host for Front {
    fn now(&self) -> Moment {
        Moment::real()
    }

    async fn send(&mut self, request: &Request, verdict: &str) -> Outcome {
        self.upstream.tell(verdict);
        if let Server::Embedded(running) = &self.server {
            running.verdicts.lock().expect("a lock").clear();
        }
        // A connection that ends without an answer is an answer that no vector expects.
        let answer = match tokio::time::timeout(PATIENCE, self.ask(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => unanswered(&error.to_string()),
            Err(_) => unanswered("no answer came in time"),
        };
        let seen = match answer.header("x-request-id") {
            // An answer of the upstream has no id of the gate. Whatever came last is its request.
            None if answer.status == 200 => self.upstream.pop(),
            None => None,
            Some(id) => self.upstream.take(id).await,
        };
        let mut outcome = Outcome {
            answer,
            verdict: None,
            event: None,
            upstream: seen.map_or(Upstream::Nothing, Into::into),
            decided_by: None,
        };
        // Envoy sends again what the node says that it did not do. It is one request.
        if let (Upstream::Whole(_), Some(id)) = (&outcome.upstream, id(&outcome)) {
            while self.upstream.take(&id).await.is_some() {}
        }
        if let Server::Embedded(running) = &self.server {
            let verdict = running.verdicts.lock().expect("a lock").pop();
            if let Some(verdict) = verdict {
                note(&mut outcome, &verdict);
            }
        }
        outcome
    }

    async fn learn(&mut self, sent: &mut [Sent]) {
        for Sent { outcome, .. } in sent {
            let Some(id) = id(outcome) else { continue };
            // The answer to a bad tail can be faster than the request that it breaks off.
            if matches!(outcome.upstream, Upstream::Nothing)
                && let Some(seen) = self.upstream.take(&id).await
            {
                outcome.upstream = seen.into();
            }
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let told = match &self.server {
                Server::Embedded(_) => continue,
                // Its log knows the id of what the node answered only by the node's own log.
                Server::Envoy(_) if matches!(outcome.upstream, Upstream::Whole(_)) => continue,
                Server::Envoy(_) => self.line(&id).await,
                Server::Workerd(workerd) => {
                    let event = workerd.events.find(&id).await;
                    outcome.event.clone_from(&event);
                    event
                }
            };
            outcome.verdict = told.map(|told| (text(&told["code"]), text(&told["reason"])));
        }
    }
}

fn unanswered(why: &str) -> Answer {
    Answer { status: 0, headers: Vec::new(), body: why.into() }
}

/// The id of a request that was judged.
fn id(outcome: &Outcome) -> Option<String> {
    match &outcome.upstream {
        Upstream::Whole(received) => Some(filter::hex::encode(&received.claims.id.0)),
        _ => outcome.answer.header("x-request-id").map(str::to_owned),
    }
}

/// What the embedded gate told of a request.
fn note(outcome: &mut Outcome, verdict: &Verdict) {
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    outcome.verdict = Some((word(verdict.code()), word(verdict.reason())));
    let event = verdict.note("event");
    outcome.event = event.map(|event| serde_json::from_str(event).expect("an event is JSON"));
}
