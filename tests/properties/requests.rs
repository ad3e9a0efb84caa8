//! Requests of many kinds.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::bodies::bodies;

/// Requests of many kinds.
pub(crate) fn arbitrary_request() -> impl Strategy<Value = Value> {
    let key = select(vec![
        "good",
        "good:wrong-secret",
        "unknown",
        "revoked",
        "expired",
        "ocr-scope",
        "two-scopes",
        "no-scope",
        "from-office",
        "not-from-there",
        "one-route",
        "other-route",
        "imported",
        "signer",
        "signer-required",
        "three-a",
        "pixels-a",
        "both-b",
        "tier-unknown",
    ]);
    let signer = select(vec![
        "signer",
        "signer-revoked",
        "other-signer",
        "signer-no-scope",
        "p256",
        "ed25519",
        "three-d",
        "pixels-f",
        "unknown-signer",
        "signer-from-office",
    ]);
    let created =
        prop_oneof![4 => Just(0i64), 1 => -400i64..400, 1 => select(vec![-300, -299, 60, 61])];
    let credential = prop_oneof![
        4 => key.prop_map(|key| json!({ "key": key })),
        1 => Just(json!({ "key": null })),
        3 => (signer.clone(), created).prop_map(|(key, created)| {
            json!({ "sign": { "key": key, "created": created } })
        }),
        1 => signer.clone().prop_map(|key| json!({ "sign": { "key": key, "signature": "flipped" } })),
        1 => signer.clone().prop_map(|key| json!({ "sign": { "key": key, "digest": "other-body" } })),
        1 => signer.prop_map(|key| json!({ "key": key, "sign": { "key": key } })),
        1 => Just(json!({ "sign": { "scheme": "simple", "key": "simple" } })),
        1 => (0i64..4000).prop_map(|exp| json!({ "token": { "claims": { "exp": { "now": exp } } } })),
        1 => select(vec!["RS256", "EdDSA", "HS256"]).prop_map(|alg| json!({ "token": { "alg": alg } })),
    ];
    let client = select(vec![
        json!("198.51.100.7"),
        json!("198.51.100.66"),
        json!("203.0.113.7"),
        json!("2001:db8:a::7"),
        json!("::ffff:198.51.100.9"),
        json!(null),
    ]);
    let authority = select(vec!["images.example", "images.example:8443", "localhost", "elsewhere"]);
    (credential, bodies(), client, authority).prop_map(
        |(mut request, (body, kind), client, host)| {
            request["body"] = body;
            request["content_type"] = kind.into();
            request["client"] = client;
            request["authority"] = host.into();
            request
        },
    )
}
