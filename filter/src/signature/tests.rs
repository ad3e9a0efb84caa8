//! Which signature a request presents.

use proptest::prelude::*;

use super::sample::{KEY_ID, SECRET, Sample};
use super::*;
use crate::request::Headers;

fn seen(sample: &Sample, accepted: Schemes) -> Result<Option<(Scheme, Option<String>)>, Error> {
    let headers = Headers::new(sample.fields.clone());
    let presented = presented(&sample.head(&headers), accepted)?;
    Ok(presented.map(|found| (found.scheme(), found.key_id().map(str::to_owned))))
}

#[test]
fn a_request_without_a_signature_presents_none() {
    assert_eq!(seen(&Sample::upload(), Schemes::STANDARD), Ok(None));
    let bearer = Sample::upload().with("authorization", "Bearer lun_test_x");
    assert_eq!(seen(&bearer, Scheme::ALL.into_iter().collect()), Ok(None));
}

#[test]
fn each_scheme_is_recognised_and_names_its_key() {
    for scheme in Scheme::ALL {
        let signed = Sample::upload().signed(scheme);
        let names_a_key = !matches!(scheme, Scheme::StandardWebhooks | Scheme::CloudflareTimed);
        let key_id = names_a_key.then(|| KEY_ID.to_owned());
        let accepted = Schemes::NONE.with(scheme);
        assert_eq!(seen(&signed, accepted), Ok(Some((scheme, key_id))));
    }
}

#[test]
fn the_schemes_of_other_gateways_are_off_unless_accepted() {
    for scheme in Scheme::ALL {
        let signed = Sample::upload().signed(scheme);
        let found = seen(&signed, Schemes::STANDARD).unwrap().is_some();
        assert_eq!(found, Schemes::STANDARD.contains(scheme), "{}", scheme.as_str());
    }
}

#[test]
fn our_own_schemes_cannot_be_overlooked() {
    // A signature that is present must verify, whatever a policy accepts besides.
    for scheme in Schemes::STANDARD.iter() {
        let signed = Sample::upload().signed(scheme);
        assert!(seen(&signed, Schemes::NONE).unwrap().is_some());
    }
}

#[test]
fn two_signatures_are_ambiguous() {
    let all: Schemes = Scheme::ALL.into_iter().collect();
    for one in Scheme::ALL {
        for other in Scheme::ALL.into_iter().filter(|other| *other != one) {
            let sample = Sample::upload().signed(one).signed(other);
            let replaced = one == Scheme::KongHmac && other == Scheme::ApisixHmac
                || one == Scheme::ApisixHmac && other == Scheme::KongHmac;
            if !replaced {
                let (one, other) = (one.as_str(), other.as_str());
                assert_eq!(seen(&sample, all), Err(Error::Ambiguous), "{one} and {other}");
            }
        }
    }
    let kong = Sample::upload().signed(Scheme::KongHmac).field("authorization");
    let both = Sample::upload().signed(Scheme::ApisixHmac).with("proxy-authorization", kong);
    assert_eq!(seen(&both, all), Err(Error::Ambiguous));
}

#[test]
fn no_message_repeats_a_secret_or_a_signature() {
    for scheme in Scheme::ALL {
        let signed = Sample::upload().signed(scheme);
        let key = VerificationKey::Secret(b"another".to_vec().into());
        let error = signed.outcome_with(key, Algorithm::HmacSha256, sample::NOW).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("another") && text.len() < 60, "{text}");
        let verified = format!("{:?}", signed.outcome().unwrap());
        assert!(!verified.contains(std::str::from_utf8(SECRET).unwrap()));
    }
}

/// Fields that some scheme looks at, with values that are nearly right.
fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name = proptest::sample::select(
        [
            "signature-input",
            "signature",
            "content-digest",
            "x-signature",
            "x-timestamp",
            "x-nonce",
            "x-content-sha256",
            "x-key-id",
            "authorization",
            "proxy-authorization",
            "date",
            "digest",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "host",
            "content-type",
        ]
        .as_slice(),
    );
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "(sig1=|\\(|\\)|\"@path\"|\"x\"|;tag=\"lunette\"|;keyid=\"k\"|;created=1|;nonce=|:AAAA:|, )*"
            .prop_map(String::into_bytes),
        "(hmac |Signature )?((username|keyId|algorithm|headers|signature)=\"[ -!#-~]{0,44}\",?)*"
            .prop_map(String::into_bytes),
        "(v1,)?[A-Za-z0-9+/=]{0,48}".prop_map(String::into_bytes),
        "[0-9]{0,13}|[0-9a-f]{64}".prop_map(String::into_bytes),
    ];
    (name.prop_map(str::to_owned), value)
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(
        fields in proptest::collection::vec(field(), 0..6),
        scheme in proptest::sample::select(&Scheme::ALL),
        authority in "\\PC{0,12}",
        target in "/?\\PC{0,12}(\\?verify=\\PC{0,20})?",
    ) {
        let mut sample = Sample { fields: fields.clone(), authority, target, ..Sample::upload() };
        prop_assert!(sample.outcome().is_err());
        // And beside, or instead of, what a good signature has.
        sample = Sample::upload().signed(scheme);
        for (name, value) in fields {
            sample = sample.without(&name).with(&name, value);
        }
        let _ = sample.outcome();
    }
}
