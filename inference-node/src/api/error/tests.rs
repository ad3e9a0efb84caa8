use ::image::ImageError;
use ::image::error::{LimitError, LimitErrorKind};
use filter::body;
use filter::checks::content::Error as Content;
use filter::checks::{admission, credential, length};
use filter::image::{self, Foreign};
use filter::permit::{Credential, Invalid};
use filter::policy::Dialect;
use filter::policy::Mode;
use filter::{Environment, Format, KeyId};

use super::*;

/// The claims of a request whose body has this signed digest.
fn claims(content_digest: Option<&str>) -> Claims {
    Claims {
        id: PermitId([1; 16]),
        gate: "edge-1".into(),
        gate_key: 1,
        audience: "lunette".into(),
        environment: Environment::Test,
        credential: Credential::Key(KeyId::parse("0123456789").unwrap()),
        principal: "acme".into(),
        scopes: vec![],
        tier: "free".into(),
        client: None,
        method: "POST".into(),
        target: "/".into(),
        content_type: "image/png".into(),
        content_length: 1,
        content_digest: content_digest.map(str::to_owned),
        format: Some(Format::Png),
        width: 1,
        height: 1,
        frames: Some(1),
        cost_pixels: 1,
        nonce: None,
        weaker: vec![],
        mode: Mode::Enforce,
        reported: vec![],
        epoch: 1,
        issued_at: 0,
    }
}

/// What a gate is told about a request with a signed digest.
fn verdict(error: impl Into<ApiError>) -> Option<String> {
    let answer = error.into().reply(&claims(Some("sha-256=:AA==:")), Dialect::Lunette);
    let verdict = answer.headers().get(permit::VERDICT_HEADER);
    verdict.map(|verdict| verdict.to_str().unwrap().to_owned())
}

/// An error of the decoder; which one does not matter here.
fn limits() -> ImageError {
    let kind = LimitErrorKind::DimensionError;
    ImageError::Limits(LimitError::from_kind(kind))
}

fn rejected(error: impl Into<Rejection>) -> ApiError {
    ApiError::Rejected(error.into())
}

#[test]
fn what_is_refused_before_decoding_for_want_of_room_is_given_back() {
    let errors: [ApiError; 10] = [
        UploadError::Full.into(),
        UploadError::Share.into(),
        ApiError::TooManyAtOnce(2),
        EngineError::Overloaded.into(),
        EngineError::WaitedTooLong.into(),
        EngineError::Stopped.into(),
        PermitError::AtTheGate(credential::Error::Unavailable.into()).into(),
        PermitError::AtTheGate(admission::Error::Full.into()).into(),
        PermitError::LogFull.into(),
        ApiError::Draining,
    ];
    for error in errors {
        let code = error.code();
        assert_eq!(verdict(error).as_deref(), Some("refund"), "{code}");
    }
}

#[test]
fn what_the_client_did_or_what_was_decoded_is_not_given_back() {
    let errors: [ApiError; 15] = [
        UploadError::TimedOut.into(),
        UploadError::TooSlow.into(),
        UploadError::Aborted.into(),
        UploadError::TooLong.into(),
        PermitError::Used.into(),
        PermitError::AtTheGate(admission::Error::Replayed.into()).into(),
        PermitError::AtTheGate(credential::Error::TokenRevoked.into()).into(),
        PermitError::Invalid(Invalid::Seal).into(),
        rejected(length::Error::Differs { declared: 1 }),
        ApiError::Run(EngineError::Overloaded),
        ApiError::Run(EngineError::WaitedTooLong),
        ApiError::Run(EngineError::Stopped),
        ApiError::Encode("x".into()),
        ApiError::Parameter { name: "bgc", expected: "a colour" },
        ApiError::NoEndpoint,
    ];
    for error in errors {
        let code = error.code();
        assert_eq!(verdict(error), None, "{code}");
    }
}

#[test]
fn a_malformed_body_is_told_to_the_gate_where_its_digest_was_verified() {
    let malformed = || {
        [
            rejected(Content::from(image::Error::NotAnImage {
                declared: Format::Png,
                found: None,
            })),
            rejected(Content::from(image::Error::Polyglot {
                format: Format::Png,
                foreign: Foreign::Zip,
            })),
            DecodeError::Malformed(limits()).into(),
            DecodeError::Unsupported("x".into()).into(),
        ]
    };
    for error in malformed() {
        let expected = format!("malformed {}", error.code());
        assert_eq!(verdict(error), Some(expected));
    }
    for error in malformed() {
        let answer = error.reply(&claims(None), Dialect::Lunette);
        assert!(!answer.headers().contains_key(permit::VERDICT_HEADER), "no digest was signed");
    }
}

#[test]
fn limits_and_mismatches_are_not_called_malformed() {
    let errors: [ApiError; 6] = [
        DecodeError::OverLimit(limits()).into(),
        rejected(body::Error::Differs),
        rejected(Content::from(image::Error::OtherFormat {
            declared: Format::Png,
            found: Format::Jpeg,
        })),
        rejected(Content::from(image::Error::TooManyScans { max: 64 })),
        rejected(image::Error::TooManyPixels { pixels: 2, max: 1 }),
        UploadError::TimedOut.into(),
    ];
    for error in errors {
        let code = error.code();
        assert_eq!(verdict(error), None, "{code}");
    }
}

#[test]
fn what_a_gate_could_have_known_is_answered_as_a_gate_answers() {
    let rejection: Rejection = credential::Error::TokenRevoked.into();
    let error = ApiError::from(PermitError::AtTheGate(rejection.clone()));
    let (answer, gates) = (
        error.reply(&claims(None), Dialect::Lunette),
        rejection.reply(PermitId([1; 16]), Dialect::Lunette),
    );
    assert_eq!(answer.status(), gates.status);
    for (name, value) in gates.headers {
        assert_eq!(answer.headers()[name], value);
    }
}

#[test]
fn whoever_is_sent_away_for_want_of_room_is_told_when_to_come_again() {
    let errors: [ApiError; 6] = [
        UploadError::Full.into(),
        UploadError::Share.into(),
        ApiError::TooManyAtOnce(2),
        EngineError::Overloaded.into(),
        EngineError::WaitedTooLong.into(),
        ApiError::Draining,
    ];
    for error in errors {
        let code = error.code();
        let answer = error.reply(&claims(None), Dialect::Lunette);
        let fields: Vec<_> = answer.headers().get_all(RETRY_AFTER).iter().collect();
        assert_eq!(fields, ["1"], "{code}");
    }
}
