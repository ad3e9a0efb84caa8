//! What stands behind a gate: it takes every request, and remembers what it saw.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use filter::{Claims, PermitKey, permit};
use filter_wasmtime::GatedBody;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};

use crate::keys;
use crate::vectors::{self, Moment};

/// What the upstream saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body, if it came to a clean end.
    pub body: Option<Bytes>,
}

impl Seen {
    /// What the one permit says.
    ///
    /// # Panics
    /// If there is none, or more than one, or it is not valid now.
    pub fn claims(&self) -> Claims {
        let mut permits = self.headers.iter().filter(|(name, _)| name == permit::HEADER);
        let (_, text) = permits.next().expect("a permit");
        assert!(permits.next().is_none(), "two permits");
        let key = PermitKey::new(super::NAME, 1, keys::PERMIT_KEY);
        permit::open(text, &[key], Moment::real().0).expect("a valid permit")
    }

    /// The request, if its body came to a clean end.
    pub fn request(&self) -> Option<vectors::Request> {
        let Self { method, target, headers, body } = self.clone();
        body.map(|body| vectors::Request { method, target, headers, body: body.to_vec() })
    }
}

/// An upstream, and what it saw.
#[derive(Clone, Default)]
pub struct Upstream {
    seen: Arc<Mutex<Vec<Seen>>>,
    verdict: Arc<Mutex<String>>,
}

impl Upstream {
    /// What it saw last; it is asked for once.
    pub fn pop(&self) -> Option<Seen> {
        self.seen.lock().expect("a lock").pop()
    }

    /// How many requests it saw, other than those that were asked for.
    pub fn count(&self) -> usize {
        self.seen.lock().expect("a lock").len()
    }

    /// What it tells the gate with its next answers.
    pub fn tell(&self, verdict: &str) {
        verdict.clone_into(&mut self.verdict.lock().expect("a lock"));
    }

    pub(super) async fn answer(
        self,
        request: Request<GatedBody>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let record = Seen {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or(String::new(), ToString::to_string),
            headers: headers.collect(),
            body: None,
        };
        let permit = record.headers.iter().find(|(name, _)| name == permit::HEADER).cloned();
        self.seen.lock().expect("a lock").push(record);
        let body = body.collect().await.ok().map(Collected::to_bytes);
        // Others may have come meanwhile: a permit names its request.
        let mut seen = self.seen.lock().expect("a lock");
        let own = seen.iter_mut().rev().find(|seen| {
            seen.headers.iter().find(|(name, _)| name == permit::HEADER) == permit.as_ref()
        });
        if let Some(own) = own {
            own.body = body;
        }
        drop(seen);
        let verdict = self.verdict.lock().expect("a lock").clone();
        Ok(Response::builder()
            .header("lunette-verdict", verdict)
            .body(Full::new(Bytes::from_static(b"done")))
            .expect("a response"))
    }
}
