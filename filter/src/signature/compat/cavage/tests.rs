//! Both dialects against texts written by hand, and against what their own gateways let pass.

use super::super::super::sample::{KEY_ID, NOW, SECRET, Sample};
use super::text::{LINE, TARGET};
use super::*;

const DATE: &str = "Tue, 20 Apr 2021 02:07:53 GMT";
/// The SHA-256 of the sample's body.
const DIGEST: &str = "SHA-256=EJvEEC35QdJccAgkUUAj/A9+zmodOJ4xMwRq5vJweT4=";

// Computed with Python's `hmac` from the texts that the gateways' documentation prescribes.
const KONG: &str = "9cYQX6azRXEuoyAVhwzSz1LUXdJiO3w4VKa/sE8RJU0=";
const KONG_LINE: &str = "o1qkJeeA3RF6OhQSEXNKDpLCSe3+gou0W6wbU2z23o0=";
const APISIX: &str = "GlbgyG6WL1Vdyl0XS+B3oSS3o6CT7NTgFrZtIoJvnJY=";

fn kong(sample: Sample, headers: &str, signature: &str) -> Sample {
    let value = format!(
        "hmac username=\"{KEY_ID}\", algorithm=\"hmac-sha256\", headers=\"{headers}\", \
         signature=\"{signature}\""
    );
    sample.with("Authorization", value)
}

fn apisix(sample: Sample, headers: &str, signature: &str) -> Sample {
    let value = format!(
        "Signature keyId=\"{KEY_ID}\",algorithm=\"hmac-sha256\",headers=\"{headers}\",\
         signature=\"{signature}\""
    );
    sample.with("Authorization", value)
}

fn signature(text: &str) -> String {
    Base64::encode_string(&client::mac(SECRET, &[text.as_bytes()]))
}

fn dated() -> Sample {
    Sample::upload().with("Date", DATE)
}

fn words(sample: &Sample) -> Vec<&'static str> {
    sample.outcome().unwrap().weaker.iter().collect()
}

#[test]
fn kongs_text_is_names_and_values_as_they_are_listed() {
    let text = format!(
        "date: {DATE}\n@request-target: post /v1/background-removal?format=png\n\
         host: images.example\nDigest: {DIGEST}\ncontent-type: image/png"
    );
    assert_eq!(signature(&text), KONG);
    let sample = dated().with("Digest", DIGEST);
    let sample = kong(sample, "date @request-target host Digest content-type", KONG);
    let verified = sample.outcome().unwrap();
    assert_eq!((verified.scheme, verified.created), (Scheme::KongHmac, NOW));
    assert!(verified.digest.is_some() && verified.nonce.is_none());
    assert_eq!(words(&sample), ["nonce"]);
}

#[test]
fn kongs_older_clients_sign_the_request_line_and_another_date() {
    let sample = Sample::download().with("X-Date", DATE).with("Date", "long ago");
    let sample = kong(sample, "x-date request-line", KONG_LINE);
    assert_eq!(words(&sample), ["authority", "nonce"]);
    let field = sample.field("authorization");
    let sample = sample.without("authorization").with("Proxy-Authorization", field);
    assert!(sample.outcome().is_ok());
}

#[test]
fn apisixs_text_begins_with_the_key_id_and_ends_with_a_line_feed() {
    let text = format!("{KEY_ID}\nPOST /v1/background-removal?format=png\ndate: {DATE}\n");
    assert_eq!(signature(&text), APISIX);
    let sample = apisix(dated(), "@request-target date", APISIX);
    assert_eq!(sample.outcome().unwrap().scheme, Scheme::ApisixHmac);
    assert_eq!(words(&sample), ["authority", "content-type", "body", "nonce"]);
    let without = signature(text.trim_end());
    let sample = apisix(dated(), "@request-target date", &without);
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn the_dialects_are_not_each_other() {
    // Kong's text under APISIX's name, and the other way round.
    let text = format!("@request-target: post /v1/background-removal?format=png\ndate: {DATE}");
    assert!(kong(dated(), "@request-target date", &signature(&text)).outcome().is_ok());
    let sample = apisix(dated(), "@request-target date", &signature(&text));
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    let sample = kong(dated(), "@request-target date", APISIX);
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    let sample = apisix(Sample::download().with("Date", DATE), "date request-line", APISIX);
    assert_eq!(sample.outcome().unwrap_err(), Error::ComponentAbsent(LINE.into()));
}

// Kong's default: a captured request is dated anew, and verifies for ever.
#[test]
fn the_date_must_be_signed() {
    let text = "@request-target: post /v1/background-removal?format=png";
    for sample in [
        kong(dated(), "@request-target", &signature(text)),
        kong(dated().with("X-Date", DATE), "@request-target", &signature(text)),
        apisix(dated(), "@request-target", &signature(text)),
        apisix(dated().with("X-Date", DATE), "@request-target x-date", &signature(text)),
    ] {
        assert_eq!(sample.outcome().unwrap_err(), Error::NotCovered("date"));
    }
}

#[test]
fn the_target_must_be_signed() {
    let sample = kong(dated(), "date host", &signature(&format!("date: {DATE}")));
    assert_eq!(sample.outcome().unwrap_err(), Error::NotCovered(TARGET));
    let sample = apisix(dated(), "date", &signature(&format!("{KEY_ID}\ndate: {DATE}\n")));
    assert_eq!(sample.outcome().unwrap_err(), Error::NotCovered(TARGET));
}

// Kong signs an absent field as empty, APISIX skips it.
#[test]
fn what_is_listed_must_be_there_once() {
    let target = "@request-target: post /v1/background-removal?format=png";
    let text = format!("{target}\ndate: {DATE}\nx-absent:");
    let sample = kong(dated(), "@request-target date x-absent", &signature(&text));
    assert_eq!(sample.outcome().unwrap_err(), Error::ComponentAbsent("x-absent".into()));
    let sample = apisix(dated(), "@request-target date x-absent", APISIX);
    assert_eq!(sample.outcome().unwrap_err(), Error::ComponentAbsent("x-absent".into()));
    let twice = dated().with("X-Extra", "1").with("X-Extra", "2");
    let sample = kong(twice, "@request-target date x-extra", APISIX);
    assert_eq!(sample.outcome().unwrap_err(), Error::ComponentAbsent("x-extra".into()));
    let sample = kong(dated(), "@request-target date Date", APISIX);
    assert_eq!(sample.outcome().unwrap_err(), Error::ComponentRepeated("Date".into()));
    let many: Vec<_> = (0..31).map(|n| format!("x{n}")).collect();
    let sample = kong(dated(), &format!("@request-target date {}", many.join(" ")), APISIX);
    assert!(matches!(sample.outcome(), Err(Error::TooLarge { most: 32, .. })));
}

// Both gateways compare the body with a digest that an attacker may have written.
#[test]
fn a_digest_that_is_not_signed_proves_nothing() {
    let sample = apisix(dated().with("Digest", DIGEST), "@request-target date", APISIX);
    let verified = sample.outcome().unwrap();
    assert_eq!(verified.digest, None);
    assert!(verified.weaker.contains(Part::Body));
}

#[test]
fn a_signed_digest_binds_the_body() {
    let mut sample = Sample::upload().signed(Scheme::KongHmac);
    assert_eq!(words(&sample), ["nonce"]);
    sample.body = Some(b"another body".to_vec());
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    for digest in ["MD5=rL0Y20zC+Fzt72VPzMSk2A==", "SHA-256=AAAA", "", "SHA-256"] {
        let text = format!(
            "date: {DATE}\n@request-target: post /v1/background-removal?format=png\n\
             digest: {digest}"
        );
        let sample = dated().with("Digest", digest);
        let sample = kong(sample, "date @request-target digest", &signature(&text));
        assert!(matches!(sample.outcome(), Err(Error::DigestMalformed(_))), "{digest}");
    }
    let both = format!("MD5=rL0Y20zC+Fzt72VPzMSk2A==, {DIGEST}");
    assert_eq!(legacy_digest(&both), legacy_digest(DIGEST));
    assert_eq!(legacy_digest(&format!("{DIGEST},{DIGEST}")), Err(digest::Malformed::Form));
}

#[test]
fn the_host_is_judged_where_it_is_signed() {
    for scheme in [Scheme::KongHmac, Scheme::ApisixHmac] {
        let mut sample = Sample::upload();
        sample.authority = "staging.example".into();
        let sample = sample.signed(scheme);
        assert_eq!(sample.outcome().unwrap_err(), Error::OtherAuthority);
    }
}

#[test]
fn other_algorithms_are_refused() {
    for algorithm in ["hmac-sha1", "hmac-sha512", "rsa-sha256", "HMAC-SHA256", "none", ""] {
        let quoted = format!("algorithm=\"{algorithm}\"");
        let sample = apisix(dated(), "@request-target date", APISIX);
        let sample = sample.replacing("authorization", "algorithm=\"hmac-sha256\"", &quoted);
        assert_eq!(sample.outcome().unwrap_err(), Error::OtherAlgorithm, "{algorithm}");
    }
}

#[test]
fn parameters_have_one_form() {
    let good = apisix(dated(), "@request-target date", APISIX).field("authorization");
    let with = |value: String| dated().with("authorization", value).outcome().map(|_| ());
    assert_eq!(with(good.replace("\",", "\" ,  ")), Ok(()));
    for (from, to) in [
        ("keyId", "username"),
        ("keyId=\"abcDEF1234\",", ""),
        ("algorithm=\"hmac-sha256\",", ""),
        ("headers", "Headers"),
        ("signature=\"", "signature=\"!"),
        ("\",signature", "\";signature"),
        (",signature=\"", ",created=\"1\",signature=\""),
        (",signature=\"", ",signature=\"\",signature=\""),
        ("abcDEF1234", "abc\\DEF1234"),
        ("abcDEF1234", ""),
        ("Signature keyId", "Signature  "),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        let error = with(changed).unwrap_err();
        let refused = matches!(error, Error::Malformed { .. } | Error::ParameterMissing(_));
        assert!(refused, "{to}: {error:?}");
    }
    let twice = dated().with("authorization", &good).with("authorization", &good);
    assert_eq!(twice.outcome().unwrap_err(), Error::Ambiguous);
}
