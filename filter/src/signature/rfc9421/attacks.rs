//! The ways round a signature that RFC 9421 §7.2 to §7.5 describe, as requests that must be refused.

mod parameters;

use base64ct::{Base64, Encoding as _};

use super::super::client::mac;
use super::super::sample::{KEY_ID, NONCE, NOW, SECRET, Sample};
use super::super::{Error, Scheme};
use super::{base, input};
use crate::digest::ContentDigest;
use crate::request::Headers;

const ALL: &str =
    "\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"content-type\"";

/// Parameters as they should be.
fn parameters() -> String {
    let created = NOW.0 / 1000;
    format!("created={created};nonce=\"{NONCE}\";keyid=\"{KEY_ID}\";tag=\"lunette\"")
}

/// A sample whose one signature covers `components` and has `parameters`. It is right: whatever refuses
/// it, refuses it for what it says.
fn signed(sample: Sample, components: &str, parameters: &str) -> Sample {
    let digest = sample.body.as_deref().map(|body| ContentDigest::of(body).to_string());
    let mut sample = sample;
    if !sample.fields.iter().any(|(name, _)| name == "content-digest") {
        sample = digest.into_iter().fold(sample, |s, digest| s.with("content-digest", digest));
    }
    let sample = sample.with("signature-input", format!("sig1=({components});{parameters}"));
    let headers = Headers::new(sample.fields.clone());
    let inputs = input::parse(&headers).unwrap();
    // Where no base can be built, no signature could be right.
    let base = base::build(&sample.head(&headers), "images.example", inputs.last().unwrap());
    let signature = Base64::encode_string(&mac(SECRET, &[base.unwrap_or_default().as_bytes()]));
    sample.with("signature", format!("sig1=:{signature}:"))
}

fn upload(components: &str) -> Result<(), Error> {
    signed(Sample::upload(), components, &parameters()).outcome().map(|_| ())
}

fn with_parameters(parameters: &str) -> Result<(), Error> {
    signed(Sample::upload(), ALL, parameters).outcome().map(|_| ())
}

fn good() -> Sample {
    signed(Sample::upload(), ALL, &parameters())
}

#[test]
fn the_request_that_the_attacks_start_from_is_good() {
    assert!(good().outcome().is_ok());
}

// §7.2.1, insufficient coverage.
#[test]
fn a_signature_must_cover_every_required_component() {
    for name in ["@method", "@authority", "@path", "@query", "content-digest", "content-type"] {
        let rest = ALL.replace(&format!("\"{name}\""), "");
        assert_eq!(upload(&rest), Err(Error::NotCovered(name)));
    }
    assert_eq!(upload(""), Err(Error::NotCovered("@method")));
}

// §7.2.1: a parameter makes another component of it.
#[test]
fn a_component_with_parameters_does_not_count_as_covered() {
    for (name, parameter) in [
        ("@path", "req"),
        ("@method", "req"),
        ("@query", "tr"),
        ("content-digest", "key=\"sha-256\""),
        ("content-digest", "sf"),
        ("content-type", "bs"),
        ("content-type", "tr"),
    ] {
        let other = ALL.replace(&format!("\"{name}\""), &format!("\"{name}\";{parameter}"));
        assert_eq!(upload(&other), Err(Error::NotCovered(name)), "{parameter}");
    }
    // `content-digest` covered by one of its members leaves the others to an attacker.
    let query = ALL.replace("\"@query\"", "\"@query-param\";name=\"format\"");
    assert_eq!(upload(&query), Err(Error::NotCovered("@query")));
}

// §7.2.2, replay: what is needed to notice it.
// §7.2.5 and §7.2.6: the label means nothing, and there is one signature for us.
#[test]
fn the_label_is_not_what_chooses_a_signature() {
    let renamed = good().replacing("signature-input", "sig1=", "anything*=").replacing(
        "signature",
        "sig1=",
        "anything*=",
    );
    assert!(renamed.outcome().is_ok());
    // The signature of another label is not ours.
    let moved = good().replacing("signature", "sig1=", "sig2=");
    assert!(matches!(moved.outcome(), Err(Error::ParameterMissing(_))));
}

#[test]
fn two_signatures_with_our_tag_are_ambiguous() {
    let input = good().field("signature-input").replace("sig1=", "sig2=");
    let second = good().with("signature-input", input);
    assert_eq!(second.outcome().unwrap_err(), Error::Ambiguous);
}

#[test]
fn one_label_twice_is_refused() {
    let twice = good().with("signature-input", "sig1=()");
    assert!(matches!(twice.outcome(), Err(Error::Malformed { what: "Signature-Input", .. })));
    let twice = good().with("signature", "sig1=:AAAA:");
    assert!(matches!(twice.outcome(), Err(Error::Malformed { what: "Signature", .. })));
}

// §7.2.7: tags of others are none of our business, and do not stand in for ours.
#[test]
fn the_signatures_of_others_are_left_alone() {
    let others = good()
        .with("signature-input", "proxy=(\"@status\" \"x\");created=1;tag=\"web-bot-auth\"")
        .with("signature", "proxy=:AAAA:");
    assert!(others.outcome().is_ok());
    for tag in ["tag=\"Lunette\"", "tag=\"web-bot-auth\"", "tag=lunette", "x=1"] {
        let sample = signed(Sample::upload(), ALL, &parameters().replace("tag=\"lunette\"", tag));
        let none = sample.outcome().unwrap_err();
        assert_eq!(none, Error::ParameterMissing("signature"), "{tag}: no signature for us");
    }
}

// §7.2.8, message content.
#[test]
fn another_body_is_refused() {
    let mut sample = good();
    sample.body = Some(b"another body".to_vec());
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    // With its own digest, which is not the signed one.
    let digest = ContentDigest::of(b"another body").to_string();
    let sample = sample.without("content-digest").with("content-digest", digest);
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn a_digest_that_proves_nothing_is_refused() {
    let weak = Sample::upload().with("content-digest", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:");
    let error = signed(weak, ALL, &parameters()).outcome().unwrap_err();
    assert!(matches!(error, Error::DigestMalformed(_)));
}

// §7.3.6, key specification mix-up.
// §7.4.1 and §7.4.2: the parameters are signed too.
// §7.4.3 and §7.4.4: parts of another message.
#[test]
fn what_is_not_of_this_request_cannot_be_covered() {
    for identifier in [
        "\"@status\"",
        "\"@method\";req",
        "\"content-type\";req",
        "\"content-type\";tr",
        "\"@signature-params\"",
        "\"@unknown\"",
        "\"@\"",
        "\"@path\";name=\"x\"",
        "\"content-type\";bs;sf",
        "\"content-type\";unknown",
        "\"content-type\";bs=?0",
        "\"content-type\";key",
        "\"\"",
    ] {
        let outcome = upload(&format!("{ALL} {identifier}"));
        assert!(matches!(outcome, Err(Error::ComponentUnsupported(_))), "{identifier}");
    }
}

#[test]
fn what_is_covered_must_be_there() {
    let absent = |name: &str| Err(Error::ComponentAbsent(name.into()));
    assert_eq!(upload(&format!("{ALL} \"x-absent\"")), absent("x-absent"));
    assert_eq!(upload(&format!("{ALL} \"x-absent\";bs")), absent("x-absent"));
    assert_eq!(upload(&format!("{ALL} \"priority\";sf")), absent("priority"));
    assert_eq!(upload(&format!("{ALL} \"@query-param\";name=\"x\"")), absent("x"));
    // Even where the signer signed it as empty.
    let sample = good().without("content-type");
    assert_eq!(sample.outcome().map(|_| ()), absent("content-type"));
}

#[test]
fn more_may_be_covered_and_then_it_counts() {
    let components = format!("{ALL} \"x-extra\" \"content-length\" \"host\"");
    let sample = Sample::upload().with("x-extra", "1").with("content-length", "19");
    let sample = signed(sample, &components, &parameters());
    assert!(sample.outcome().is_ok());
    for (name, from, to) in [("x-extra", "1", "2"), ("content-length", "19", "20")] {
        let sample = sample.clone().replacing(name, from, to);
        assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    }
    // A second line joins the first.
    let sample = sample.with("x-extra", "1");
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn one_component_twice_is_refused() {
    let twice = upload(&format!("{ALL} \"@path\""));
    assert_eq!(twice, Err(Error::ComponentRepeated("@path".into())));
    let parameters = "\"x\";key=\"a\" \"x\";key=\"a\"";
    let twice = upload(&format!("{ALL} {parameters}"));
    assert_eq!(twice, Err(Error::ComponentRepeated("x".into())));
}

// §7.5.1: a field is never a derived component, nor the other way round.
#[test]
fn a_field_cannot_pose_as_a_derived_component() {
    let mut sample = good().with("@path", "/v1/background-removal");
    sample.target = "/v1/other?format=png".into();
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    // `path` is a field, and stands for nothing else.
    let outcome = upload(&ALL.replace("\"@path\"", "\"path\""));
    assert_eq!(outcome, Err(Error::NotCovered("@path")));
    for name in ["Content-Type", "content type", "content-type:", "x\\\"", " content-type"] {
        let outcome = upload(&format!("{ALL} \"{name}\""));
        assert!(matches!(outcome, Err(Error::ComponentUnsupported(_))), "{name}");
    }
}

// §7.5.5 and §7.5.7: no value makes two lines of one, or one of two.
#[test]
fn a_value_cannot_hold_a_line_of_its_own() {
    for value in ["image/png\n\"@path\": /v1/other", "image/png\r\nx", "image/png\0", "é"] {
        let mut sample = good();
        sample = sample.without("content-type").with("content-type", value);
        let error = sample.outcome().unwrap_err();
        assert_eq!(error, Error::ComponentUnsignable("content-type".into()), "{value:?}");
    }
    let mut sample = good();
    sample.target = "/v1/background-removal?format=png\n\"x\": y".into();
    assert!(matches!(sample.outcome(), Err(Error::Malformed { what: "the target", .. })));
    sample.target.clone_from(&good().target);
    sample.method = "POST\n".into();
    assert!(matches!(sample.outcome(), Err(Error::Malformed { what: "the method", .. })));
}

#[test]
fn two_lines_are_not_signed_as_none_or_one() {
    let sample = Sample::upload().with("x-a", "1").with("x-b", "2");
    let sample = signed(sample, &format!("{ALL} \"x-a\" \"x-b\""), &parameters());
    let swapped = sample.clone().replacing("x-a", "1", "2").replacing("x-b", "2", "1");
    assert!(sample.outcome().is_ok());
    assert_eq!(swapped.outcome().unwrap_err(), Error::Invalid);
    let merged = sample.without("x-b").replacing("x-a", "1", "1, 2");
    assert_eq!(merged.outcome().unwrap_err(), Error::ComponentAbsent("x-b".into()));
}

// Threat 23: a capture for one host is not good for another, under its own or under ours.
#[test]
fn a_request_for_another_host_is_refused() {
    let mut sample = good();
    sample.authority = "staging.example".into();
    assert_eq!(sample.outcome().unwrap_err(), Error::OtherAuthority);
    sample.authority = "IMAGES.example:443".into();
    assert!(sample.outcome().is_ok());
    assert!(good().with("host", "images.example").outcome().is_ok());
    let two = good().with("host", "staging.example");
    assert_eq!(two.outcome().unwrap_err(), Error::OtherAuthority);
}

#[test]
fn bounds_hold_before_anything_is_computed() {
    let long = format!("sig1=:{}:", "A".repeat(4 * 342));
    let sample = good().without("signature").with("signature", long);
    assert!(matches!(sample.outcome(), Err(Error::TooLarge { what: "bytes", .. })));
    let many: Vec<_> = (0..33).map(|n| format!("\"x{n}\"")).collect();
    let sample = good().with("signature-input", format!("sig2=({})", many.join(" ")));
    assert!(matches!(sample.outcome(), Err(Error::TooLarge { what: "covered components", .. })));
    let key_id = "k".repeat(129);
    let outcome = with_parameters(&parameters().replace(KEY_ID, &key_id));
    assert!(matches!(outcome, Err(Error::Malformed { what: "keyid", .. })));
}

#[test]
fn half_a_signature_is_refused() {
    let input = good().without("signature");
    assert!(matches!(input.outcome(), Err(Error::ParameterMissing(_))));
    let signature = good().without("signature-input");
    assert_eq!(signature.outcome().unwrap_err(), Error::ParameterMissing("Signature-Input"));
}

#[test]
fn what_a_client_of_ours_signs_is_what_is_asked_for() {
    let asked = super::accept_signature(true);
    assert_eq!(asked, format!("lunette=({ALL});created;tag=\"lunette\""));
    let signed = Sample::upload().signed(Scheme::Rfc9421);
    let list = asked.split_once(';').unwrap().0;
    assert!(signed.field("signature-input").starts_with(list));
    let bare = "lunette=(\"@method\" \"@authority\" \"@path\" \"@query\");created;tag=\"lunette\"";
    assert_eq!(super::accept_signature(false), bare);
}
