//! The one place where a failed check becomes a status, a code and an answer (RFC 9457).

mod dialect;
mod fault;
mod outcome;
mod reason;

use http::StatusCode;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;

use crate::checks::{
    admission, arrival, backoff, client, content, credential, encoding, framing, length,
    media_type, permission, query, remembered, route, target,
};
use crate::permit::PermitId;
use crate::policy::Dialect;
use crate::{body, cors, image, permit, signature};

pub use fault::Fault;

/// What the `type` of a problem starts with; the code follows.
pub const TYPE_PREFIX: &str = "urn:lunette:problem:";

/// Names a request in every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why a request went no further.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// See [`framing`].
    #[error(transparent)]
    Framing(#[from] framing::Error),
    /// See [`target`].
    #[error(transparent)]
    Target(#[from] target::Error),
    /// See [`route`].
    #[error(transparent)]
    Route(#[from] route::Error),
    /// See [`cors`].
    #[error(transparent)]
    Preflight(#[from] cors::Preflight),
    /// See [`query`].
    #[error(transparent)]
    Query(#[from] query::Error),
    /// See [`encoding`].
    #[error(transparent)]
    Encoding(#[from] encoding::Error),
    /// See [`media_type`].
    #[error(transparent)]
    MediaType(#[from] media_type::Error),
    /// See [`length`].
    #[error(transparent)]
    Length(#[from] length::Error),
    /// See [`credential`].
    #[error(transparent)]
    Credential(#[from] credential::Error),
    /// See [`client`].
    #[error(transparent)]
    Client(#[from] client::Error),
    /// See [`permission`].
    #[error(transparent)]
    Permission(#[from] permission::Error),
    /// See [`admission`].
    #[error(transparent)]
    Admission(#[from] admission::Error),
    /// See [`backoff`].
    #[error(transparent)]
    Backoff(#[from] backoff::Error),
    /// See [`remembered`].
    #[error(transparent)]
    Remembered(#[from] remembered::Error),
    /// See [`arrival`].
    #[error(transparent)]
    Arrival(#[from] arrival::Error),
    /// See [`content`].
    #[error(transparent)]
    Content(#[from] content::Error),
    /// See [`image`].
    #[error(transparent)]
    Image(#[from] image::Error),
    /// See [`permit`].
    #[error(transparent)]
    Permit(#[from] permit::Invalid),
    /// See [`body`].
    #[error(transparent)]
    Body(#[from] body::Error),
}

/// A complete answer: what every host sends, byte for byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: Vec<(HeaderName, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A problem of RFC 9457, with our members `code` and `request_id`.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[dialect::Error<'a>; 1]>,
}

impl Rejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.outcome().0
    }

    /// The stable, public code that clients and vectors match on.
    pub fn code(&self) -> &'static str {
        self.outcome().1
    }

    /// What the client is told.
    fn detail(&self) -> String {
        match self {
            Self::Credential(credential::Error::RealmUnknown(_))
            | Self::Arrival(arrival::Error::AfterEnd) => "the gate cannot judge now".to_owned(),
            Self::Credential(_) | Self::Arrival(_) => match self.code() {
                "invalid-key" => "the API key is not valid".to_owned(),
                "invalid-signature" => "the signature is not valid".to_owned(),
                "invalid-token" => "the token is not valid".to_owned(),
                _ => self.to_string(),
            },
            Self::Permit(_) => "this server takes requests only through its gate".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The complete answer.
    pub fn reply(&self, request_id: PermitId, dialect: Dialect) -> Reply {
        let (status, code) = self.outcome();
        if let Self::Preflight(preflight) = self {
            let id = (REQUEST_ID, crate::hex::encode(&request_id.0));
            let headers = preflight.fields().into_iter().chain([id]).collect();
            return Reply { status, headers, body: Vec::new() };
        }
        let mut reply = problem(status, code, &self.detail(), request_id, dialect);
        reply.headers.extend(self.fields(status));
        reply
    }

    /// The fields that this answer has besides those of every problem.
    fn fields(&self, status: StatusCode) -> Vec<(HeaderName, String)> {
        let mut fields = match self {
            Self::Route(route::Error::Method { allowed, .. }) => vec![(ALLOW, allowed.join(", "))],
            Self::MediaType(error) => vec![(ACCEPT, error.accept())],
            Self::Content(error) | Self::Arrival(arrival::Error::Content(error)) => {
                error.accept().map(|accept| (ACCEPT, accept)).into_iter().collect()
            }
            Self::Encoding(_) => vec![(ACCEPT_ENCODING, "identity".to_owned())],
            Self::Admission(admission::Error::Exceeded { quota, .. }) => {
                admission::rate_limit(std::slice::from_ref(quota))
            }
            _ => vec![],
        };
        if let Some(seconds) = self.retry_after() {
            fields.push((RETRY_AFTER, seconds.to_string()));
        }
        if status == StatusCode::UNAUTHORIZED {
            let missing = matches!(self, Self::Credential(credential::Error::Missing { .. }));
            let error = if missing { "" } else { ", error=\"invalid_token\"" };
            fields.push((WWW_AUTHENTICATE, format!("Bearer realm=\"lunette\"{error}")));
        }
        if self.asks_for_a_signature() {
            let name = HeaderName::from_static("accept-signature");
            fields.push((name, signature::accept_signature(true)));
        }
        fields
    }

    /// When to come back, in seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Admission(admission::Error::Exceeded { retry_after, .. }) => *retry_after,
            Self::Backoff(
                backoff::Error::Failing { retry_after } | backoff::Error::Rationed { retry_after },
            ) => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether another signature would help (RFC 9421 §5.1).
    fn asks_for_a_signature(&self) -> bool {
        match self {
            Self::Credential(error) => match error {
                credential::Error::Missing { signed } => *signed,
                credential::Error::SignatureRequired => true,
                credential::Error::Signature(error) => matches!(
                    error,
                    signature::Error::NotCovered(_)
                        | signature::Error::ParameterMissing(_)
                        | signature::Error::Stale { .. }
                        | signature::Error::Expired
                        | signature::Error::OtherAuthority
                ),
                _ => false,
            },
            Self::Admission(admission::Error::Replayed | admission::Error::BeforeStart) => true,
            _ => false,
        }
    }
}

/// A problem of RFC 9457 as a complete answer. 503 says when to come back.
///
/// For faults that no check of a request finds: a host that fails, a policy that is missing.
pub fn problem(
    status: StatusCode,
    code: &str,
    detail: &str,
    request_id: PermitId,
    dialect: Dialect,
) -> Reply {
    let request_id = crate::hex::encode(&request_id.0);
    let problem = Problem {
        r#type: format!("{TYPE_PREFIX}{code}"),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail,
        code,
        request_id: request_id.clone(),
        errors: dialect::errors(dialect, code, detail),
    };
    let mut headers = vec![
        (CONTENT_TYPE, "application/problem+json".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REQUEST_ID, request_id),
    ];
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.push((RETRY_AFTER, "1".to_owned()));
    }
    // A struct of strings and numbers always serialises.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    Reply { status, headers, body }
}
