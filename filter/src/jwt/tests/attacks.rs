//! The usual attacks on tokens (RFC 8725 §2), each of which fails.

use super::mint::{RSA_N, base64url, bytes, claims_with, sign, signed};
use super::*;

/// A token with a good ES256 signature and other header parameters.
fn es256_with(changes: &Value) -> String {
    let header = with(header(Algorithm::EcdsaP256Sha256), changes);
    token(Algorithm::EcdsaP256Sha256, &header, &claims())
}

#[test]
fn alg_none_in_any_spelling() {
    let payload = base64url(claims().to_string().as_bytes());
    for case in 0..16_u8 {
        let none: String = "none"
            .chars()
            .enumerate()
            .map(|(i, c)| if case >> i & 1 == 1 { c.to_ascii_uppercase() } else { c })
            .collect();
        let header = base64url(json!({ "alg": none, "typ": "JWT" }).to_string().as_bytes());
        for signature in ["", "AA"] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(outcome(&token), Err(Error::AlgorithmNotAllowed), "{none}");
        }
        assert!(outcome(&format!("{header}.{payload}")).is_err());
    }
    for name in ["", " none", "none\0", "nOne ", "null", "NULL", "0", "false"] {
        assert_eq!(outcome(&es256_with(&json!({ "alg": name }))), Err(Error::AlgorithmNotAllowed));
    }
}

#[test]
fn an_empty_signature() {
    for algorithm in Algorithm::ALL {
        let good = token(algorithm, &header(algorithm), &claims());
        let (rest, _) = good.rsplit_once('.').unwrap();
        assert_eq!(outcome(&format!("{rest}.")), Err(Error::Invalid), "{algorithm:?}");
    }
}

#[test]
fn a_public_key_as_the_secret_of_hs256() {
    let key = crate::public_key::PublicKey::from_jwk(
        &serde_json::from_value(jwks()["keys"][2].clone()).unwrap(),
    )
    .unwrap();
    let der = key.to_spki_der();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        String::from(key.clone())
    );
    let jwk = jwks()["keys"][2].to_string();
    let public_only =
        Issuer { algorithms: vec![Algorithm::RsaV15Sha256], hmac_secret: None, ..issuer() };
    for secret in [&der[..], pem.as_bytes(), pem.trim().as_bytes(), &bytes(RSA_N), jwk.as_bytes()] {
        let header = json!({ "alg": "HS256", "kid": "rsa", "typ": "JWT" });
        let input = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims().to_string().as_bytes())
        );
        let token = format!("{input}.{}", base64url(&hmac(secret, input.as_bytes())));
        let refused = outcome_with(&token, std::slice::from_ref(&public_only), now());
        assert_eq!(refused, Err(Error::AlgorithmNotAllowed));
        // Even where the issuer also signs with a secret, that is the only one.
        assert_eq!(outcome(&token), Err(Error::Invalid));
    }
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_signature_of_another_key_of_the_same_issuer() {
    use Algorithm::{EcdsaP256Sha256, Ed25519};
    for (alg, kid, signer, expected) in [
        ("EdDSA", "ed", EcdsaP256Sha256, Error::Invalid),
        ("ES256", "ec", Ed25519, Error::Invalid),
        ("EdDSA", "ec", Ed25519, Error::AlgorithmNotAllowed),
        ("ES256", "ed", EcdsaP256Sha256, Error::AlgorithmNotAllowed),
    ] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        assert_eq!(outcome(&token(signer, &header, &claims())), Err(expected), "{alg} {kid}");
    }
}

#[test]
fn a_kid_that_is_a_path_a_query_or_very_long_names_no_key() {
    for kid in [
        "../../../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "ec' UNION SELECT 'AA'; --",
        "ec\0",
        "ec/../ec",
        "EC",
        " ec",
        "",
        "http://attacker.example/jwks.json",
        "| whoami",
        "__proto__",
        &"k".repeat(5000),
    ] {
        assert_eq!(outcome(&es256_with(&json!({ "kid": kid }))), Err(Error::UnknownKey), "{kid}");
    }
    let endless = es256_with(&json!({ "kid": "k".repeat(TOKEN_MAX) }));
    assert_eq!(outcome(&endless), Err(Error::TooLong));
    for kid in [json!(1), json!(["ec"]), json!({ "$ne": "" }), json!(true)] {
        let refused = outcome(&es256_with(&json!({ "kid": kid })));
        assert_eq!(refused, Err(Error::Malformed { what: "header" }));
    }
}

#[test]
fn a_key_or_its_address_in_the_header_is_never_used() {
    // The attacker's key signs; the RFC's Ed25519 key plays it, for an issuer that has it not.
    let stranger = jwks()["keys"][0].clone();
    let mut set = jwks();
    set["keys"].as_array_mut().unwrap().remove(0);
    let issuer = Issuer {
        keys: keys(&set),
        algorithms: vec![Algorithm::Ed25519, Algorithm::EcdsaP256Sha256],
        ..issuer()
    };
    for own in [
        json!({ "jwk": stranger }),
        json!({ "jku": "https://attacker.example/jwks.json" }),
        json!({ "x5u": "https://attacker.example/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "x5t": "AA", "x5t#S256": "AA" }),
        json!({ "jwk": stranger, "kid": null }),
        json!({ "jwk": stranger, "kid": "ec" }),
    ] {
        let header = with(header(Algorithm::Ed25519), &own);
        let token = token(Algorithm::Ed25519, &header, &claims());
        let refused = outcome_with(&token, std::slice::from_ref(&issuer), now());
        assert!(matches!(refused, Err(Error::UnknownKey | Error::AlgorithmNotAllowed)), "{own}");
        // They are ignored, not refused: the issuer's own signature is good with them.
        let own = with(json!({ "kid": "ec" }), &own);
        assert!(outcome(&es256_with(&own)).is_ok());
    }
}

#[test]
fn extensions_that_must_be_understood() {
    for own in [
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "crit": "x" }),
    ] {
        assert_eq!(outcome(&es256_with(&own)), Err(Error::Critical), "{own}");
    }
}

#[test]
fn an_ecdsa_signature_of_zeros() {
    let good = es256(&claims());
    let (rest, _) = good.rsplit_once('.').unwrap();
    let zeros = base64url(&[0; 64]);
    assert_eq!(outcome(&format!("{rest}.{zeros}")), Err(Error::Invalid));
}

#[test]
fn white_space_and_padding_around_a_token() {
    let good = es256(&claims());
    for other in [format!(" {good}"), format!("{good} "), format!("{good}\n"), format!("{good}=")] {
        assert!(matches!(outcome(&other), Err(Error::Malformed { .. })), "{other:?}");
    }
}

#[test]
fn members_that_appear_twice() {
    let sign_text = |header: &str, payload: &str| {
        outcome(&signed(Algorithm::EcdsaP256Sha256, header, payload)).err()
    };
    let header = header(Algorithm::EcdsaP256Sha256).to_string();
    let payload = claims().to_string();
    assert_eq!(sign_text(&header, &payload), None);
    for member in [r#""alg":"none""#, r#""kid":"ed""#, r#""x":{"y":1,"y":2}"#] {
        let twice = header.replacen('{', &format!("{{{member},"), 1);
        assert_eq!(sign_text(&twice, &payload), Some(Error::Malformed { what: "header" }));
    }
    for member in
        [r#""sub":"root""#, r#""exp":9999999999"#, r#""aud":["x"]"#, r#""\u0073ub":"root""#]
    {
        let twice = payload.replacen('{', &format!("{{{member},"), 1);
        assert_eq!(sign_text(&header, &twice), Some(Error::Malformed { what: "payload" }));
    }
}

#[test]
fn a_token_inside_a_token() {
    let inner = es256(&claims());
    let header = with(header(Algorithm::EcdsaP256Sha256), &json!({ "cty": "JWT" }));
    let nested = signed(Algorithm::EcdsaP256Sha256, &header.to_string(), &inner);
    assert_eq!(outcome(&nested), Err(Error::Malformed { what: "payload" }));
    // An encrypted token has five parts (RFC 7516 §3.1).
    assert!(matches!(outcome(&format!("{inner}.AA.AA")), Err(Error::Malformed { .. })));
}

#[test]
fn times_that_are_over_early_or_endless() {
    assert_eq!(error_with(&json!({ "exp": NOW })), Some(Error::Expired));
    assert_eq!(error_with(&json!({ "exp": null })), Some(Error::ClaimMissing("exp")));
    assert_eq!(error_with(&json!({ "nbf": NOW + 1 })), Some(Error::NotYetValid));
    assert_eq!(error_with(&json!({ "exp": NOW + 86_400 })), Some(Error::LifetimeTooLong));
    assert_eq!(error_with(&json!({ "iat": null })), Some(Error::ClaimMissing("iat")));
    assert_eq!(error_with(&json!({ "exp": "never" })), Some(Error::Malformed { what: "exp" }));
}

#[test]
fn a_token_for_somebody_else() {
    assert_eq!(error_with(&json!({ "aud": null })), Some(Error::ClaimMissing("aud")));
    assert_eq!(error_with(&json!({ "aud": "mail" })), Some(Error::OtherAudience));
    assert_eq!(error_with(&json!({ "aud": ["mail", "calendar"] })), Some(Error::OtherAudience));
    assert_eq!(error_with(&json!({ "aud": ["mail", "images"] })), None);
}

#[test]
fn a_token_that_was_made_for_something_else() {
    let access_only = Issuer { types: vec!["at+jwt".into()], ..issuer() };
    let typed = |typ: Value| {
        let token = es256_with(&json!({ "typ": typ }));
        outcome_with(&token, std::slice::from_ref(&access_only), now()).err()
    };
    assert_eq!(typed(json!("application/at+jwt")), None);
    for other in ["JWT", "id_token+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", ""] {
        assert_eq!(typed(json!(other)), Some(Error::OtherType), "{other}");
    }
    assert_eq!(typed(Value::Null), Some(Error::OtherType));
}

#[test]
fn a_token_of_one_issuer_in_the_name_of_another() {
    let mut set = jwks();
    set["keys"].as_array_mut().unwrap().truncate(1);
    let other = Issuer {
        name: "other".into(),
        issuer: "https://other.example/".into(),
        keys: keys(&set),
        algorithms: vec![Algorithm::Ed25519, Algorithm::EcdsaP256Sha256],
        hmac_secret: None,
        ..issuer()
    };
    let token = es256(&claims_with(&json!({ "iss": "https://other.example/" })));
    assert_eq!(outcome_with(&token, &[issuer(), other], now()), Err(Error::UnknownKey));
}

#[test]
fn a_payload_that_is_changed_after_it_was_signed() {
    let good = es256(&claims());
    let parts: Vec<_> = good.split('.').collect();
    let root = base64url(claims_with(&json!({ "sub": "root" })).to_string().as_bytes());
    let forged = format!("{}.{root}.{}", parts[0], parts[2]);
    assert_eq!(outcome(&forged), Err(Error::Invalid));
    let by_hs256 = {
        let header = base64url(json!({ "alg": "HS256", "typ": "JWT" }).to_string().as_bytes());
        let input = format!("{header}.{root}");
        format!("{input}.{}", base64url(&sign(Algorithm::Ed25519, input.as_bytes())))
    };
    assert_eq!(outcome(&by_hs256), Err(Error::Invalid));
}
