use std::net::IpAddr;

use serde_json::{Value, json};

use super::*;
use crate::UnixMillis;
use crate::permit::PermitId;
use crate::signature::Weaker;

fn requests(name: &str, remaining: u64) -> Remaining {
    let (unit, name) = (Unit::Requests, name.to_owned());
    Remaining { name, unit, limit: u64::MAX, window: u64::MAX, remaining, reset: u64::MAX }
}

fn facts(quotas: &[Remaining]) -> Facts<'_> {
    Facts {
        request_id: PermitId([0xab; 16]),
        time: UnixMillis(1_700_000_000_000),
        gate: "edge-1",
        environment: Environment::Live,
        epoch: 7,
        route: Some("cut"),
        method: "POST",
        target: "/v1/cut?token=secret",
        client: Some(IpAddr::from([203, 0, 113, 77])),
        credential: Credential::KeyAndSignature(Scheme::Rfc9421),
        claimed: Some("0123456789"),
        verified: Some(Identity {
            key: Some("0123456789"),
            jti: None,
            principal: "acme",
            tier: "free",
        }),
        mode: Mode::Enforce,
        outcome: Outcome::Released,
        failed: &[],
        weaker: Weaker::NOTHING,
        image: Some(Image {
            format: Format::Png,
            width: 3,
            height: 4,
            frames: Some(2),
            cost_pixels: 24,
        }),
        content_length: Some(100),
        quotas,
        nonce: Some([0xcd; 32]),
        cached: false,
    }
}

fn json_of(facts: &Facts<'_>) -> Value {
    serde_json::from_str(&Event::new(facts).to_json()).unwrap()
}

#[test]
fn a_released_request_is_told_in_full() {
    assert_eq!(
        json_of(&facts(&[requests("requests", 59)])),
        json!({
            "version": 1,
            "request_id": "abababababababababababababababab",
            "time": 1_700_000_000_000_u64,
            "gate": "edge-1",
            "environment": "live",
            "epoch": 7,
            "route": "cut",
            "method": "POST",
            "path": "/v1/cut",
            "query_bytes": 12,
            "client_network": "203.0.113.0/24",
            "credential": "key-and-signature",
            "scheme": "rfc9421",
            "issuer": null,
            "claimed": "0123456789",
            "verified": { "key": "0123456789", "jti": null, "principal": "acme", "tier": "free" },
            "mode": "enforce",
            "verdict": "released",
            "code": null,
            "reason": null,
            "status": null,
            "failed": [],
            "weaker": [],
            "image": { "format": "png", "width": 3, "height": 4, "frames": 2, "cost_pixels": 24 },
            "content_length": 100,
            "quotas": [{ "name": "requests", "unit": "requests", "remaining": 59 }],
            "nonce": "cd".repeat(32),
            "cached": false,
        })
    );
}

#[test]
fn a_refused_stranger_is_claimed_and_not_verified() {
    let outcome = Outcome::Rejected { code: "invalid-key", reason: "key-unknown", status: 401 };
    let event = json_of(&Facts { verified: None, image: None, outcome, ..facts(&[]) });
    assert_eq!(event["verdict"], "rejected");
    assert_eq!(event["claimed"], "0123456789");
    assert_eq!(event["verified"], Value::Null);
    assert_eq!((&event["code"], &event["reason"]), (&json!("invalid-key"), &json!("key-unknown")));
    assert_eq!(event["status"], 401);
}

#[test]
fn a_reported_request_names_the_checks_that_failed() {
    let event = json_of(&Facts {
        mode: Mode::Report,
        outcome: Outcome::Reported,
        failed: &["signature-missing"],
        ..facts(&[])
    });
    assert_eq!((&event["mode"], &event["verdict"]), (&json!("report"), &json!("reported")));
    assert_eq!(event["failed"], json!(["signature-missing"]));
}

#[test]
fn neither_query_nor_address_nor_password_is_told() {
    for target in [
        "/v1/cut?secret",
        "/v1/cut/lun_live_0123456789_secret",
        "/v1/cut#secret",
        "/v1/cut%3fsecret",
        "/?a?secret",
        "http://user:secret@example/",
        "secret",
    ] {
        let event = Event::new(&Facts { target, ..facts(&[]) }).to_json();
        assert!(!event.contains("secret"), "{event}");
        assert!(!event.contains("203.0.113.77"), "{event}");
    }
    assert_eq!(json_of(&Facts { target: "*", ..facts(&[]) })["path"], Value::Null);
}

#[test]
fn the_longest_event_is_within_its_bound() {
    // Quotation marks take two bytes each in JSON, more than any other text that is kept.
    let long = "\"".repeat(10_000);
    let target = format!("/{long}");
    let words = vec![long.as_str(); 1_000];
    let quotas = vec![requests(&long, u64::MAX); 1_000];
    let event = Event::new(&Facts {
        request_id: PermitId([255; 16]),
        time: UnixMillis(u64::MAX),
        gate: &long,
        environment: Environment::Live,
        epoch: u64::MAX,
        route: Some(&long),
        method: &long,
        target: &target,
        client: Some("ffff:ffff:ffff::".parse().unwrap()),
        credential: Credential::KeyAndSignature(Scheme::StandardWebhooks),
        claimed: Some(&long),
        verified: Some(Identity {
            key: Some(&long),
            jti: Some(&long),
            principal: &long,
            tier: &long,
        }),
        mode: Mode::Enforce,
        outcome: Outcome::Rejected { code: &long, reason: &long, status: u16::MAX },
        failed: &words,
        weaker: Weaker::NOTHING,
        image: Some(Image {
            format: Format::Jpeg,
            width: u32::MAX,
            height: u32::MAX,
            frames: Some(u32::MAX),
            cost_pixels: u64::MAX,
        }),
        content_length: Some(u64::MAX),
        quotas: &quotas,
        nonce: Some([255; 32]),
        cached: false,
    });
    let length = event.to_json().len();
    assert!(length <= BYTES_MAX, "{length} bytes");
    assert!(length > BYTES_MAX / 2, "the bound is far off: {length} bytes");
}
