//! The status and the public code of every failed check.

use http::StatusCode;

use super::Rejection;
use crate::api_key::Malformed;
use crate::checks::{
    admission, arrival, backoff, client, content, credential, encoding, framing, length,
    media_type, permission, query, route, target,
};
use crate::{body, cors, envelope, image, jwt, permit, signature};

/// A status, and a stable code that clients and vectors match on.
type Outcome = (StatusCode, &'static str);

impl Rejection {
    /// The status and the stable, public code. There is no `_` arm: a new error does not compile
    /// until someone decides its status.
    pub(super) fn outcome(&self) -> Outcome {
        use StatusCode as S;
        match self {
            Self::Framing(error) => framing_outcome(error),
            Self::Target(target::Error::Ambiguous) => (S::BAD_REQUEST, "path-ambiguous"),
            Self::Route(error) => match error {
                route::Error::Unknown => (S::NOT_FOUND, "route-unknown"),
                route::Error::Method { .. } => (S::METHOD_NOT_ALLOWED, "method-not-allowed"),
            },
            Self::Preflight(cors::Preflight { .. }) => (S::NO_CONTENT, "preflight"),
            Self::Query(error) => match error {
                query::Error::Malformed { .. } => (S::BAD_REQUEST, "query-malformed"),
                query::Error::Parameter(error) => envelope_outcome(error),
            },
            Self::Encoding(encoding::Error::Encoded) => {
                (S::UNSUPPORTED_MEDIA_TYPE, "content-encoding")
            }
            Self::MediaType(error) => match error {
                media_type::Error::Missing { .. } => {
                    (S::UNSUPPORTED_MEDIA_TYPE, "media-type-missing")
                }
                media_type::Error::NotAccepted { .. } | media_type::Error::Parameter { .. } => {
                    (S::UNSUPPORTED_MEDIA_TYPE, "media-type-not-accepted")
                }
                media_type::Error::Boundary { .. } => (S::BAD_REQUEST, "multipart-boundary"),
            },
            Self::Length(error) => length_outcome(error),
            Self::Arrival(error) => match error {
                arrival::Error::Length(error) => length_outcome(error),
                arrival::Error::Content(error) => content_outcome(error),
                arrival::Error::Digest(_) => (S::BAD_REQUEST, "digest-differs"),
                arrival::Error::Signature(error) => signature_outcome(error),
                arrival::Error::AfterEnd => (S::SERVICE_UNAVAILABLE, "gate-unavailable"),
            },
            Self::Client(client::Error::NotAdmitted) => (S::FORBIDDEN, "client-not-allowed"),
            Self::Credential(error) => credential_outcome(error),
            Self::Permission(error) => match error {
                permission::Error::Scope { .. } => (S::FORBIDDEN, "scope-missing"),
                permission::Error::Route { .. } => (S::FORBIDDEN, "route-not-allowed"),
                permission::Error::Client => (S::FORBIDDEN, "client-not-allowed"),
            },
            Self::Admission(error) => admission_outcome(error),
            Self::Remembered(error) => match error.code() {
                code @ "not-an-image" => (S::UNSUPPORTED_MEDIA_TYPE, code),
                code => (S::UNPROCESSABLE_ENTITY, code),
            },
            Self::Backoff(error) => match error {
                backoff::Error::Failing { .. } => (S::TOO_MANY_REQUESTS, "too-many-failures"),
                backoff::Error::Rationed { .. } => (S::TOO_MANY_REQUESTS, "verification-rationed"),
            },
            Self::Content(error) => content_outcome(error),
            Self::Image(error) => image_outcome(error),
            Self::Permit(
                permit::Invalid::Malformed
                | permit::Invalid::UnknownGate
                | permit::Invalid::Seal
                | permit::Invalid::Expired,
            ) => (S::UNAUTHORIZED, "permit-invalid"),
            Self::Body(body::Error::Differs) => (S::UNPROCESSABLE_ENTITY, "image-differs"),
        }
    }
}

fn credential_outcome(error: &credential::Error) -> Outcome {
    use StatusCode as S;
    match error {
        credential::Error::Missing { .. } => (S::UNAUTHORIZED, "credential-missing"),
        credential::Error::Ambiguous => (S::BAD_REQUEST, "credential-ambiguous"),
        credential::Error::Malformed(Malformed::Form | Malformed::Checksum) => {
            (S::UNAUTHORIZED, "key-malformed")
        }
        credential::Error::Key(_) => (S::UNAUTHORIZED, "invalid-key"),
        credential::Error::Signed(_) => (S::UNAUTHORIZED, "invalid-signature"),
        credential::Error::Signature(error) => signature_outcome(error),
        credential::Error::SignatureNotTaken => (S::BAD_REQUEST, "signature-not-taken"),
        credential::Error::SignatureRequired => (S::UNAUTHORIZED, "signature-required"),
        credential::Error::KeyRequired => (S::UNAUTHORIZED, "key-required"),
        credential::Error::NamesNoKey => (S::UNAUTHORIZED, "key-id-missing"),
        credential::Error::Token(jwt::Error::Malformed { .. } | jwt::Error::TooLong) => {
            (S::UNAUTHORIZED, "token-malformed")
        }
        credential::Error::Token(_) | credential::Error::TokenRevoked => {
            (S::UNAUTHORIZED, "invalid-token")
        }
        credential::Error::Unavailable => (S::SERVICE_UNAVAILABLE, "policy-unavailable"),
        credential::Error::RealmUnknown(_) => (S::SERVICE_UNAVAILABLE, "gate-unavailable"),
    }
}

fn admission_outcome(error: &admission::Error) -> Outcome {
    use StatusCode as S;
    match error {
        admission::Error::TierUnknown { .. } => (S::FORBIDDEN, "tier-unknown"),
        admission::Error::Replayed => (S::UNAUTHORIZED, "signature-replayed"),
        admission::Error::BeforeStart => (S::UNAUTHORIZED, "signature-before-start"),
        admission::Error::Full => (S::SERVICE_UNAVAILABLE, "replay-store-full"),
        admission::Error::Exceeded { retry_after: Some(_), .. } => {
            (S::TOO_MANY_REQUESTS, "quota-exceeded")
        }
        admission::Error::Exceeded { retry_after: None, .. } => (S::FORBIDDEN, "quota-too-small"),
        admission::Error::Unavailable => (S::SERVICE_UNAVAILABLE, "store-unavailable"),
    }
}

fn content_outcome(error: &content::Error) -> Outcome {
    match error {
        content::Error::Envelope(error) => envelope_outcome(error),
        content::Error::Image(error) | content::Error::NotTaken { error, .. } => {
            image_outcome(error)
        }
        content::Error::TooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-long"),
    }
}

fn envelope_outcome(error: &envelope::Error) -> Outcome {
    use StatusCode as S;
    use envelope::Error as E;
    match error {
        E::Boundary => (S::BAD_REQUEST, "multipart-boundary"),
        E::Preamble
        | E::BoundaryLine
        | E::Epilogue
        | E::PartHeader { .. }
        | E::PartEncoded { .. }
        | E::Disposition { .. }
        | E::FormEnds => (S::BAD_REQUEST, "multipart-malformed"),
        E::Json { .. } | E::JsonEnds => (S::BAD_REQUEST, "json-malformed"),
        E::Urlencoded { .. } | E::UrlencodedEnds => (S::BAD_REQUEST, "urlencoded-malformed"),
        E::Base64 { .. } | E::DataUrl { .. } => (S::BAD_REQUEST, "base64-malformed"),
        E::ImageType { .. } => (S::UNSUPPORTED_MEDIA_TYPE, "media-type-not-accepted"),
        E::ImageTooLate { .. } => (S::BAD_REQUEST, "file-too-late"),
        E::ImageMissing { .. } => (S::BAD_REQUEST, "file-missing"),
        E::Missing { .. } => (S::BAD_REQUEST, "field-missing"),
        E::Unknown { .. } => (S::BAD_REQUEST, "field-unknown"),
        E::Url { .. } => (S::BAD_REQUEST, "field-url"),
        E::Repeated { .. } => (S::BAD_REQUEST, "field-repeated"),
        E::TooLong { .. } => (S::BAD_REQUEST, "field-too-long"),
        E::NotOneOf { .. } => (S::BAD_REQUEST, "field-value"),
        E::TextType { .. }
        | E::TextIsFile { .. }
        | E::NotFlat { .. }
        | E::ImageNotText { .. }
        | E::NotUtf8 { .. }
        | E::NotText { .. } => (S::BAD_REQUEST, "field-malformed"),
        E::AfterEnd => (S::SERVICE_UNAVAILABLE, "gate-unavailable"),
    }
}

fn image_outcome(error: &image::Error) -> Outcome {
    use StatusCode as S;
    match error {
        image::Error::NotAnImage { .. } | image::Error::NoImage { .. } => {
            (S::UNSUPPORTED_MEDIA_TYPE, "not-an-image")
        }
        image::Error::OtherFormat { .. } => (S::UNSUPPORTED_MEDIA_TYPE, "image-type-differs"),
        image::Error::FormatNotTaken { .. } => {
            (S::UNSUPPORTED_MEDIA_TYPE, "media-type-not-accepted")
        }
        image::Error::Truncated { .. } | image::Error::TailMissing { .. } => {
            (S::UNPROCESSABLE_ENTITY, "image-truncated")
        }
        image::Error::Malformed { .. } => (S::UNPROCESSABLE_ENTITY, "image-malformed"),
        image::Error::Unsupported { .. } => (S::UNPROCESSABLE_ENTITY, "image-unsupported"),
        image::Error::HeaderTooFar { .. } => (S::UNPROCESSABLE_ENTITY, "image-header-too-far"),
        image::Error::TooLarge { .. } => (S::UNPROCESSABLE_ENTITY, "image-too-large"),
        image::Error::TooManyPixels { .. } => (S::UNPROCESSABLE_ENTITY, "image-too-many-pixels"),
        image::Error::TooManyFrames { .. } => (S::UNPROCESSABLE_ENTITY, "image-too-many-frames"),
        image::Error::TooManyScans { .. } => (S::UNPROCESSABLE_ENTITY, "image-too-many-scans"),
        image::Error::MetadataTooLarge { .. } => {
            (S::UNPROCESSABLE_ENTITY, "image-metadata-too-large")
        }
        image::Error::TrailingData { .. } => (S::UNPROCESSABLE_ENTITY, "image-trailing-data"),
        image::Error::Polyglot { .. } => (S::UNPROCESSABLE_ENTITY, "image-polyglot"),
    }
}

fn framing_outcome(error: &framing::Error) -> Outcome {
    use StatusCode as S;
    match error {
        framing::Error::TargetTooLong => (S::URI_TOO_LONG, "target-too-long"),
        framing::Error::HeaderTooLarge => (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large"),
        framing::Error::Duplicate("authorization" | "x-api-key") => {
            (S::BAD_REQUEST, "credential-ambiguous")
        }
        framing::Error::Duplicate(_) => (S::BAD_REQUEST, "duplicate-header"),
        framing::Error::TwoLengths => (S::BAD_REQUEST, "framing-ambiguous"),
        framing::Error::NoLength => (S::LENGTH_REQUIRED, "length-required"),
        framing::Error::LengthNotANumber => (S::BAD_REQUEST, "length-malformed"),
        framing::Error::ConnectionNames(_) => (S::BAD_REQUEST, "connection-header"),
    }
}

fn length_outcome(error: &length::Error) -> Outcome {
    use StatusCode as S;
    match error {
        length::Error::Required => (S::LENGTH_REQUIRED, "length-required"),
        length::Error::NotTaken => (S::BAD_REQUEST, "body-not-taken"),
        length::Error::Empty => (S::BAD_REQUEST, "body-empty"),
        length::Error::TooLong { .. } => (S::PAYLOAD_TOO_LARGE, "body-too-long"),
        length::Error::Differs { .. } => (S::BAD_REQUEST, "length-differs"),
    }
}

fn signature_outcome(error: &signature::Error) -> Outcome {
    use StatusCode as S;
    use signature::Error as E;
    match error {
        E::Malformed { .. }
        | E::Repeated(_)
        | E::TooLarge { .. }
        | E::ComponentAbsent(_)
        | E::ComponentRepeated(_)
        | E::ComponentUnsupported(_)
        | E::ComponentUnsignable(_) => (S::BAD_REQUEST, "signature-malformed"),
        E::Ambiguous => (S::BAD_REQUEST, "credential-ambiguous"),
        E::ParameterMissing(_) | E::NotCovered(_) => (S::UNAUTHORIZED, "signature-incomplete"),
        E::Stale { .. } | E::Expired => (S::UNAUTHORIZED, "signature-stale"),
        E::OtherAuthority => (S::UNAUTHORIZED, "signature-other-authority"),
        E::DigestMalformed(_) => (S::BAD_REQUEST, "digest-malformed"),
        // The algorithm is the key record's: whoever guesses it learns nothing.
        E::OtherAlgorithm | E::Invalid => (S::UNAUTHORIZED, "invalid-signature"),
    }
}
