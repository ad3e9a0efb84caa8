//! A step's request, made at the moment when it is sent.

use std::time::{SystemTime, UNIX_EPOCH};

use filter::UnixMillis;

use super::{Action, Step};
use crate::{keys, sign, token};

/// When a request is made.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub UnixMillis);

impl Moment {
    /// Now.
    ///
    /// # Panics
    /// If this machine believes that it is before 1970.
    pub fn real() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        Self(UnixMillis(
            u64::try_from(since.as_millis()).expect("a time before the year 500 million"),
        ))
    }

    /// The Unix time in whole seconds, `offset` later.
    pub(crate) fn seconds(self, offset: i64) -> u64 {
        (self.0.0 / 1000).saturating_add_signed(offset)
    }
}

/// A request, ready to be sent to a host.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields. Without `Host` among them, [`HOST`] is asked.
    pub headers: Vec<(String, String)>,
    /// The bytes that are sent.
    pub body: Vec<u8>,
}

/// The host that requests are for unless they say otherwise.
pub const HOST: &str = "images.example";

impl Request {
    /// The values of the header field `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str())
    }

    /// The host that is asked.
    pub fn authority(&self) -> &str {
        self.values("host").next().unwrap_or(HOST)
    }

    /// Gives a field this value and no other.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl Step {
    /// The request, made now and sent from `client`; `None` if an earlier one is sent again.
    ///
    /// # Panics
    /// If the step describes no request.
    pub fn compose(&self, now: Moment, client: Option<&str>) -> Option<Request> {
        if self.action() != Action::Send {
            return None;
        }
        let (content_type, whole) = self.wrapped();
        let mut request = Request {
            method: self.method.clone(),
            target: fill_in(&self.target),
            headers: Vec::new(),
            body: whole,
        };
        if let Some(authority) = &self.authority {
            request.set("Host", authority.clone());
        }
        if let Some(name) = self.presented_key() {
            request.set("Authorization", format!("Bearer {}", keys::text(name)));
        }
        if let Some(token) = &self.token {
            request.set("Authorization", format!("Bearer {}", token::text(token, now)));
        }
        if let Some(client) = self.named_client(client) {
            request.set("X-Forwarded-For", client);
        }
        if let Some(content_type) = content_type {
            request.set("Content-Type", content_type);
        }
        match self.content_length.as_str() {
            "exact" => request.set("Content-Length", request.body.len().to_string()),
            "none" => {}
            text => request.set("Content-Length", text),
        }
        let more = self.headers.iter().map(|(name, value)| (name.clone(), fill_in(value)));
        request.headers.extend(more);
        if let Some(sign) = &self.sign {
            sign::apply(sign, &mut request, now);
        }
        request.body.truncate(self.keep.unwrap_or(usize::MAX));
        Some(request)
    }
}

/// Replaces `{good}` by the good key, and `{x*3}` by `xxx`.
fn fill_in(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').expect("a brace is closed");
        out.push_str(before);
        match inside.split_once('*') {
            Some((what, times)) => out.push_str(&what.repeat(times.parse().expect("a number"))),
            None => out.push_str(&keys::text(inside)),
        }
        rest = after;
    }
    out + rest
}
