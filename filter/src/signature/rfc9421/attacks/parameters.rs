//! What a signature says of itself: when, once, by which key and algorithm.

use super::super::super::sample::{KEY_ID, NONCE, NOW, secret};
use super::super::super::{Error, VerificationKey};
use super::{good, parameters, with_parameters};
use crate::UnixMillis;
use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;

#[test]
fn a_signature_without_nonce_or_time_is_refused() {
    for name in ["created", "nonce", "keyid"] {
        let rest: Vec<_> = parameters()
            .split(';')
            .filter(|parameter| !parameter.starts_with(name))
            .map(str::to_owned)
            .collect();
        assert_eq!(with_parameters(&rest.join(";")), Err(Error::ParameterMissing(name)));
    }
}

#[test]
fn a_nonce_too_short_to_be_random_is_refused() {
    let with = |nonce: &str| with_parameters(&parameters().replace(NONCE, nonce));
    assert_eq!(with(&"n".repeat(16)), Ok(()));
    assert_eq!(with(&"n".repeat(128)), Ok(()));
    for nonce in ["", &"n".repeat(15), &"n".repeat(129), "with spaces in the nonce"] {
        assert!(matches!(with(nonce), Err(Error::Malformed { what: "nonce", .. })), "{nonce}");
    }
}

#[test]
fn an_old_or_early_signature_is_refused() {
    for (now, fresh) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let now = UnixMillis(NOW.0.checked_add_signed(now * 1000).unwrap());
        assert_eq!(good().outcome_at(now).is_ok(), fresh);
    }
    let stale = good().outcome_at(UnixMillis(0)).unwrap_err();
    assert!(matches!(stale, Error::Stale { created: NOW, .. }));
}

#[test]
fn the_end_that_a_signature_sets_itself_holds() {
    let created = NOW.0 / 1000;
    let until = |expires| with_parameters(&format!("{};expires={expires}", parameters()));
    assert_eq!(until(created + 1), Ok(()));
    assert_eq!(until(created), Err(Error::Expired));
    assert!(matches!(until(created - 1), Err(Error::Malformed { what: "expires", .. })));
}

#[test]
fn a_time_is_whole_seconds() {
    let created = format!("created={}", NOW.0 / 1000);
    for other in ["created=-1", "created=\"1618884473\"", "created=1618884473.0", "created"] {
        let error = with_parameters(&parameters().replace(&created, other)).unwrap_err();
        assert!(matches!(error, Error::Malformed { what: "created", .. }), "{other}");
    }
    let late = with_parameters(&parameters().replace(&created, "created=999999999999999"));
    assert!(matches!(late, Err(Error::Stale { .. })));
}

#[test]
fn the_message_does_not_choose_the_algorithm() {
    assert_eq!(with_parameters(&format!("{};alg=\"hmac-sha256\"", parameters())), Ok(()));
    for alg in ["ed25519", "rsa-v1_5-sha256", "none", "", "HMAC-SHA256"] {
        let outcome = with_parameters(&format!("{};alg=\"{alg}\"", parameters()));
        assert_eq!(outcome, Err(Error::OtherAlgorithm), "{alg}");
    }
    let untyped = with_parameters(&format!("{};alg=hmac", parameters()));
    assert!(matches!(untyped, Err(Error::Malformed { what: "alg", .. })));
}

#[test]
fn a_public_key_never_serves_as_a_secret() {
    let pem = include_str!("../../testdata/rfc9421/keys/test-key-ed25519.pem");
    let public = || VerificationKey::Public(PublicKey::from_spki_pem(pem).unwrap());
    let outcome = good().outcome_with(public(), Algorithm::HmacSha256, NOW);
    assert_eq!(outcome.unwrap_err(), Error::OtherAlgorithm);
    let key = VerificationKey::Secret(secret());
    let outcome = good().outcome_with(key, Algorithm::Ed25519, NOW);
    assert_eq!(outcome.unwrap_err(), Error::OtherAlgorithm);
    let outcome = good().outcome_with(public(), Algorithm::Ed25519, NOW);
    assert_eq!(outcome.unwrap_err(), Error::Invalid);
    let outcome = good().outcome_with(public(), Algorithm::RsaPssSha512, NOW);
    assert_eq!(outcome.unwrap_err(), Error::Invalid);
}

#[test]
fn a_parameter_that_is_changed_breaks_the_signature() {
    let other_time = good().replacing("signature-input", "created=16188844", "created=16188845");
    assert_eq!(other_time.outcome_at(UnixMillis(1_618_884_573_000)).unwrap_err(), Error::Invalid);
    for (from, to) in [
        (NONCE, "another-nonce-of-20c"),
        (KEY_ID, "zyxWVU9876"),
        (";tag", ";expires=9999999999;tag"),
        (";tag", ";x;tag"),
        ("\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
    ] {
        let sample = good().replacing("signature-input", from, to);
        assert_eq!(sample.outcome().unwrap_err(), Error::Invalid, "{to}");
    }
}

#[test]
fn how_the_parameters_are_spaced_does_not_matter() {
    let sample = good().replacing("signature-input", "(\"@method\" ", "(  \"@method\"   ");
    assert!(sample.replacing("signature-input", ";nonce", "; nonce").outcome().is_ok());
}
