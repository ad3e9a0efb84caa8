//! Cloudflare's timed HMAC against texts written by hand.

use super::super::super::Scheme;
use super::super::super::sample::{NOW, Sample};
use super::*;

// Computed with Python's `hmac` over `/images/cat.jpg1618884473`.
const MAC: &str = "hvhqQjIXu5YGbQ%2B4BKWn%2FIx%2BDIREv51PTLc7M5xJ6SY%3D";
const FOR_URLS: &str = "hvhqQjIXu5YGbQ-4BKWn_Ix-DIREv51PTLc7M5xJ6SY";

fn link(query: &str) -> Sample {
    Sample { target: format!("/images/cat.jpg?{query}"), ..Sample::download() }
}

#[test]
fn a_link_made_by_hand_verifies() {
    for mac in [MAC, FOR_URLS, "hvhqQjIXu5YGbQ+4BKWn/Ix+DIREv51PTLc7M5xJ6SY="] {
        let verified = link(&format!("verify=1618884473-{mac}")).outcome().unwrap();
        assert_eq!((verified.scheme, verified.created), (Scheme::CloudflareTimed, NOW));
        assert_eq!(verified.nonce, None);
        let open: Vec<_> = verified.weaker.iter().collect();
        assert_eq!(open, ["method", "authority", "query", "nonce"]);
    }
}

#[test]
fn our_client_writes_the_same() {
    let sample = Sample { target: "/images/cat.jpg".into(), ..Sample::download() };
    let signed = sample.signed(Scheme::CloudflareTimed);
    assert_eq!(signed.target, format!("/images/cat.jpg?verify=1618884473-{MAC}"));
    assert!(Sample::upload().signed(Scheme::CloudflareTimed).outcome().is_ok());
}

#[test]
fn only_path_and_time_are_signed() {
    let mut sample = link(&format!("size=large&verify=1618884473-{MAC}"));
    assert!(sample.outcome().is_ok());
    sample.method = "POST".into();
    sample.body = Some(b"any".to_vec());
    let open: Vec<_> = sample.outcome().unwrap().weaker.iter().collect();
    assert_eq!(open, ["method", "authority", "query", "content-type", "body", "nonce"]);
    sample.target = sample.target.replace("cat", "dog");
    assert_eq!(sample.outcome().unwrap_err(), Error::Invalid);
    let later = link(&format!("verify=1618884474-{MAC}"));
    assert_eq!(later.outcome().unwrap_err(), Error::Invalid);
}

#[test]
fn the_parameter_is_the_last_one_and_there_once() {
    let verify = format!("verify=1618884473-{MAC}");
    let none = link(&format!("{verify}&size=large")).outcome().unwrap_err();
    assert_eq!(none, Error::ParameterMissing("signature"), "nothing is presented");
    for query in [
        format!("{verify}&{verify}"),
        format!("%76erify=1&{verify}"),
        format!("verify&{verify}"),
        "verify=".into(),
        "verify=1618884473".into(),
        "verify=1618884473-".into(),
        "verify=1618884473-AAAA".into(),
        format!("verify=-{MAC}"),
        format!("verify=1618884473x-{MAC}"),
        format!("verify=%ff-{MAC}"),
        format!("verify=1618884473-{MAC}AAAA"),
    ] {
        let error = link(&query).outcome().unwrap_err();
        assert!(matches!(error, Error::Malformed { what: PARAMETER, .. }), "{query}: {error:?}");
    }
}

#[test]
fn a_link_lasts_as_long_as_the_skew_either_way() {
    let sample = link(&format!("verify=1618884473-{MAC}"));
    for (now, fresh) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let now = UnixMillis(NOW.0.checked_add_signed(now * 1000).unwrap());
        assert_eq!(sample.outcome_at(now).is_ok(), fresh);
    }
}
