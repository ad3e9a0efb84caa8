use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::policy::example::{TEXT, issuer, with, without};
use crate::policy::{
    BodyRule, Failures, Mode, OnStoreFailure, Priority, SignatureRule, TierSubject,
};
use crate::quota::{Quota, Unit};
use crate::signature::Schemes;

#[test]
fn the_shipped_policy_is_right() {
    let policy = Policy::parse(TEXT.as_bytes()).unwrap();
    let route = policy.route("POST", "/v1/background-removal").unwrap();
    assert_eq!(route.name, "background-removal");
    assert_eq!(route.signature, SignatureRule::Optional);
    assert_eq!(policy.route("GET", "/v1/background-removal"), Err(vec!["POST"]));
    assert_eq!(policy.route("POST", "/"), Err(vec!["GET"]));
    assert_eq!(policy.route("POST", "/v1"), Err(vec![]));
    let free = &policy.tiers["free"].quotas;
    assert_eq!(free[0].subject, TierSubject::Key);
    let name = "megapixels".to_owned();
    let megapixels = Quota { name, unit: Unit::Pixels, limit: 500_000_000, window: 3600 };
    assert_eq!(free[1].quota, megapixels);
    assert_eq!(policy.tiers["free"].priority, Priority::Low);
    assert_eq!(policy.tiers["enterprise"].priority, Priority::Normal, "it does not say");
    assert_eq!(policy.tiers["vip"].priority, Priority::High);
    assert_eq!(policy.tiers["free"].concurrent, None);
    let four = with(&[("/tiers/free/concurrent", json!(4))]).unwrap();
    assert_eq!(four.tiers["free"].concurrent, Some(4));
}

#[test]
fn what_is_left_out_is_strict() {
    let policy = without("/routes/0/signature").unwrap();
    assert_eq!(policy.schemes, Schemes::STANDARD);
    assert_eq!((policy.skew, policy.replay_nonces), (300_000, 131_072));
    assert_eq!(policy.on_store_failure, OnStoreFailure::Refuse);
    assert_eq!(policy.failures, Failures { limit: 60, window: 60, verifications: 20 });
    assert_eq!((policy.trusted_proxies.len(), policy.issuers.len()), (0, 0));
    assert_eq!(policy.report, None);
    let route = &policy.routes[0];
    assert_eq!((route.signature, route.body), (SignatureRule::None, BodyRule::Stream));
    assert_eq!((route.weight, route.mode), (1, Mode::Enforce));
    assert_eq!(route.image.max_scans, 64);
    assert_eq!(without("/routes/0/form").unwrap().routes[0].form, None);
    assert!(route.clients.admits(None));
}

#[test]
fn every_field_is_read() {
    let policy = with(&[
        ("/trusted_proxies", json!(["10.0.0.0/8", "::1"])),
        ("/skew", json!("1m")),
        ("/schemes", json!(["simple", "kong-hmac"])),
        ("/replay", json!({ "nonces": 65536 })),
        ("/on_store_failure", json!("allow")),
        ("/failures", json!({ "limit": 1, "window": "1h", "verifications": 2 })),
        ("/issuers", json!([issuer()])),
        ("/report", json!({ "until": "1970-01-01T00:00:07Z", "requests": 5, "window": "1m" })),
        ("/routes/0/body", json!("hold")),
        ("/routes/0/max_bytes", json!("1MiB")),
        ("/routes/0/weight", json!(3)),
        ("/routes/0/max_scans", json!(100)),
        ("/routes/0/form", json!({ "multipart": "file" })),
        ("/routes/0/clients", json!({ "allow": ["192.0.2.0/24"], "deny": ["192.0.2.1"] })),
        ("/routes/0/mode", json!("report")),
        ("/routes/0/signature", json!("with-key")),
    ])
    .unwrap();
    assert_eq!(policy.trusted_proxies.len(), 2);
    assert_eq!((policy.skew, policy.replay_nonces), (60_000, 65_536));
    assert_eq!(policy.on_store_failure, OnStoreFailure::Allow);
    assert_eq!(policy.schemes, [Scheme::Simple, Scheme::KongHmac].into_iter().collect());
    assert_eq!(policy.failures, Failures { limit: 1, window: 3600, verifications: 2 });
    let issuer = &policy.issuers[0];
    assert_eq!(issuer.algorithms, [Algorithm::HmacSha256]);
    assert_eq!((issuer.max_lifetime, issuer.skew, issuer.require_jti), (3600, 60, false));
    assert_eq!(issuer.scope_claim, "scope");
    let report = policy.report.as_ref().unwrap();
    assert_eq!(report.until, Some(crate::UnixMillis(7_000)));
    let name = "unverified".to_owned();
    assert_eq!(report.quota, Quota { name, unit: Unit::Requests, limit: 5, window: 60 });
    let route = &policy.routes[0];
    assert_eq!((route.body, route.weight, route.mode), (BodyRule::Hold, 3, Mode::Report));
    assert_eq!(route.image.max_scans, 100);
    assert_eq!(route.form.as_ref().unwrap().multipart.as_deref(), Some("file"));
    assert_eq!(route.signature, SignatureRule::WithKey);
    assert!(!route.clients.admits(Some("192.0.2.1".parse().unwrap())));
}

#[test]
fn errors_name_the_path_of_the_field() {
    let quota = |subject| json!({ "name": "q", "subject": subject, "requests": 1, "window": "1s" });
    for (pointer, value, path) in [
        ("/version", json!(2), "version"),
        ("/colour", json!(1), "colour"),
        ("/header_bytes", json!("2MiB"), "header_bytes"),
        ("/trusted_proxies", json!(["10.0.0.1/8"]), "trusted_proxies[0]"),
        ("/trusted_proxies", json!(["::1", "::/0"]), "trusted_proxies[1]"),
        ("/trusted_proxies", json!(vec!["::1"; 65]), "trusted_proxies"),
        ("/authorities", json!(["A.example"]), "authorities[0]"),
        ("/authorities", json!(vec!["a.example"; 65]), "authorities"),
        ("/skew", json!("301s"), "skew"),
        ("/skew", json!("0s"), "skew"),
        ("/skew", json!(300), "skew"),
        ("/schemes", json!([]), "schemes"),
        ("/schemes", json!(["simple", "simple"]), "schemes"),
        ("/schemes", json!(["md5"]), "schemes[0]"),
        ("/replay", json!({ "nonces": 1000 }), "replay.nonces"),
        ("/on_store_failure", json!("ignore"), "on_store_failure"),
        ("/failures", json!({ "limit": 1, "window": "1s" }), "failures"),
        ("/failures", json!({ "limit": 0, "window": "1s", "verifications": 1 }), "failures.limit"),
        ("/failures", json!({ "limit": 1, "window": "2h", "verifications": 1 }), "failures.window"),
        (
            "/failures",
            json!({ "limit": 1, "window": "1s", "verifications": 0 }),
            "failures.verifications",
        ),
        ("/quotas/0/subject", json!("key"), "quotas[0].subject"),
        ("/quotas/0/window", json!("25h"), "quotas[0].window"),
        ("/quotas/1/name", json!("network"), "quotas[1].name"),
        ("/quotas/0/megapixels", json!(1), "quotas[0]"),
        ("/quotas", json!(vec![quota("everyone"); 9]), "quotas"),
        ("/tiers", json!({}), "tiers"),
        ("/tiers/a b", json!({ "quotas": [] }), "tiers.a b"),
        ("/tiers/free/quotas/1/window", json!("0s"), "tiers.free.quotas[1].window"),
        ("/tiers/free/quotas/1/window", json!("1 h"), "tiers.free.quotas[1].window"),
        ("/tiers/free/quotas/0/requests", json!(0), "tiers.free.quotas[0].requests"),
        ("/tiers/free/quotas/1/name", json!("requests"), "tiers.free.quotas[1].name"),
        ("/tiers/free/quotas/1/subject", json!("network"), "tiers.free.quotas[1].subject"),
        ("/tiers/free/quotas", json!(vec![quota("key"); 9]), "tiers.free.quotas"),
        ("/tiers/free/concurrent", json!(0), "tiers.free.concurrent"),
        ("/tiers/free/concurrent", json!(1001), "tiers.free.concurrent"),
        ("/tiers/free/priority", json!("highest"), "tiers.free.priority"),
        ("/report", json!({ "requests": 0, "window": "1m" }), "report.requests"),
        ("/report", json!({ "until": "soon", "requests": 1, "window": "1m" }), "report.until"),
        ("/routes", json!([]), "routes"),
        ("/routes/0/nome", json!("x"), "routes[0].nome"),
        ("/routes/0/name", json!("a b"), "routes[0].name"),
        ("/routes/0/method", json!("post"), "routes[0].method"),
        ("/routes/0/path", json!("/v1/../x"), "routes[0].path"),
        ("/routes/0/scopes", json!(vec!["s"; 17]), "routes[0].scopes"),
        ("/routes/0/scopes", json!(["", "s"]), "routes[0].scopes[0]"),
        ("/routes/0/media_types/1", json!("image/tiff"), "routes[0].media_types[1]"),
        ("/routes/0/media_types", json!([]), "routes[0].media_types"),
        ("/routes/0/max_bytes", json!("12 parsecs"), "routes[0].max_bytes"),
        ("/routes/0/max_frames", json!(0), "routes[0].max_frames"),
        ("/routes/0/max_frames", json!("one"), "routes[0].max_frames"),
        ("/routes/0/max_scans", json!(0), "routes[0].max_scans"),
        ("/routes/0/max_scans", json!(1001), "routes[0].max_scans"),
        ("/routes/0/signature", json!("maybe"), "routes[0].signature"),
        ("/routes/0/body", json!("hold"), "routes[0].max_bytes"),
        ("/routes/0/weight", json!(0), "routes[0].weight"),
        ("/routes/0/weight", json!(1001), "routes[0].weight"),
        ("/routes/0/clients", json!({ "allow": ["192.0.2.1/24"] }), "routes[0].clients.allow[0]"),
        ("/routes/0/mode", json!("off"), "routes[0].mode"),
    ] {
        let error = with(&[(pointer, value.clone())]).expect_err(pointer);
        assert_eq!(error.path, path, "{pointer} {value}: {error}");
    }
}

#[test]
fn nothing_that_bounds_may_be_left_out() {
    for field in ["max_bytes", "max_width", "max_height", "max_pixels", "max_frames", "scopes"] {
        let error = without(&format!("/routes/0/{field}")).unwrap_err();
        assert!(error.problem.contains(field), "{error}");
        assert_eq!(error.path, "routes[0]");
    }
    for field in ["/version", "/tiers", "/routes", "/tiers/free/quotas", "/quotas/0/window"] {
        assert!(without(field).is_err(), "{field}");
    }
}

#[test]
fn a_quota_counts_one_thing() {
    let error = without("/tiers/free/quotas/0/requests").unwrap_err();
    assert_eq!(error.path, "tiers.free.quotas[0]");
    let error = with(&[("/tiers/free/quotas/0/megapixels", json!(1))]).unwrap_err();
    assert_eq!(error.path, "tiers.free.quotas[0]");
}

#[test]
fn a_name_is_not_taken_twice() {
    let tier = r#""free": { "quotas": [] },"#;
    let twice = TEXT.replacen(r#""tiers": {"#, &format!(r#""tiers": {{ {tier}"#), 1);
    let error = Policy::parse(twice.as_bytes()).unwrap_err();
    assert!(error.problem.contains("\"free\" is there twice"), "{error}");

    let route: Value = serde_json::from_str::<Value>(TEXT).unwrap()["routes"][0].clone();
    assert_eq!(with(&[("/routes/-", route)]).unwrap_err().path, "routes[5]");
}

#[test]
fn an_issuer_has_either_public_keys_or_a_secret() {
    let with = |field: &str, value: Value| {
        let mut issuer = issuer();
        issuer[field] = value;
        with(&[("/issuers", json!([issuer]))])
    };
    for (field, value, path) in [
        ("name", json!("a:b"), "issuers[0].name"),
        ("issuer", json!(""), "issuers[0].issuer"),
        ("audiences", json!([]), "issuers[0].audiences"),
        ("audiences", json!(["a", "a".repeat(257)]), "issuers[0].audiences[1]"),
        ("algorithms", json!(["none"]), "issuers[0].algorithms[0]"),
        ("algorithms", json!(["ES256"]), "issuers[0].jwks"),
        ("hmac_secret", Value::Null, "issuers[0]"),
        ("jwks", json!({ "keys": [] }), "issuers[0]"),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), "issuers[0].jwks"),
        ("types", json!([]), "issuers[0].types"),
        ("max_lifetime", json!("169h"), "issuers[0].max_lifetime"),
        ("scope_claim", json!(""), "issuers[0].scope_claim"),
        ("tier", json!("gold"), "issuers[0].tier"),
        ("secret", json!("hunter2"), "issuers[0].secret"),
    ] {
        let error = with(field, value.clone()).expect_err(field);
        assert_eq!(error.path, path, "{field} {value}: {error}");
    }
}

#[test]
fn a_body_that_is_held_is_bounded_in_its_envelope_too() {
    let held = |form: Value| {
        with(&[
            ("/routes/0/body", json!("hold")),
            ("/routes/0/max_bytes", json!("1MiB")),
            ("/routes/0/form", form),
        ])
    };
    assert!(held(json!({ "multipart": "file", "json": "image" })).is_ok());
    let notes = json!([{ "name": "notes", "max_bytes": "64KiB", "text": "lines" }]);
    assert!(held(json!({ "multipart": "file", "fields": notes })).is_ok());
    // In JSON each of its characters may be escaped.
    let error = held(json!({ "json": "image", "fields": notes })).unwrap_err();
    assert_eq!(error.path, "routes[0].form");
}

#[test]
fn two_issuers_are_told_apart() {
    let mut other = issuer();
    other["name"] = json!("other");
    assert_eq!(with(&[("/issuers", json!([issuer(), other]))]).unwrap_err().path, "issuers[1]");
    other["issuer"] = json!("https://other.example");
    assert!(with(&[("/issuers", json!([issuer(), other]))]).is_ok());
}
