use serde_json::json;

use super::*;
use crate::jwt::tests::mint::{NOW, claims_with, issuer, now};

fn check(changes: &Value) -> Result<Verified, Error> {
    check_with(changes, &issuer(), now())
}

fn check_with(changes: &Value, issuer: &Issuer, now: UnixMillis) -> Result<Verified, Error> {
    Claims::parse(claims_with(changes).to_string().as_bytes())?.check(issuer, now)
}

#[test]
fn a_claim_that_is_required_is_there_and_of_its_form() {
    for name in ["aud", "exp", "iat", "sub"] {
        assert_eq!(check(&json!({ name: null })), Err(Error::ClaimMissing(name)));
        for wrong in [json!(true), json!({}), json!([7])] {
            assert_eq!(check(&json!({ name: wrong })), Err(Error::Malformed { what: name }));
        }
    }
    assert_eq!(check(&json!({ "sub": "" })), Err(Error::Malformed { what: "sub" }));
    assert_eq!(check(&json!({ "jti": "" })), Err(Error::Malformed { what: "jti" }));
}

#[test]
fn claims_that_are_not_known_are_ignored() {
    assert!(check(&json!({ "admin": true, "roles": ["root"], "cnf": {} })).is_ok());
}

#[test]
fn one_of_the_audiences_is_ours() {
    for taken in [json!("images"), json!("pictures"), json!(["x", "images"])] {
        assert!(check(&json!({ "aud": taken })).is_ok());
    }
    for other in [json!("Images"), json!("images "), json!(""), json!([]), json!(["x", "image"])] {
        assert_eq!(check(&json!({ "aud": other })), Err(Error::OtherAudience));
    }
    for malformed in [json!(["images", 7]), json!([["images"]]), json!({ "images": 1 }), json!(7)] {
        assert_eq!(check(&json!({ "aud": malformed })), Err(Error::Malformed { what: "aud" }));
    }
}

#[test]
fn a_token_is_good_from_its_start_to_just_before_its_end() {
    let issuer = Issuer { skew: 5, ..issuer() };
    let claims = json!({ "iat": NOW, "nbf": NOW + 10, "exp": NOW + 20 });
    let at = |millis: u64| check_with(&claims, &issuer, UnixMillis(millis)).err();
    let start = (NOW + 10) * 1000;
    assert_eq!(at(start - 5001), Some(Error::NotYetValid));
    assert_eq!(at(start - 5000), None);
    assert_eq!(at(start + 14_999), None);
    assert_eq!(at(start + 15_000), Some(Error::Expired));
    let verified = check_with(&claims, &issuer, UnixMillis(start)).unwrap();
    assert_eq!(verified.expires, UnixMillis(start + 15_000));
}

#[test]
fn a_token_from_the_future_is_refused() {
    assert_eq!(check(&json!({ "iat": NOW })).err(), None);
    assert_eq!(check(&json!({ "iat": NOW + 1 })), Err(Error::NotYetValid));
    assert_eq!(check(&json!({ "iat": NOW + 1, "nbf": NOW - 1 })), Err(Error::NotYetValid));
}

#[test]
fn a_token_is_not_valid_for_longer_than_its_issuer_may_say() {
    assert!(check(&json!({ "iat": NOW, "exp": NOW + 3600 })).is_ok());
    for exp in [json!(NOW + 3601), json!(u64::MAX), json!(1e300)] {
        assert_eq!(check(&json!({ "iat": NOW, "exp": exp })), Err(Error::LifetimeTooLong));
    }
}

#[test]
fn times_are_numbers_with_or_without_a_fraction() {
    let expires = |exp: &str| {
        let claims = claims_with(&json!({ "exp": "EXP" })).to_string().replace("\"EXP\"", exp);
        Claims::parse(claims.as_bytes()).unwrap().check(&issuer(), now()).map(|v| v.expires.0)
    };
    assert_eq!(expires(&format!("{}", NOW + 1)), Ok((NOW + 1) * 1000));
    assert_eq!(expires("1700000000.0015"), Ok(NOW * 1000 + 1));
    assert_eq!(expires("1.7000000015e9"), Ok(NOW * 1000 + 1500));
    assert_eq!(expires("-0"), Err(Error::Expired));
    for malformed in ["-1", "-1.5", "\"1700000001\"", "\"1e10\""] {
        assert_eq!(expires(malformed), Err(Error::Malformed { what: "exp" }), "{malformed}");
    }
}

#[test]
fn scopes_are_words_between_spaces_or_a_list() {
    let scopes = |scope: Value| check(&json!({ "scope": scope })).map(|verified| verified.scopes);
    let both = Ok(vec!["a:b".to_owned(), "c".to_owned()]);
    assert_eq!(scopes(json!("a:b c")), both);
    assert_eq!(scopes(json!(["a:b", "c"])), both);
    assert_eq!(scopes(json!("")), Ok(vec![]));
    assert_eq!(scopes(Value::Null), Ok(vec![]));
    for malformed in [json!(7), json!([7]), json!({ "a": 1 })] {
        assert_eq!(scopes(malformed), Err(Error::Malformed { what: "scopes" }));
    }
    let issuer = Issuer { scope_claim: "scp".into(), ..issuer() };
    let verified = check_with(&json!({ "scope": "x", "scp": ["y"] }), &issuer, now()).unwrap();
    assert_eq!(verified.scopes, ["y"]);
}

#[test]
fn scopes_that_a_permit_cannot_carry_refuse_the_token() {
    let sixteen: Vec<_> = (0..16).map(|i| format!("s{i}")).collect();
    assert!(check(&json!({ "scope": sixteen })).is_ok());
    let seventeen: Vec<_> = (0..17).map(|i| format!("s{i}")).collect();
    let long = "s".repeat(65);
    for scope in
        [json!(seventeen), json!("a\tb"), json!(["a b"]), json!([""]), json!("é"), json!(long)]
    {
        assert_eq!(check(&json!({ "scope": scope })), Err(Error::Scopes));
    }
}

#[test]
fn a_subject_that_is_no_name_becomes_its_digest() {
    let principal = |sub: &str| check(&json!({ "sub": sub })).unwrap().principal;
    assert_eq!(principal("a.b-c_d:e"), "login:a.b-c_d:e");
    assert_eq!(principal(&"a".repeat(58)), format!("login:{}", "a".repeat(58)));
    // printf %s 'auth0|507f1f77' | openssl dgst -sha256 -binary | basenc --base64url
    assert_eq!(principal("auth0|507f1f77"), "login::ov20q4vKJsgUW4SOWRc2So");
    let long = principal(&"a".repeat(59));
    assert_eq!(long.len(), "login::".len() + 22);
    assert!(is_name(&long));
}

#[test]
fn no_subject_can_be_chosen_to_look_like_another() {
    let principal = |sub: &str| check(&json!({ "sub": sub })).unwrap().principal;
    let victim = principal("auth0|507f1f77");
    let digest = victim.strip_prefix("login:").unwrap();
    assert!(digest.starts_with(':'));
    assert_ne!(principal(digest), victim);
    assert_ne!(principal(&digest[1..]), victim);
}

#[test]
fn a_token_without_a_name_of_its_own_is_taken_unless_the_issuer_says_otherwise() {
    assert_eq!(check(&json!({ "jti": null })).unwrap().jti, None);
    let issuer = Issuer { require_jti: true, ..issuer() };
    let outcome = check_with(&json!({ "jti": null }), &issuer, now());
    assert_eq!(outcome, Err(Error::ClaimMissing("jti")));
}
