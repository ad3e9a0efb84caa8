//! What became of a request, for the caller's counters, logs and audit.

use std::collections::BTreeMap;

/// Why a request was stopped. For the inner service this is the error of its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Abort {
    /// The filter answered in place of the inner service.
    #[error("the filter refused the request")]
    Refused,
    /// The filter failed, or neither continued nor answered (503).
    #[error("the gate could not judge the request")]
    Unavailable,
    /// The client sent nothing for too long, or its body took too long (408).
    #[error("the client did not send its body in time")]
    TimedOut,
    /// The filter wanted to see more of the body than the gate holds (413).
    #[error("the filter held more of the body than the gate keeps")]
    HeldTooLong,
    /// All requests together hold as much as the gate keeps (503).
    #[error("the gate holds too many bodies at once")]
    Crowded,
    /// The body ended in trailers, which nobody judges (400).
    #[error("the body ended in trailers")]
    Trailers,
    /// The client's body broke off or was framed wrongly (400).
    #[error("the body could not be read from the client")]
    Unreadable,
}

/// The gate's last word on a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The filter let the request through and the inner service answered.
    Passed,
    /// The gate answered itself.
    Stopped(Abort),
}

/// What became of a request: an extension of every response that leaves the gate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Who answered, and why.
    pub outcome: Outcome,
    notes: BTreeMap<String, String>,
}

impl Verdict {
    pub(crate) fn new(outcome: Outcome, notes: BTreeMap<String, String>) -> Self {
        Self { outcome, notes }
    }

    /// The public code: the filter's property `lunette.code`, or the code of the gate's own answer.
    pub fn code(&self) -> Option<&str> {
        self.note("code").or_else(|| match self.outcome {
            Outcome::Stopped(abort) => abort.code(),
            Outcome::Passed => None,
        })
    }

    /// The internal reason: the filter's property `lunette.reason`.
    pub fn reason(&self) -> Option<&str> {
        self.note("reason")
    }

    /// The filter's property `lunette.request_id`.
    pub fn request_id(&self) -> Option<&str> {
        self.note("request_id")
    }

    /// Any property that the filter set as `lunette.NAME`.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.notes.get(name).map(String::as_str)
    }
}
