use serde_json::{Value, json};

use super::*;
use crate::jwt::tests::mint::{RSA_N, jwks};

fn parse(set: &Value) -> Result<Jwks, JwksError> {
    Jwks::parse(set.to_string().as_bytes())
}

/// The Ed25519, the P-256 and the RSA key of the tests, with other members.
fn key(index: usize, changes: &Value) -> Value {
    crate::jwt::tests::mint::with(jwks()["keys"][index].clone(), changes)
}

fn one(key: &Value) -> Result<Jwks, JwksError> {
    parse(&json!({ "keys": [key] }))
}

#[test]
fn a_key_is_found_by_its_name_and_for_its_algorithms() {
    let keys = parse(&jwks()).unwrap();
    let find = |kid, algorithm| keys.find(kid, algorithm).map(|key| key.algorithms()[0]);
    assert_eq!(find(Some("ed"), Algorithm::Ed25519), Ok(Algorithm::Ed25519));
    assert_eq!(find(Some("rsa"), Algorithm::RsaPssSha256), Ok(Algorithm::RsaV15Sha256));
    assert_eq!(find(Some("ec"), Algorithm::Ed25519), Err(Error::AlgorithmNotAllowed));
    assert_eq!(find(Some("rsa"), Algorithm::HmacSha256), Err(Error::AlgorithmNotAllowed));
    assert_eq!(find(Some("EC"), Algorithm::EcdsaP256Sha256), Err(Error::UnknownKey));
    assert_eq!(find(None, Algorithm::HmacSha256), Err(Error::UnknownKey));
}

#[test]
fn a_key_that_names_its_algorithm_is_for_no_other() {
    let keys = one(&key(2, &json!({ "alg": "PS256" }))).unwrap();
    assert!(keys.find(Some("rsa"), Algorithm::RsaPssSha256).is_ok());
    for other in [Algorithm::RsaV15Sha256, Algorithm::RsaPssSha512] {
        assert_eq!(keys.find(Some("rsa"), other), Err(Error::AlgorithmNotAllowed));
        assert_eq!(keys.find(None, other), Err(Error::UnknownKey));
    }
}

#[test]
fn a_key_without_a_name_is_found_only_without_one() {
    let keys = one(&key(0, &json!({ "kid": null }))).unwrap();
    assert!(keys.find(None, Algorithm::Ed25519).is_ok());
    assert_eq!(keys.find(Some(""), Algorithm::Ed25519), Err(Error::UnknownKey));
}

#[test]
fn keys_for_something_else_are_left_out() {
    for other in [
        key(2, &json!({ "use": "enc", "alg": "RSA-OAEP" })),
        key(2, &json!({ "use": "enc" })),
        key(2, &json!({ "alg": "RS512" })),
        key(2, &json!({ "alg": "none" })),
        key(1, &json!({ "key_ops": ["encrypt"] })),
        key(1, &json!({ "key_ops": [] })),
        key(1, &json!({ "use": "sig", "key_ops": ["deriveKey"] })),
        key(1, &json!({ "crv": "P-521" })),
        key(0, &json!({ "crv": "Ed448" })),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
    ] {
        assert_eq!(one(&other), Ok(Jwks::default()), "{other}");
    }
    assert_eq!(one(&key(1, &json!({ "key_ops": ["verify"] }))).unwrap().len(), 1);
}

#[test]
fn secret_private_weak_and_malformed_keys_are_errors_that_name_the_key() {
    for (bad, expected) in [
        (json!({ "kty": "oct", "k": "AA" }), KeyError::Shared),
        (json!({ "kty": "oct", "k": "AA", "use": "enc" }), KeyError::Shared),
        (key(1, &json!({ "d": "AA" })), KeyError::Private),
        (key(2, &json!({ "n": RSA_N[..100], "use": "enc" })), KeyError::RsaBits(600)),
        (key(1, &json!({ "x": "AA" })), KeyError::Member("x")),
    ] {
        let set = json!({ "keys": [key(0, &json!({})), bad] });
        assert_eq!(parse(&set), Err(JwksError::Key(1, expected)), "{set}");
    }
    let misfit = parse(&json!({ "keys": [key(1, &json!({ "alg": "RS256" }))] }));
    assert_eq!(misfit, Err(JwksError::OtherAlgorithm(0, "RS256")));
    let twice = parse(&json!({ "keys": [key(0, &json!({})), key(1, &json!({ "kid": "ed" }))] }));
    assert_eq!(twice, Err(JwksError::SameName(1, "ed".into())));
}

#[test]
fn a_set_has_a_limit_and_a_form() {
    let many = vec![key(0, &json!({ "kid": null })); JWKS_MAX + 1];
    assert_eq!(parse(&json!({ "keys": many })), Err(JwksError::TooMany(JWKS_MAX + 1)));
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(matches!(Jwks::parse(text.as_bytes()), Err(JwksError::Json(_))), "{text}");
    }
    let inline: Jwks = serde_json::from_value(jwks()).unwrap();
    assert_eq!(inline, parse(&jwks()).unwrap());
}
