//! `lunette policy explain`: each check refuses in turn, and is named.

use std::fs;

use serde_json::{Value, json};

use crate::machine::{Machine, PATH, SCOPE, jpeg, png};

/// A request that would be let through, changed.
struct Case {
    /// The check that refuses.
    check: &'static str,
    code: &'static str,
    status: u16,
    policy: fn(&mut Value),
    /// Arguments of `lunette keys new`.
    key: &'static [&'static str],
    arguments: &'static [&'static str],
    image: fn() -> Vec<u8>,
}

impl Case {
    fn new(check: &'static str, code: &'static str, status: u16) -> Self {
        Self {
            check,
            code,
            status,
            policy: |_| {},
            key: &["--scope", SCOPE],
            arguments: &[],
            image: || png(3, 4),
        }
    }

    fn policy(self, policy: fn(&mut Value)) -> Self {
        Self { policy, ..self }
    }

    fn key(self, key: &'static [&'static str]) -> Self {
        Self { key, ..self }
    }

    fn with(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    fn image(self, image: fn() -> Vec<u8>) -> Self {
        Self { image, ..self }
    }
}

/// The checks in the order in which they are made.
const CHECKS: [&str; 16] = [
    "framing",
    "path",
    "route",
    "client",
    "query",
    "content-encoding",
    "media-type",
    "length",
    "credential",
    "permission",
    "admission",
    "image",
    "price",
    "body",
    "node-permit",
    "node-body",
];

fn cases() -> Vec<Case> {
    vec![
        Case::new("framing", "framing-ambiguous", 400).with(&["-H", "Transfer-Encoding: chunked"]),
        Case::new("path", "path-ambiguous", 400).with(&["--path", "/v1/../background-removal"]),
        Case::new("route", "route-unknown", 404).with(&["--path", "/v1/nothing"]),
        Case::new("route", "method-not-allowed", 405).with(&["--method", "GET"]),
        Case::new("client", "client-not-allowed", 403)
            .policy(|policy| policy["routes"][0]["clients"] = json!({ "deny": ["192.0.2.0/24"] }))
            .with(&["--client", "192.0.2.7"]),
        Case::new("query", "field-unknown", 400)
            .policy(|policy| policy["routes"][0]["query"] = json!([]))
            .with(&["--path", "/v1/background-removal?model=u2net"]),
        Case::new("content-encoding", "content-encoding", 415)
            .with(&["-H", "Content-Encoding: br"]),
        Case::new("media-type", "media-type-not-accepted", 415).with(&["-H", "Content-Type: a/b"]),
        Case::new("length", "body-too-long", 413)
            .policy(|policy| policy["routes"][0]["max_bytes"] = json!(50)),
        Case::new("length", "body-empty", 400)
            .image(Vec::new)
            .with(&["-H", "Content-Type: image/png"]),
        Case::new("credential", "credential-ambiguous", 400).with(&["-H", "X-API-Key: hunter2"]),
        Case::new("credential", "invalid-key", 401)
            .key(&["--scope", SCOPE, "--expires-in", "1h"])
            .with(&["--at", "4000000000"]),
        Case::new("credential", "signature-required", 401)
            .policy(|policy| policy["routes"][0]["signature"] = json!("required")),
        Case::new("permission", "scope-missing", 403).key(&["--scope", "ocr"]),
        Case::new("permission", "client-not-allowed", 403)
            .key(&["--scope", SCOPE, "--allow", "198.51.100.0/24"])
            .with(&["--client", "192.0.2.7"]),
        // Against an empty store no quota of requests is used up.
        Case::new("admission", "tier-unknown", 403).key(&["--scope", SCOPE, "--tier", "gold"]),
        Case::new("image", "not-an-image", 415)
            .image(|| b"<?php echo 'no image at all'; ?>".to_vec())
            .with(&["-H", "Content-Type: image/png"]),
        Case::new("image", "image-too-large", 422).image(|| png(9000, 1)),
        Case::new("price", "quota-too-small", 403)
            .policy(|policy| {
                policy["routes"][0]["weight"] = json!(1000);
                policy["tiers"]["free"]["quotas"][1]["megapixels"] = json!(1);
            })
            .image(|| png(100, 20)),
        Case::new("body", "length-differs", 400).with(&["-H", "Content-Length: 4000"]),
        Case::new("body", "image-truncated", 422).image(|| {
            let mut image = jpeg(3, 4);
            image.truncate(image.len() - 2);
            image
        }),
        Case::new("node-permit", "permit-only-reported", 401)
            .policy(|policy| {
                policy["routes"][0]["mode"] = json!("report");
                policy["report"] = json!({ "requests": 5, "window": "60s" });
            })
            .key(&["--scope", "ocr", "--environment", "live"])
            .with(&["--environment", "live", "--mode", "production", "--root-secret-file", "root"]),
    ]
}

#[test]
fn each_check_refuses_in_turn_and_is_named() {
    let mut refused = Vec::new();
    for case in cases() {
        let machine = Machine::new();
        machine.policy("policy.json", case.policy);
        let key = machine.key(case.key);
        machine.write("image", (case.image)(), 0o644);
        let made = machine.path("share/lunette/root.secret");
        if made.exists() {
            fs::copy(made, machine.path("root")).unwrap();
        } else {
            machine.write("root", "0123456789abcdef".repeat(4), 0o600);
        }
        let path = if case.arguments.contains(&"--path") { &[][..] } else { &["--path", PATH] };
        let command = ["policy", "explain", "--policy", "policy.json"];
        let request = ["--key-file", "key", "--image", "image", "--json"];
        let arguments = [&command[..], path, &request, case.arguments].concat();
        let ran = machine.run(&arguments);
        let name = format!("{} {}: {}{}", case.check, case.code, ran.out, ran.err);
        assert_eq!(ran.code, Some(2), "{name}");
        let document = ran.json(2);
        assert_eq!(document["verdict"], "refused", "{name}");
        assert_eq!(document["code"], case.code, "{name}");
        assert_eq!(document["answer"]["status"], case.status, "{name}");
        assert_eq!(document["answer"]["body"]["code"], case.code, "{name}");
        let by = if case.check.starts_with("node-") { "node" } else { "gate" };
        assert_eq!(document["by"], by, "{name}");

        let checks = document["checks"].as_array().unwrap();
        assert_eq!(checks.iter().map(|row| &row["check"]).collect::<Vec<_>>(), CHECKS, "{name}");
        let at = CHECKS.iter().position(|check| *check == case.check).unwrap();
        for (index, row) in checks.iter().enumerate() {
            let reported = case.check == "node-permit" && row["check"] == "permission";
            let expected = match index {
                _ if reported => "reported",
                _ if index < at => "passed",
                _ if index == at => "refused",
                _ => "not-reached",
            };
            assert_eq!(row["outcome"], expected, "{name}");
            let has_reason = ["refused", "reported"].contains(&expected);
            assert_eq!(row.get("why").is_some(), has_reason, "{name}");
        }
        let secret = &key[20..52];
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{name}");
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{name}");
        refused.push(case.check);
    }
    refused.dedup();
    // What the gate lets through here, the node judges by the same code.
    let (last, others) = CHECKS.split_last().unwrap();
    assert_eq!((refused.as_slice(), *last), (others, "node-body"), "a check has no case");
}
