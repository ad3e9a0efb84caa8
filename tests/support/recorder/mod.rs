//! What stands behind a gate: it takes every request as a node does, and remembers what came.
//!
//! It is a real server where a gate speaks HTTP to it, and a function where a gate calls it in this
//! process. No model runs: a request that the node would decode is answered with `done`.

mod judge;
mod seen;
mod server;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body as NodeBody;
use bytes::Bytes;
use filter::{Policy, permit};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio_rustls::rustls::ServerConfig;

use crate::vectors;
pub use seen::{Ended, Seen};

/// How long after its answer a request may still be arriving.
const PATIENCE: Duration = Duration::from_secs(5);

/// An upstream, and what it saw. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    verdict: Arc<Mutex<String>>,
    /// What whole bodies are judged by; without one, all are taken.
    policy: Option<Arc<Policy>>,
}

impl Recorder {
    /// One that judges whole bodies as the node does, by the policy of the vectors called `policy`.
    ///
    /// # Panics
    /// If the policy is not right.
    pub fn judging(policy: &str) -> Self {
        let parsed = Policy::parse(vectors::policy(policy).as_bytes());
        let parsed = parsed.unwrap_or_else(|error| panic!("{policy}.json: {error}"));
        Self { policy: Some(Arc::new(parsed)), ..Self::default() }
    }

    /// Listens on a free port of the loopback, for HTTP/1.1 and HTTP/2, with TLS if it is given a
    /// configuration of it.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn serve(&self, tls: Option<ServerConfig>) -> SocketAddr {
        server::serve(self.clone(), tls).await
    }

    /// What it saw last; it is asked for once.
    pub fn pop(&self) -> Option<Seen> {
        self.lock().pop()
    }

    /// What it saw of the request with this id, once that has ended; it is asked for once.
    pub async fn take(&self, id: &str) -> Option<Seen> {
        let began = tokio::time::Instant::now();
        loop {
            {
                let mut seen = self.lock();
                let at = seen.iter().position(|seen| seen.is_of(id))?;
                if seen[at].ended != Ended::NotYet || began.elapsed() > PATIENCE {
                    return Some(seen.remove(at));
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How many requests it saw, other than those that were asked for.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// What it tells the gate with its next answers.
    pub fn tell(&self, verdict: &str) {
        verdict.clone_into(&mut self.verdict.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes a request, and answers it.
    ///
    /// # Errors
    /// Never.
    pub async fn answer<B>(self, request: Request<B>) -> Result<Response<NodeBody>, Infallible>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let arriving = Arriving::note(&self, Seen::new(&parts));
        let Ok(body) = body.collect().await else {
            // Whoever sent it is not there any more.
            return Ok(Response::new(NodeBody::empty()));
        };
        let body = body.to_bytes();
        let refused = self.policy.as_ref().and_then(|policy| judge::refuse(policy, &parts, &body));
        arriving.end(if refused.is_some() { Ended::Refused } else { Ended::Cleanly(body) });
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = Response::builder().header(permit::VERDICT_HEADER, verdict);
        Ok(response.body(NodeBody::new(Full::from("done"))).expect("a response"))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is coming. If it is dropped before its end, as a server does with what its client
/// leaves, the request broke off.
struct Arriving {
    recorder: Recorder,
    number: u64,
}

impl Arriving {
    fn note(recorder: &Recorder, seen: Seen) -> Self {
        let number = seen.number;
        recorder.lock().push(seen);
        Self { recorder: recorder.clone(), number }
    }

    fn end(&self, how: Ended) {
        let mut seen = self.recorder.lock();
        let own = seen.iter_mut().find(|seen| seen.number == self.number);
        // Somebody may have asked for it meanwhile.
        if let Some(own) = own.filter(|own| own.ended == Ended::NotYet) {
            own.ended = how;
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.end(Ended::BrokenOff);
    }
}
