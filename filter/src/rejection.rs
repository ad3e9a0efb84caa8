//! The one place where a failed check becomes a status, a code and an answer (RFC 9457).

use http::StatusCode;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;

use crate::api_key::Malformed;
use crate::checks::{
    credential, encoding, framing, image, length, media_type, route, scopes, target,
};
use crate::permit::PermitId;
use crate::{body, permit};

/// What the `type` of a problem starts with; the code follows.
pub const TYPE_PREFIX: &str = "urn:lunette:problem:";

/// Why a request was rejected.
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
    /// See [`scopes`].
    #[error(transparent)]
    Scopes(#[from] scopes::Error),
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
}

/// What unknown, revoked, expired and wrong keys are all told.
const INVALID_KEY: &str = "the API key is not valid";

impl Rejection {
    /// The status and the stable, public code. There is no `_` arm: a new error does not compile
    /// until someone decides its status.
    fn outcome(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Framing(error) => match error {
                framing::Error::TargetTooLong => (S::URI_TOO_LONG, "target-too-long"),
                framing::Error::HeaderTooLarge => {
                    (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large")
                }
                framing::Error::Duplicate("authorization" | "x-api-key") => {
                    (S::BAD_REQUEST, "credential-ambiguous")
                }
                framing::Error::Duplicate(_) => (S::BAD_REQUEST, "duplicate-header"),
                framing::Error::TwoLengths => (S::BAD_REQUEST, "framing-ambiguous"),
                framing::Error::NoLength => (S::LENGTH_REQUIRED, "length-required"),
                framing::Error::LengthNotANumber => (S::BAD_REQUEST, "length-malformed"),
                framing::Error::ConnectionNames(_) => (S::BAD_REQUEST, "connection-header"),
            },
            Self::Target(target::Error::Ambiguous) => (S::BAD_REQUEST, "path-ambiguous"),
            Self::Route(error) => match error {
                route::Error::Unknown => (S::NOT_FOUND, "route-unknown"),
                route::Error::Method { .. } => (S::METHOD_NOT_ALLOWED, "method-not-allowed"),
            },
            Self::Encoding(encoding::Error::Encoded) => {
                (S::UNSUPPORTED_MEDIA_TYPE, "content-encoding")
            }
            Self::MediaType(error) => match error {
                media_type::Error::Missing { .. } => {
                    (S::UNSUPPORTED_MEDIA_TYPE, "media-type-missing")
                }
                media_type::Error::NotAccepted { .. } => {
                    (S::UNSUPPORTED_MEDIA_TYPE, "media-type-not-accepted")
                }
            },
            Self::Length(error) => match error {
                length::Error::Required => (S::LENGTH_REQUIRED, "length-required"),
                length::Error::Empty => (S::BAD_REQUEST, "body-empty"),
                length::Error::TooLong { .. } => (S::PAYLOAD_TOO_LARGE, "body-too-long"),
                length::Error::Differs { .. } => (S::BAD_REQUEST, "length-differs"),
            },
            Self::Credential(error) => match error {
                credential::Error::Missing => (S::UNAUTHORIZED, "credential-missing"),
                credential::Error::Ambiguous => (S::BAD_REQUEST, "credential-ambiguous"),
                credential::Error::Malformed(Malformed::Form | Malformed::Checksum) => {
                    (S::UNAUTHORIZED, "key-malformed")
                }
                credential::Error::OtherEnvironment
                | credential::Error::Unknown
                | credential::Error::WrongSecret
                | credential::Error::Revoked
                | credential::Error::Expired
                | credential::Error::NotYetValid => (S::UNAUTHORIZED, "invalid-key"),
                credential::Error::Unavailable => (S::SERVICE_UNAVAILABLE, "policy-unavailable"),
            },
            Self::Scopes(scopes::Error::Scope { .. }) => (S::FORBIDDEN, "scope-missing"),
            Self::Image(error) => match error {
                image::Error::NotAnImage { .. } => (S::UNSUPPORTED_MEDIA_TYPE, "not-an-image"),
                image::Error::OtherFormat { .. } => {
                    (S::UNSUPPORTED_MEDIA_TYPE, "image-type-differs")
                }
                image::Error::Truncated { .. } | image::Error::TailMissing { .. } => {
                    (S::UNPROCESSABLE_ENTITY, "image-truncated")
                }
                image::Error::Malformed { .. } => (S::UNPROCESSABLE_ENTITY, "image-malformed"),
                image::Error::Unsupported { .. } => (S::UNPROCESSABLE_ENTITY, "image-unsupported"),
                image::Error::HeaderTooFar { .. } => {
                    (S::UNPROCESSABLE_ENTITY, "image-header-too-far")
                }
                image::Error::TooLarge { .. } => (S::UNPROCESSABLE_ENTITY, "image-too-large"),
                image::Error::TooManyPixels { .. } => {
                    (S::UNPROCESSABLE_ENTITY, "image-too-many-pixels")
                }
                image::Error::TooManyFrames { .. } => {
                    (S::UNPROCESSABLE_ENTITY, "image-too-many-frames")
                }
            },
            Self::Permit(
                permit::Invalid::Malformed
                | permit::Invalid::UnknownGate
                | permit::Invalid::Seal
                | permit::Invalid::Expired,
            ) => (S::UNAUTHORIZED, "permit-invalid"),
            Self::Body(body::Error::Differs) => (S::UNPROCESSABLE_ENTITY, "image-differs"),
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.outcome().0
    }

    /// The stable, public code that clients and vectors match on.
    pub fn code(&self) -> &'static str {
        self.outcome().1
    }

    /// The stable, internal code of metrics and logs: it also says what the client is not told.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Credential(error) => match error {
                credential::Error::OtherEnvironment => "key-other-environment",
                credential::Error::Unknown => "key-unknown",
                credential::Error::WrongSecret => "key-wrong-secret",
                credential::Error::Revoked => "key-revoked",
                credential::Error::Expired => "key-expired",
                credential::Error::NotYetValid => "key-not-yet-valid",
                credential::Error::Malformed(Malformed::Checksum) => "key-checksum",
                credential::Error::Malformed(Malformed::Form)
                | credential::Error::Missing
                | credential::Error::Ambiguous
                | credential::Error::Unavailable => self.code(),
            },
            Self::Permit(error) => match error {
                permit::Invalid::Malformed => "permit-malformed",
                permit::Invalid::UnknownGate => "permit-unknown-gate",
                permit::Invalid::Seal => "permit-seal",
                permit::Invalid::Expired => "permit-expired",
            },
            _ => self.code(),
        }
    }

    /// What the client is told.
    fn detail(&self) -> String {
        match self {
            Self::Credential(_) if self.code() == "invalid-key" => INVALID_KEY.to_owned(),
            Self::Permit(_) => "this server takes requests only through its gate".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The complete answer.
    pub fn reply(&self, request_id: PermitId) -> Reply {
        let (status, code) = self.outcome();
        let mut reply = problem(status, code, &self.detail(), request_id);
        let extra = match self {
            Self::Route(route::Error::Method { allowed }) => Some((ALLOW, allowed.join(", "))),
            Self::MediaType(error) => Some((ACCEPT, error.accept())),
            Self::Image(
                image::Error::NotAnImage { declared } | image::Error::OtherFormat { declared, .. },
            ) => Some((ACCEPT, declared.media_type().to_owned())),
            Self::Encoding(_) => Some((ACCEPT_ENCODING, "identity".to_owned())),
            Self::Credential(credential::Error::Missing) => {
                Some((WWW_AUTHENTICATE, "Bearer realm=\"lunette\"".to_owned()))
            }
            Self::Credential(_) | Self::Permit(_) if status == StatusCode::UNAUTHORIZED => Some((
                WWW_AUTHENTICATE,
                "Bearer realm=\"lunette\", error=\"invalid_token\"".to_owned(),
            )),
            _ => None,
        };
        reply.headers.extend(extra);
        reply
    }
}

/// A problem of RFC 9457 as a complete answer. 503 says when to come back.
///
/// For faults that no check of a request finds: a host that fails, a policy that is missing.
pub fn problem(status: StatusCode, code: &str, detail: &str, request_id: PermitId) -> Reply {
    let request_id = crate::hex::encode(&request_id.0);
    let problem = Problem {
        r#type: format!("{TYPE_PREFIX}{code}"),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail,
        code,
        request_id: request_id.clone(),
    };
    let mut headers = vec![
        (CONTENT_TYPE, "application/problem+json".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (HeaderName::from_static("x-request-id"), request_id),
    ];
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        headers.push((RETRY_AFTER, "1".to_owned()));
    }
    // A struct of strings and numbers always serialises.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    Reply { status, headers, body }
}
