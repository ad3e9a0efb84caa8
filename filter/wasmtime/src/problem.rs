//! The gate's own answers, as problem details (RFC 9457).

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use crate::verdict::Abort;

impl Abort {
    /// Status, code and detail of the gate's own answer. A refusal of the filter that carries no
    /// answer of its own cannot be told from a failure.
    fn answer(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Refused | Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "gate-unavailable",
                "the gate could not judge this request; send it again",
            ),
            Self::TimedOut => {
                (S::REQUEST_TIMEOUT, "request-timeout", "the body did not arrive in time")
            }
            Self::HeldTooLong => (
                S::PAYLOAD_TOO_LARGE,
                "held-body-too-long",
                "the gate could not judge this body from its first bytes",
            ),
            Self::Crowded => (
                S::SERVICE_UNAVAILABLE,
                "gate-overloaded",
                "too many requests are being judged at once; send it again",
            ),
            Self::Trailers => {
                (S::BAD_REQUEST, "trailers-not-accepted", "a request body must not have trailers")
            }
            Self::Unreadable => {
                (S::BAD_REQUEST, "body-unreadable", "the body could not be read to its end")
            }
        }
    }

    /// The public code of the gate's own answer; a refusal has the filter's.
    pub(crate) fn code(self) -> Option<&'static str> {
        (self != Self::Refused).then(|| self.answer().1)
    }
}

/// The answer to a request that the gate stopped by itself.
pub(crate) fn response(abort: Abort, request_id: Option<&str>) -> Response<Bytes> {
    let (status, code, detail) = abort.answer();
    let title = status.canonical_reason().unwrap_or("Error");
    let request_id = request_id
        .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .map_or_else(random_id, |id| Some(id.to_owned()));

    let mut body = format!(
        r#"{{"type":"urn:lunette:problem:{code}","title":"{title}","status":{},"detail":"{detail}","code":"{code}""#,
        status.as_u16(),
    );
    if let Some(id) = &request_id {
        // Writing to a string cannot fail.
        let _ = write!(body, r#","request_id":"{id}""#);
    }
    body.push('}');

    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// 128 random bits in hex, or nothing where the system has no randomness.
fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}
