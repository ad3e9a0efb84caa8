//! The node's own errors, and the one table from them to status and code.
//!
//! What a gate can refuse too is a [`Rejection`] and answered byte for byte as a gate would.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use filter::rejection::problem;
use filter::{PermitId, Rejection, Reply};

use crate::api::permit::PermitError;
use crate::api::upload::UploadError;
use crate::engine::EngineError;
use crate::image::decode::DecodeError;

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
    /// The engine did not take the job, or failed it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The result could not be encoded.
    #[error("the result could not be encoded: {0}")]
    Encode(String),
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
                PermitError::Missing => (S::UNAUTHORIZED, "permit-missing"),
                PermitError::Several
                | PermitError::Invalid(_)
                | PermitError::Mismatch(_)
                | PermitError::BeforeStart => (S::UNAUTHORIZED, "permit-invalid"),
                PermitError::Used => (S::UNAUTHORIZED, "permit-used"),
                PermitError::KeyWithdrawn => (S::UNAUTHORIZED, "invalid-key"),
                PermitError::KeysUnavailable | PermitError::LogFull => {
                    (S::SERVICE_UNAVAILABLE, "policy-unavailable")
                }
            },
            Self::Upload(error) => match error {
                UploadError::Full => (S::SERVICE_UNAVAILABLE, "uploads-full"),
                UploadError::KeyShare => (S::TOO_MANY_REQUESTS, "uploads-of-key"),
                UploadError::TimedOut => (S::REQUEST_TIMEOUT, "request-timeout"),
                UploadError::TooSlow => (S::REQUEST_TIMEOUT, "upload-too-slow"),
                UploadError::Aborted => (S::BAD_REQUEST, "body-incomplete"),
                UploadError::TooLong => (S::BAD_REQUEST, "length-differs"),
            },
            Self::Decode(error) => match error {
                DecodeError::Malformed(_) => (S::UNPROCESSABLE_ENTITY, "image-malformed"),
                DecodeError::Unsupported(_) => (S::UNPROCESSABLE_ENTITY, "image-unsupported"),
                DecodeError::OverLimit(_) => (S::UNPROCESSABLE_ENTITY, "image-too-large"),
                DecodeError::DimensionsDiffer { .. } => (S::UNPROCESSABLE_ENTITY, "image-differs"),
            },
            Self::Engine(error) => match error {
                EngineError::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded"),
                EngineError::WaitedTooLong => (S::SERVICE_UNAVAILABLE, "queue-timeout"),
                EngineError::Failed(_) => (S::INTERNAL_SERVER_ERROR, "model-failed"),
                EngineError::Stopped => (S::SERVICE_UNAVAILABLE, "draining"),
            },
            Self::Encode(_) => (S::INTERNAL_SERVER_ERROR, "encode-failed"),
            Self::NoEndpoint => (S::NOT_FOUND, "endpoint-unknown"),
            Self::Draining => (S::SERVICE_UNAVAILABLE, "draining"),
        }
    }

    /// The public code.
    pub fn code(&self) -> &'static str {
        self.outcome().1
    }

    /// What the client is told. Faults of our own are named, their causes only logged.
    fn detail(&self) -> String {
        match self {
            Self::Permit(PermitError::KeyWithdrawn) => "the API key is not valid".to_owned(),
            Self::Permit(_) => "this server takes requests only through its gate".to_owned(),
            Self::Engine(EngineError::Failed(_)) => "the model failed on this image".to_owned(),
            Self::Encode(_) => "the result could not be encoded".to_owned(),
            Self::Decode(DecodeError::Malformed(_)) => "the image data is malformed".to_owned(),
            Self::Decode(DecodeError::OverLimit(_)) => "the image needs too much memory".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The complete answer.
    pub fn reply(&self, request_id: PermitId) -> Response<Body> {
        let reply = if let Self::Rejected(rejection) = self {
            rejection.reply(request_id)
        } else {
            let (status, code) = self.outcome();
            problem(status, code, &self.detail(), request_id)
        };
        let mut response = into_response(reply);
        response.extensions_mut().insert(Code(self.code()));
        response
    }
}

/// The code of an answer, for metrics and the log.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub &'static str);

fn into_response(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().append(name, value);
        }
    }
    response
}
