//! The node's own errors, and the one table from them to status and code.
//!
//! What a gate can refuse too is a [`Rejection`] and answered byte for byte as a gate would.

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Response, StatusCode};
use filter::policy::Dialect;
use filter::rejection::problem;
use filter::{Claims, PermitId, Rejection, Reply, permit};

use crate::api::permit::PermitError;
use crate::api::upload::UploadError;
use crate::clock;
use crate::engine::EngineError;
use crate::image::decode::DecodeError;
use crate::models::background::matting::MattingError;

/// Why the node refused or failed a request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The permit does not cover this request.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// The body could not be taken.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The complete body is not what it should be.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The image could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The engine did not take the job; nothing was decoded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine did not finish the job, whose image was decoded.
    #[error(transparent)]
    Run(EngineError),
    /// The result could not be encoded.
    #[error("the result could not be encoded: {0}")]
    Encode(String),
    /// The policy takes a value of a parameter that this node does not.
    #[error("\"{name}\": expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A parameter is in the form and in the query.
    #[error("\"{0}\" is in the form and in the query: expected it once")]
    Twice(&'static str),
    /// The model that is asked for is none of those that run here.
    #[error("\"model\": expected one that runs here: {0}")]
    OtherModel(String),
    /// The matte could not be refined at a bearable cost.
    #[error(transparent)]
    Matting(#[from] MattingError),
    /// So many requests of this key, or of this principal, are under way already.
    #[error(
        "{0} requests at once are under way with this credential; send the request again when one is answered"
    )]
    TooManyAtOnce(u16),
    /// No handler here takes the path, though the policy routes it.
    #[error("the policy routes this path to the node, but the node has no such endpoint")]
    NoEndpoint,
    /// The node is shutting down.
    #[error("the server is shutting down; send the request again")]
    Draining,
}

impl ApiError {
    /// Status and public code. No `_` arm: a new error needs a decision.
    fn outcome(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Rejected(rejection) => (rejection.status(), rejection.code()),
            Self::Permit(error) => match error {
                PermitError::AtTheGate(rejection) => (rejection.status(), rejection.code()),
                PermitError::Missing => (S::UNAUTHORIZED, "permit-missing"),
                PermitError::Several
                | PermitError::Invalid(_)
                | PermitError::Mismatch(_)
                | PermitError::BeforeStart => (S::UNAUTHORIZED, "permit-invalid"),
                PermitError::OnlyReported => (S::UNAUTHORIZED, "permit-only-reported"),
                PermitError::Used => (S::UNAUTHORIZED, "permit-used"),
                PermitError::LogFull => (S::SERVICE_UNAVAILABLE, "policy-unavailable"),
            },
            Self::Upload(error) => match error {
                UploadError::Full => (S::SERVICE_UNAVAILABLE, "uploads-full"),
                UploadError::Share => (S::TOO_MANY_REQUESTS, "uploads-of-key"),
                UploadError::TimedOut => (S::REQUEST_TIMEOUT, "request-timeout"),
                UploadError::TooSlow => (S::REQUEST_TIMEOUT, "upload-too-slow"),
                UploadError::Aborted => (S::BAD_REQUEST, "body-incomplete"),
                UploadError::TooLong => (S::BAD_REQUEST, "length-differs"),
            },
            Self::Decode(error) => match error {
                // What a decoder fails on is nothing that a client should send again.
                DecodeError::Malformed(_) | DecodeError::Panicked => {
                    (S::UNPROCESSABLE_ENTITY, "image-malformed")
                }
                DecodeError::Unsupported(_) => (S::UNPROCESSABLE_ENTITY, "image-unsupported"),
                DecodeError::OverLimit(_) => (S::UNPROCESSABLE_ENTITY, "image-too-large"),
                DecodeError::DimensionsDiffer { .. } => (S::UNPROCESSABLE_ENTITY, "image-differs"),
            },
            Self::Engine(error) | Self::Run(error) => match error {
                EngineError::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded"),
                EngineError::WaitedTooLong => (S::SERVICE_UNAVAILABLE, "queue-timeout"),
                EngineError::Failed(_) => (S::INTERNAL_SERVER_ERROR, "model-failed"),
                EngineError::Stopped => (S::SERVICE_UNAVAILABLE, "draining"),
            },
            Self::Encode(_) => (S::INTERNAL_SERVER_ERROR, "encode-failed"),
            Self::Parameter { .. } => (S::BAD_REQUEST, "field-value"),
            Self::Twice(_) => (S::BAD_REQUEST, "field-repeated"),
            Self::OtherModel(_) => (S::BAD_REQUEST, "model-not-served"),
            Self::Matting(_) => (S::UNPROCESSABLE_ENTITY, "matting-too-costly"),
            Self::TooManyAtOnce(_) => (S::TOO_MANY_REQUESTS, "too-many-at-once"),
            Self::NoEndpoint => (S::NOT_FOUND, "endpoint-unknown"),
            Self::Draining => (S::SERVICE_UNAVAILABLE, "draining"),
        }
    }

    /// The public code.
    pub fn code(&self) -> &'static str {
        self.outcome().1
    }

    /// The internal code.
    fn reason(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) | Self::Permit(PermitError::AtTheGate(rejection)) => {
                rejection.reason()
            }
            Self::Permit(PermitError::Invalid(invalid)) => Rejection::from(*invalid).reason(),
            Self::Decode(DecodeError::Panicked) => "decoder-panicked",
            _ => self.code(),
        }
    }

    /// What the client is told. Faults of our own are named, their causes only logged.
    fn detail(&self) -> String {
        match self {
            Self::Permit(_) => "this server takes requests only through its gate".to_owned(),
            Self::Engine(EngineError::Failed(_)) | Self::Run(EngineError::Failed(_)) => {
                "the model failed on this image".to_owned()
            }
            Self::Encode(_) => "the result could not be encoded".to_owned(),
            Self::Decode(DecodeError::Malformed(_) | DecodeError::Panicked) => {
                "the image data is malformed".to_owned()
            }
            Self::Decode(DecodeError::OverLimit(_)) => "the image needs too much memory".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The complete answer to a request with this permit, whose route speaks this dialect.
    pub fn reply(&self, permit: &Claims, dialect: Dialect) -> Response<Body> {
        self.answer(permit.id, dialect, self.verdict(Some(permit)))
    }

    /// The complete answer to a request whose permit was not opened.
    pub fn reply_without_permit(&self) -> Response<Body> {
        self.answer(clock::random_id(), Dialect::Lunette, self.verdict(None))
    }

    fn answer(
        &self,
        request_id: PermitId,
        dialect: Dialect,
        verdict: Option<HeaderValue>,
    ) -> Response<Body> {
        let reply = match self {
            Self::Rejected(rejection) | Self::Permit(PermitError::AtTheGate(rejection)) => {
                rejection.reply(request_id, dialect)
            }
            _ => {
                let (status, code) = self.outcome();
                let mut reply = problem(status, code, &self.detail(), request_id, dialect);
                // A 503 has one already.
                if status == StatusCode::TOO_MANY_REQUESTS {
                    reply.headers.push((RETRY_AFTER, "1".to_owned()));
                }
                reply
            }
        };
        let mut response = into_response(reply);
        response.extensions_mut().insert(Code { code: self.code(), reason: self.reason() });
        if let Some(verdict) = verdict {
            response.headers_mut().insert(permit::VERDICT_HEADER, verdict);
        }
        response
    }

    /// What the answer means for the gate. No client sees it.
    fn verdict(&self, permit: Option<&Claims>) -> Option<HeaderValue> {
        if self.gives_pixels_back() {
            return Some(HeaderValue::from_static(permit::VERDICT_REFUND));
        }
        // A digest in the permit was verified before the image was looked at, so the refusal is of
        // that body, and not of one with a digest that it only claims.
        permit.and_then(|permit| permit.content_digest.as_ref())?;
        let code = permit::MALFORMED_CODES.into_iter().find(|code| *code == self.code())?;
        HeaderValue::try_from(format!("{} {code}", permit::VERDICT_MALFORMED)).ok()
    }

    /// Whether the client gets back the pixels it was charged: only where we refused before anything
    /// was decoded, and not for what is wrong with the request itself.
    fn gives_pixels_back(&self) -> bool {
        let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        let undecoded = match self {
            Self::Permit(_)
            | Self::Upload(_)
            | Self::Rejected(_)
            | Self::Engine(_)
            | Self::Parameter { .. }
            | Self::Twice(_)
            | Self::OtherModel(_)
            | Self::TooManyAtOnce(_)
            | Self::NoEndpoint
            | Self::Draining => true,
            Self::Decode(_) | Self::Run(_) | Self::Encode(_) | Self::Matting(_) => false,
        };
        undecoded && busy.contains(&self.outcome().0)
    }
}

/// What an answer is counted and logged as.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The public code.
    pub code: &'static str,
    /// The internal code, which also says what the client is not told.
    pub reason: &'static str,
}

/// A refusal as a response of axum's.
pub(super) fn into_response(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
