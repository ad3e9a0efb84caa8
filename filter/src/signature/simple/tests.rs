//! The simple scheme against texts written by hand, and against those who change a request.

use super::super::sample::{KEY_ID, NONCE, NOW, SECRET, Sample};
use super::super::{Error, Scheme, Weaker};
use super::*;

// Both computed with Python's `hmac` from the text of the design.
const UPLOAD: &str = "3ee97f60a901204a29de03e9863b7b983745ac5e01c8c427a2d62548e866fc11";
const DOWNLOAD: &str = "cadc54d90b36e382bf4fc9a4a6bc056553fa153006ce9e110a4d479e805f48cf";
const BODY: &str = "109bc4102df941d25c700824514023fc0f7ece6a1d389e3133046ae6f270793e";

fn upload() -> Sample {
    Sample::upload()
        .with("X-Key-Id", KEY_ID)
        .with("X-Timestamp", "1618884473")
        .with("X-Nonce", NONCE)
        .with("X-Content-SHA256", BODY)
        .with("X-Signature", UPLOAD)
}

#[test]
fn a_request_signed_by_hand_verifies() {
    let verified = upload().outcome().unwrap();
    assert_eq!((verified.scheme, verified.created), (Scheme::Simple, NOW));
    assert_eq!(verified.nonce.as_deref(), Some(NONCE));
    assert_eq!(verified.weaker, Weaker::NOTHING);
    assert!(verified.digest.is_some() && verified.expires.is_none());
}

#[test]
fn the_text_is_the_seven_lines_and_nothing_more() {
    let text = format!(
        "LUNETTE1\nPOST\nimages.example\n/v1/background-removal?format=png\nimage/png\n1618884473\n\
         {NONCE}\n{BODY}"
    );
    assert_eq!(hex::encode(&client::mac(SECRET, &[text.as_bytes()])), UPLOAD);
}

#[test]
fn a_request_without_a_body_signs_the_digest_of_nothing() {
    let sample = Sample::download()
        .with("X-Timestamp", "1618884473")
        .with("X-Nonce", NONCE)
        .with("X-Signature", DOWNLOAD);
    assert_eq!(sample.outcome().unwrap().digest, None);
    let stated = sample.with("X-Content-SHA256", NO_BODY);
    assert!(stated.outcome().unwrap().digest.is_some());
}

#[test]
fn our_client_writes_the_same() {
    let ours = Sample::upload().signed(Scheme::Simple);
    for name in ["x-key-id", "x-timestamp", "x-nonce", "x-content-sha256", "x-signature"] {
        assert_eq!(ours.field(name), upload().field(name));
    }
    assert_eq!(Sample::download().signed(Scheme::Simple).field("x-signature"), DOWNLOAD);
}

#[test]
fn case_matters_only_where_it_means_something() {
    let mut sample = upload().replacing("x-signature", UPLOAD, &UPLOAD.to_uppercase());
    sample = sample.replacing("x-content-sha256", BODY, &BODY.to_uppercase());
    sample.authority = "Images.Example:443".into();
    assert!(sample.outcome().is_ok());
    sample.method = "post".into();
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn another_host_is_refused_though_the_secret_is_the_same() {
    let mut sample = upload();
    sample.authority = "staging.example".into();
    assert_eq!(sample.outcome().unwrap_err(), Error::OtherAuthority);
}

#[test]
fn every_field_is_there_once() {
    for name in ["x-timestamp", "x-nonce", "x-content-sha256"] {
        assert_eq!(upload().without(name).outcome().unwrap_err(), Error::ParameterMissing(name));
    }
    for name in ["x-key-id", "x-timestamp", "x-nonce", "x-content-sha256", "x-signature"] {
        let again = upload().field(name);
        assert_eq!(upload().with(name, again).outcome().unwrap_err(), Error::Repeated(name));
    }
    let types = upload().with("content-type", "image/png");
    assert_eq!(types.outcome().unwrap_err(), Error::Repeated("content-type"));
    assert!(upload().without("x-key-id").outcome().is_ok(), "an API key may name the key");
}

#[test]
fn every_field_has_its_form() {
    let long = "n".repeat(65);
    for (name, value) in [
        ("x-nonce", "fifteen-letters"),
        ("x-nonce", &*long),
        ("x-nonce", "0123456789abcdef.XY"),
        ("x-nonce", "0123456789abcdef XY"),
        ("x-timestamp", "1618884473.0"),
        ("x-timestamp", "+1618884473"),
        ("x-timestamp", "Tue, 20 Apr 2021 02:07:53 GMT"),
        ("x-content-sha256", "109b"),
        ("x-signature", "sha256=00"),
        ("x-key-id", "two words"),
    ] {
        let error = upload().without(name).with(name, value).outcome().unwrap_err();
        assert!(matches!(error, Error::Malformed { what, .. } if what == name), "{name}: {value}");
    }
}

#[test]
fn no_line_can_be_smuggled_in() {
    // The same text, cut into other lines: the path ends where the media type begins.
    let mut sample = upload().without("content-type").with("content-type", "");
    sample.target = "/v1/background-removal?format=png\nimage/png".into();
    assert!(matches!(sample.outcome(), Err(Error::Malformed { what: "the target", .. })));
    for value in ["image/png\n", "image/\rpng", "image/png\u{7f}"] {
        let error = upload().without("content-type").with("content-type", value).outcome();
        assert_eq!(error.unwrap_err(), Error::ComponentUnsignable("content-type".into()));
    }
}
