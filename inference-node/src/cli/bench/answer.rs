//! What became of one request.

use axum::http::{HeaderMap, header};
use bytes::Bytes;

/// The whole answer of a server.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The value of a field, if it is text.
    pub(super) fn field(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `code` of a problem document.
    pub(super) fn code(&self) -> Option<String> {
        let media_type = self.field(header::CONTENT_TYPE)?;
        if !media_type.starts_with("application/problem+json") {
            return None;
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        // Bounded: it becomes a row of the result.
        problem.get("code")?.as_str().map(|code| code.chars().take(64).collect())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Failure {
    /// Nobody took the connection.
    Connect,
    /// The connection ended before the answer did, or the answer was no HTTP.
    Broken,
    /// It took longer than the patience allows.
    TimedOut,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "no-connection",
            Self::Broken => "broken-off",
            Self::TimedOut => "timed-out",
        }
    }
}
