use super::*;
use crate::jwt::tests::mint::{issuer, keys};

#[test]
fn the_issuer_of_the_tests_is_right() {
    assert_eq!(issuer().check(), Ok(()));
}

#[test]
fn what_would_take_no_token_or_too_much_is_told_with_its_field() {
    let field = |change: fn(&mut Issuer)| {
        let mut issuer = issuer();
        change(&mut issuer);
        issuer.check().unwrap_err().field
    };
    assert_eq!(field(|issuer| issuer.name = "a:b".into()), "name");
    assert_eq!(field(|issuer| issuer.name = "a".repeat(41)), "name");
    assert_eq!(field(|issuer| issuer.name.clear()), "name");
    assert_eq!(field(|issuer| issuer.issuer.clear()), "issuer");
    assert_eq!(field(|issuer| issuer.audiences.clear()), "audiences");
    assert_eq!(field(|issuer| issuer.audiences.push(String::new())), "audiences");
    assert_eq!(field(|issuer| issuer.algorithms.clear()), "algorithms");
    assert_eq!(field(|issuer| issuer.algorithms.push(Algorithm::Ed25519)), "algorithms");
    assert_eq!(field(|issuer| issuer.keys = Jwks::default()), "keys");
    assert_eq!(field(|issuer| issuer.hmac_secret = None), "hmac_secret");
    assert_eq!(field(|issuer| issuer.algorithms = vec![Algorithm::Ed25519]), "hmac_secret");
    assert_eq!(field(|issuer| issuer.types.clear()), "types");
    assert_eq!(field(|issuer| issuer.max_lifetime = 0), "max_lifetime");
    assert_eq!(field(|issuer| issuer.max_lifetime = u64::MAX), "max_lifetime");
    assert_eq!(field(|issuer| issuer.scope_claim.clear()), "scope_claim");
    assert_eq!(field(|issuer| issuer.tier = "a b".into()), "tier");
    assert_eq!(field(|issuer| issuer.skew = 301), "skew");
}

#[test]
fn a_shared_secret_alone_needs_no_keys() {
    let issuer = Issuer {
        algorithms: vec![Algorithm::HmacSha256],
        keys: keys(&serde_json::json!({ "keys": [] })),
        ..issuer()
    };
    assert_eq!(issuer.check(), Ok(()));
}

#[test]
fn types_are_compared_without_case_and_prefix() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert_eq!(issuer().check_type(Some(typ)), Ok(()), "{typ}");
    }
    for typ in
        [None, Some(""), Some("id+jwt"), Some("logout+jwt"), Some("application/"), Some("JWTs")]
    {
        assert_eq!(issuer().check_type(typ), Err(Error::OtherType), "{typ:?}");
    }
}

#[test]
fn a_token_without_a_type_is_taken_where_the_empty_one_is_listed() {
    let issuer = Issuer { types: vec![String::new()], ..issuer() };
    assert_eq!(issuer.check_type(None), Ok(()));
    assert_eq!(issuer.check_type(Some("JWT")), Err(Error::OtherType));
}
