//! What an upstream saw of one request.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use filter::{Claims, PermitKey, permit};
use http::request::Parts;

use crate::keys;
use crate::outcome::{Received, Upstream};
use crate::vectors::{Moment, Request};

/// What the upstream saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// How its body ended.
    pub ended: Ended,
    pub(super) number: u64,
    /// What its permit says, or why there is not one good one.
    claims: Result<Claims, String>,
}

/// How a body ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Not at all so far.
    NotYet,
    /// It broke off.
    BrokenOff,
    /// Cleanly, and these bytes were not taken: the answer was a refusal.
    Refused,
    /// Cleanly, and these bytes were taken.
    Cleanly(Bytes),
}

impl Seen {
    pub(super) fn new(parts: &Parts) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let mut headers: Vec<_> = headers.collect();
        // HTTP/2 has it in a place of its own.
        if let Some(authority) =
            parts.uri.authority().filter(|_| !parts.headers.contains_key("host"))
        {
            headers.push(("host".to_owned(), authority.to_string()));
        }
        Self {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or(String::new(), ToString::to_string),
            claims: claims_of(&headers),
            headers,
            ended: Ended::NotYet,
            number: COUNTER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What the one permit says.
    ///
    /// # Panics
    /// If there is none, or more than one, or it was not valid when it came.
    pub fn claims(&self) -> Claims {
        self.claims.clone().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The body, if it came to a clean end and was taken.
    pub fn body(&self) -> Option<&Bytes> {
        match &self.ended {
            Ended::Cleanly(body) => Some(body),
            Ended::NotYet | Ended::BrokenOff | Ended::Refused => None,
        }
    }

    /// Whether its permit is for the request with this id.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.claims.as_ref().is_ok_and(|claims| filter::hex::encode(&claims.id.0) == id)
    }
}

/// The permits that open, by whichever gate of the tests.
fn claims_of(headers: &[(String, String)]) -> Result<Claims, String> {
    let mut permits = headers.iter().filter(|(name, _)| name == permit::HEADER);
    let (_, text) = permits.next().ok_or("no permit")?;
    if permits.next().is_some() {
        return Err("two permits".to_owned());
    }
    let keys = super::judge::GATES.map(|gate| PermitKey::new(gate, 1, keys::PERMIT_KEY));
    permit::open(text, &keys, Moment::real().0).map_err(|error| format!("{error:?}"))
}

impl From<Seen> for Upstream {
    fn from(seen: Seen) -> Self {
        let body = match &seen.ended {
            Ended::NotYet | Ended::BrokenOff => return Self::Abort,
            Ended::Refused => return Self::Refused,
            Ended::Cleanly(body) => body.to_vec(),
        };
        let claims = seen.claims();
        let Seen { method, target, headers, .. } = seen;
        let request = Some(Request { method, target, headers, body });
        Self::Whole(Box::new(Received { claims, request }))
    }
}

impl Seen {
    /// The request, if its body came to a clean end and was taken.
    pub fn request(&self) -> Option<Request> {
        let Self { method, target, headers, .. } = self.clone();
        let body = self.body()?.to_vec();
        Some(Request { method, target, headers, body })
    }
}
