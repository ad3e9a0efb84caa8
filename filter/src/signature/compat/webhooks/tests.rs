//! Standard Webhooks against its published example and against a text written by hand.

use zeroize::Zeroizing;

use super::super::super::sample::{NOW, SECRET, Sample};
use super::super::super::{Scheme, VerificationKey};
use super::*;
use crate::algorithm::Algorithm;

const ID_VALUE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
// Computed with Python's `hmac` over `msg_p5jXN8AQM9LWM0D4loKWxJek.1618884473.not really an image`.
const MAC: &str = "o8An0DV1jHYcn9R7Z4uC4eI33LJhwcIOeE6kvr5uY7w=";

fn hook() -> Sample {
    Sample::upload()
        .with(ID, ID_VALUE)
        .with(TIMESTAMP, "1618884473")
        .with(SIGNATURE, format!("v1,{MAC}"))
}

#[test]
fn the_published_example_verifies() {
    // https://github.com/standard-webhooks/standard-webhooks: `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
    let secret = Base64::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let mut sample = Sample::upload()
        .with(ID, ID_VALUE)
        .with(TIMESTAMP, "1614265330")
        .with(SIGNATURE, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    sample.body = Some(b"{\"test\": 2432232314}".to_vec());
    let key = VerificationKey::Secret(Zeroizing::new(secret));
    let now = UnixMillis(1_614_265_330_000);
    assert!(sample.outcome_with(key, Algorithm::HmacSha256, now).is_ok());
}

#[test]
fn the_id_is_the_nonce_and_the_body_is_signed() {
    let verified = hook().outcome().unwrap();
    assert_eq!((verified.scheme, verified.created), (Scheme::StandardWebhooks, NOW));
    assert_eq!(verified.nonce.as_deref(), Some(ID_VALUE));
    let open: Vec<_> = verified.weaker.iter().collect();
    assert_eq!(open, ["method", "authority", "path", "query", "content-type"]);
    let mut other = hook();
    other.body = Some(b"another body".to_vec());
    assert_eq!(other.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn a_request_without_a_body_signs_an_empty_one() {
    let text = format!("{ID_VALUE}.1618884473.");
    let mac = Base64::encode_string(&client::mac(SECRET, &[text.as_bytes()]));
    let sample = Sample::download()
        .with(ID, ID_VALUE)
        .with(TIMESTAMP, "1618884473")
        .with(SIGNATURE, format!("v1,{mac}"));
    assert!(sample.outcome().is_ok());
    let wrong = sample.without(SIGNATURE).with(SIGNATURE, format!("v1,{MAC}"));
    assert_eq!(wrong.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn one_right_signature_among_several_is_enough() {
    let other = Base64::encode_string(&[7; 32]);
    for list in [
        format!("v1,{other} v1,{MAC}"),
        format!("v1,{MAC} v1,{other}"),
        format!("v1a,c29tZXRoaW5n v1,{MAC} v2,x"),
    ] {
        assert!(hook().without(SIGNATURE).with(SIGNATURE, list).outcome().is_ok());
    }
    let wrong = hook().without(SIGNATURE).with(SIGNATURE, format!("v1,{other} v1,{other}"));
    assert_eq!(wrong.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn every_field_has_its_form() {
    for (name, value) in [
        // `a.1` at time 2 and `a` at time `1.2` would be one text.
        (ID, "msg.1"),
        (ID, "two words"),
        (ID, ""),
        (TIMESTAMP, "now"),
        (SIGNATURE, ""),
        (SIGNATURE, "v1"),
        (SIGNATURE, "v1,AAAA"),
        (SIGNATURE, "v1a,AAAA"),
    ] {
        let error = hook().without(name).with(name, value).outcome().unwrap_err();
        assert!(matches!(error, Error::Malformed { what, .. } if what == name), "{name}: {value}");
    }
    for name in [ID, TIMESTAMP] {
        assert_eq!(hook().without(name).outcome().unwrap_err(), Error::ParameterMissing(name));
    }
    let list = vec![format!("v1,{MAC}"); SIGNATURES_MAX + 1].join(" ");
    let many = hook().without(SIGNATURE).with(SIGNATURE, list);
    assert!(matches!(many.outcome(), Err(Error::TooLarge { .. })));
}

// Kong's plugin lets any future time pass.
#[test]
fn the_time_is_judged_both_ways() {
    for (now, fresh) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let now = UnixMillis(NOW.0.checked_add_signed(now * 1000).unwrap());
        assert_eq!(hook().outcome_at(now).is_ok(), fresh);
    }
}
