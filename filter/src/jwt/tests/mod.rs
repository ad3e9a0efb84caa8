//! Tokens from end to end: parsed, prepared and verified.

mod attacks;
pub(super) mod mint;
mod properties;

use serde_json::{Value, json};

use super::*;
use mint::{
    HOST, NOW, SECRET, Secrets, claims, claims_with, es256, header, issuer, jwks, keys, now, token,
    with,
};

/// What becomes of a token from [`issuer`].
fn outcome(token: &str) -> Result<Verified, Error> {
    outcome_with(token, &[issuer()], now())
}

fn outcome_with(token: &str, issuers: &[Issuer], now: UnixMillis) -> Result<Verified, Error> {
    parse(token.as_bytes())?.prepare(issuers, &HOST, now)?.verify()
}

fn error_with(changes: &Value) -> Option<Error> {
    outcome(&es256(&claims_with(changes))).err()
}

#[test]
fn a_good_token_of_every_algorithm_is_taken() {
    for algorithm in Algorithm::ALL {
        let token = token(algorithm, &header(algorithm), &claims());
        let prepared = parse(token.as_bytes()).unwrap().prepare(&[issuer()], &HOST, now());
        assert_eq!(prepared.unwrap().is_asymmetric(), algorithm.is_asymmetric());
        let expected = Verified {
            issuer: "login".into(),
            principal: "login:alice".into(),
            scopes: vec!["cut-out".into(), "ocr".into()],
            tier: "free".into(),
            jti: Some("a1".into()),
            expires: UnixMillis((NOW + 60) * 1000),
        };
        assert_eq!(outcome(&token), Ok(expected), "{algorithm:?}");
    }
}

#[test]
fn ed25519_may_be_called_by_either_of_its_names() {
    for name in ["EdDSA", "Ed25519"] {
        let header = with(header(Algorithm::Ed25519), &json!({ "alg": name }));
        assert!(outcome(&token(Algorithm::Ed25519, &header, &claims())).is_ok(), "{name}");
    }
}

#[test]
fn an_algorithm_that_the_issuer_does_not_list_is_refused() {
    for algorithm in Algorithm::ALL {
        let others = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        let issuer = Issuer { algorithms: others, ..issuer() };
        let token = token(algorithm, &header(algorithm), &claims());
        assert_eq!(outcome_with(&token, &[issuer], now()), Err(Error::AlgorithmNotAllowed));
    }
}

#[test]
fn the_issuer_is_the_only_one_with_that_name() {
    let other = || Issuer { issuer: "https://login.example".into(), ..issuer() };
    let taken = |issuers: &[Issuer]| outcome_with(&es256(&claims()), issuers, now()).err();
    assert_eq!(taken(&[other(), issuer()]), None);
    assert_eq!(taken(&[other()]), Some(Error::UnknownIssuer));
    assert_eq!(taken(&[]), Some(Error::UnknownIssuer));
    assert_eq!(taken(&[issuer(), issuer()]), Some(Error::UnknownIssuer));
    assert_eq!(error_with(&json!({ "iss": null })), Some(Error::ClaimMissing("iss")));
    for iss in [json!(7), json!(["https://login.example/"]), json!("")] {
        assert_eq!(error_with(&json!({ "iss": iss })), Some(Error::Malformed { what: "iss" }));
    }
}

#[test]
fn without_a_kid_the_key_is_the_only_one_that_fits() {
    let header = with(header(Algorithm::EcdsaP256Sha256), &json!({ "kid": null }));
    let token = token(Algorithm::EcdsaP256Sha256, &header, &claims());
    assert!(outcome(&token).is_ok());
    let mut set = jwks();
    let mut second = set["keys"][1].clone();
    second["kid"] = "ec2".into();
    set["keys"].as_array_mut().unwrap().push(second);
    let issuer = Issuer { keys: keys(&set), ..issuer() };
    assert_eq!(outcome_with(&token, &[issuer], now()), Err(Error::UnknownKey));
}

#[test]
fn a_shared_secret_comes_from_the_host_and_is_long_enough() {
    let token = token(Algorithm::HmacSha256, &header(Algorithm::HmacSha256), &claims());
    let with_secrets =
        |secrets: Secrets| parse(token.as_bytes())?.prepare(&[issuer()], &secrets, now())?.verify();
    assert!(with_secrets(Secrets(&[("shared", SECRET)])).is_ok());
    let other = Secrets(&[("shared", b"another HS256 secret of 32 chars")]);
    assert_eq!(with_secrets(other), Err(Error::Invalid));
    for secrets in [Secrets(&[]), Secrets(&[("other", SECRET)]), Secrets(&[("shared", b"short")])] {
        assert_eq!(with_secrets(secrets), Err(Error::SecretUnavailable));
    }
    let unnamed = Issuer { hmac_secret: None, ..issuer() };
    assert_eq!(outcome_with(&token, &[unnamed], now()), Err(Error::AlgorithmNotAllowed));
}

#[test]
fn every_error_has_a_word_of_its_own() {
    let errors = [
        Error::Malformed { what: "exp" },
        Error::TooLong,
        Error::Critical,
        Error::AlgorithmNotAllowed,
        Error::UnknownIssuer,
        Error::UnknownKey,
        Error::SecretUnavailable,
        Error::OtherType,
        Error::ClaimMissing("exp"),
        Error::OtherAudience,
        Error::Expired,
        Error::NotYetValid,
        Error::LifetimeTooLong,
        Error::Scopes,
        Error::Invalid,
    ];
    let words: std::collections::BTreeSet<_> = errors.map(Error::reason).into();
    assert_eq!(words.len(), errors.len());
    assert!(words.iter().all(|word| word.starts_with("token-")));
}
