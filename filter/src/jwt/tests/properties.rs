//! What holds for every token.

use proptest::prelude::*;

use super::mint::base64url;
use super::*;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ";

/// Runs all steps; only whether they end matters.
fn run(token: &[u8]) {
    let prepared = parse(token).and_then(|token| token.prepare(&[issuer()], &HOST, now()));
    let _ = prepared.and_then(Prepared::verify);
}

#[test]
fn a_good_token_with_any_one_character_changed_fails() {
    for algorithm in [Algorithm::HmacSha256, Algorithm::Ed25519] {
        let good = token(algorithm, &header(algorithm), &claims());
        assert!(outcome(&good).is_ok());
        for position in 0..good.len() {
            // The neighbour in the alphabet differs in the lowest bits, which a lax reader ignores.
            let old = ALPHABET.iter().position(|c| *c == good.as_bytes()[position]).unwrap();
            for new in [ALPHABET[old ^ 1], ALPHABET[(old + 32) % 64]] {
                let mut changed = good.clone().into_bytes();
                changed[position] = new;
                assert!(outcome(str::from_utf8(&changed).unwrap()).is_err(), "{position}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_removed_or_added_character_fails(
        algorithm in prop::sample::select(&Algorithm::ALL[..]),
        position in any::<prop::sample::Index>(),
        new in prop::sample::select(ALPHABET),
        edit in 0..3,
    ) {
        let good = token(algorithm, &header(algorithm), &claims()).into_bytes();
        let position = position.index(good.len());
        let mut changed = good.clone();
        match edit {
            0 => changed[position] = new,
            1 => drop(changed.remove(position)),
            _ => changed.insert(position, new),
        }
        prop_assume!(changed != good);
        prop_assert!(outcome(str::from_utf8(&changed).unwrap()).is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(token in prop::collection::vec(any::<u8>(), 0..300)) {
        run(&token);
    }

    #[test]
    fn arbitrary_parts_never_panic(
        header in prop_oneof![Just(r#"{"alg":"ES256","typ":"JWT"}"#.to_owned()), any::<String>()],
        payload in any::<String>(),
        signature in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let [header, payload] = [header, payload].map(|part| base64url(part.as_bytes()));
        run(format!("{header}.{payload}.{}", base64url(&signature)).as_bytes());
    }

    #[test]
    fn arbitrary_claims_never_panic(
        name in prop::sample::select(vec!["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope"]),
        value in prop_oneof![
            any::<f64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            prop::collection::vec(any::<String>(), 0..20).prop_map(Value::from),
        ],
    ) {
        let claims = claims_with(&json!({ name: value }));
        run(token(Algorithm::HmacSha256, &header(Algorithm::HmacSha256), &claims).as_bytes());
    }

    #[test]
    fn two_subjects_are_never_one_principal(
        first in "[a-z:|@]{1,4}|.{1,70}",
        second in "[a-z:|@]{1,4}|.{1,70}",
    ) {
        prop_assume!(first != second);
        let principal = |subject: &str| {
            outcome(&token(
                Algorithm::HmacSha256,
                &header(Algorithm::HmacSha256),
                &claims_with(&json!({ "sub": subject })),
            ))
            .map(|verified| verified.principal)
        };
        prop_assert_ne!(principal(&first)?, principal(&second)?);
    }
}
