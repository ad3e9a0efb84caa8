//! Every scheme there and back, and with one thing changed in between.

use proptest::prelude::*;

use super::super::sample::{KEY_ID, NONCE, NOW, SECRET, Sample};
use super::super::{Part, VerificationKey};
use super::*;
use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;

fn method() -> impl Strategy<Value = String> {
    prop_oneof!["GET", "POST", "PUT", "[A-Z]{1,8}"]
}

fn sample() -> impl Strategy<Value = Sample> {
    (
        method(),
        "(/[a-zA-Z0-9._~%-]{1,8}){1,3}",
        proptest::option::of("[a-zA-Z0-9=&%+._~/-]{0,20}"),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        "[a-z]{1,8}/[a-z0-9.+-]{1,8}(; ?[a-z]{1,5}=\"[ -!#-~]{0,5}\")?",
    )
        .prop_map(|(method, path, query, body, media_type)| Sample {
            method,
            target: path + &query.map(|query| format!("?{query}")).unwrap_or_default(),
            body,
            fields: vec![("content-type".into(), media_type.into_bytes())],
            ..Sample::upload()
        })
        .prop_filter("Cloudflare's parameter is added, once", |sample| {
            !sample.target.contains("verify") && !sample.target.contains('%')
        })
}

fn scheme() -> impl Strategy<Value = Scheme> {
    proptest::sample::select(&Scheme::ALL)
}

/// A part of a request to change. Each change makes another request.
fn change() -> impl Strategy<Value = Part> {
    proptest::sample::select(
        [Part::Method, Part::Path, Part::Query, Part::ContentType, Part::Body].as_slice(),
    )
}

fn changed(mut sample: Sample, part: Part) -> Sample {
    match part {
        Part::Method => sample.method.push('X'),
        Part::Path => sample.target.insert(1, 'x'),
        Part::Query => {
            // At the front, because Cloudflare's parameter must stay the last.
            let (path, query) = sample.target.split_once('?').unwrap_or((&sample.target, ""));
            sample.target = format!("{path}?x&{query}");
        }
        Part::ContentType => {
            let (_, value) = sample.fields.iter_mut().find(|(n, _)| n == "content-type").unwrap();
            value.push(b'x');
        }
        Part::Body => sample.body.as_mut().unwrap().push(b'x'),
        Part::Authority | Part::Nonce => unreachable!("refused by rules of their own"),
    }
    sample
}

proptest! {
    #[test]
    fn what_is_signed_verifies(sample in sample(), scheme in scheme(), late in 0u64..=300) {
        let verified = sample.signed(scheme).outcome_at(NOW.plus(late * 1000)).unwrap();
        prop_assert_eq!(verified.scheme, scheme);
        prop_assert_eq!(verified.created, NOW);
        let has_nonce = !verified.weaker.contains(Part::Nonce);
        prop_assert_eq!(verified.nonce.is_some(), has_nonce);
    }

    /// What a verdict calls covered is covered, and what it calls open is open.
    #[test]
    fn a_part_that_is_changed_is_noticed_exactly_where_it_is_covered(
        sample in sample(),
        scheme in scheme(),
        part in change(),
    ) {
        let in_body = matches!(part, Part::Body | Part::ContentType);
        prop_assume!(sample.body.is_some() || !in_body);
        let signed = sample.signed(scheme);
        let weaker = signed.outcome().unwrap().weaker;
        let outcome = changed(signed, part).outcome();
        prop_assert_eq!(outcome.is_ok(), weaker.contains(part));
    }

    #[test]
    fn any_changed_byte_of_a_field_of_the_signature_is_noticed(
        scheme in scheme(),
        at in any::<proptest::sample::Index>(),
        bit in 0u32..7,
    ) {
        let mut signed = Sample::upload().signed(scheme);
        let names = ["x-timestamp", "x-nonce", "x-content-sha256", "x-signature", "signature-input",
            "content-digest", "date", "digest", "webhook-id", "webhook-timestamp"];
        let bytes: Vec<&mut u8> = signed
            .fields
            .iter_mut()
            .filter(|(name, _)| names.contains(&&**name))
            .flat_map(|(_, value)| value.iter_mut())
            .collect();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        let byte = bytes.into_iter().nth(at).unwrap();
        let (before, after) = (*byte, *byte ^ (1 << bit));
        // Hex digits mean the same in both cases.
        prop_assume!(!before.eq_ignore_ascii_case(&after));
        *byte = after;
        prop_assert!(signed.outcome().is_err());
    }

    #[test]
    fn another_secret_is_noticed(sample in sample(), scheme in scheme(), secret in "[a-z]{0,80}") {
        let key = VerificationKey::Secret(secret.into_bytes().into());
        let outcome = sample.signed(scheme).outcome_with(key, Algorithm::HmacSha256, NOW);
        prop_assert_eq!(outcome.unwrap_err(), Error::Invalid);
    }
}

fn statement() -> Statement<'static> {
    let key_id = Some(KEY_ID);
    Statement { key_id, created: NOW, expires: None, nonce: NONCE, body: Some(b"body") }
}

fn signed_with(statement: Statement<'_>) -> Result<Signed, Error> {
    let sample = Sample::upload();
    let headers = Headers::new(sample.fields.clone());
    sign(&sample.head(&headers), &Signing { scheme: Scheme::Rfc9421, secret: SECRET, statement })
}

#[test]
fn a_signature_can_be_made_elsewhere() {
    use ed25519_dalek::Signer as _;
    let private = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let sample = Sample::upload();
    let headers = Headers::new(sample.fields.clone());
    let body = sample.body.as_deref();
    let statement = Statement { body, ..statement() };
    let unsigned = unsigned(&sample.head(&headers), &statement).unwrap();
    let signature = private.sign(unsigned.message()).to_bytes();
    let mut sample = sample.clone();
    for (name, value) in unsigned.signed(&signature).fields {
        sample = sample.with(name, value);
    }
    let spki = [&ED25519_SPKI[..], private.verifying_key().as_bytes()].concat();
    let key = || VerificationKey::Public(PublicKey::from_spki_der(&spki).unwrap());
    assert!(sample.outcome_with(key(), Algorithm::Ed25519, NOW).is_ok());
    sample.method = "PUT".into();
    let outcome = sample.outcome_with(key(), Algorithm::Ed25519, NOW);
    assert_eq!(outcome.unwrap_err(), Error::Invalid);
}

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0];

#[test]
fn the_end_and_the_key_id_are_written() {
    let expires = Some(NOW.plus(60_000));
    let signed = signed_with(Statement { expires, ..statement() }).unwrap();
    let (name, value) = &signed.fields[1];
    assert_eq!(*name, "Signature-Input");
    assert!(value.contains(";expires=1618884533;"), "{value}");
    let nameless = signed_with(Statement { key_id: None, ..statement() });
    assert_eq!(nameless.unwrap_err(), Error::ParameterMissing("keyid"));
}

#[test]
fn text_that_cannot_be_written_is_refused() {
    for nonce in ["line\nfeed and more of it", "été, a nonce of letters"] {
        let refused = signed_with(Statement { nonce, ..statement() }).unwrap_err();
        assert!(matches!(refused, Error::Malformed { what: "nonce", .. }));
    }
    let quoted = signed_with(Statement { nonce: "a \"quoted\\\" nonce, long", ..statement() });
    assert!(quoted.unwrap().fields[1].1.contains("nonce=\"a \\\"quoted\\\\\\\" nonce, long\""));
}
