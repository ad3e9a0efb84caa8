//! `lunette policy check`.

use serde_json::{Value, json};

use crate::machine::{BUILT_IN, Machine, Ran, assert_has};

fn check(machine: &Machine, change: impl FnOnce(&mut Value), more: &[&str]) -> Ran {
    machine.policy("policy.json", change);
    machine.run(&[&["policy", "check", "policy.json"], more].concat())
}

fn warnings(document: &Value) -> Vec<&str> {
    let warnings = document["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["path"].as_str().unwrap()).collect()
}

#[test]
fn what_a_policy_allows_is_shown() {
    let machine = Machine::new();
    let change = |policy: &mut Value| {
        policy["tiers"]["free"]["concurrent"] = json!(4);
        policy["routes"][0]["body"] = json!("hold");
        policy["routes"][0]["max_bytes"] = json!("1MiB");
        policy["routes"][0]["signature"] = json!("with-key");
        policy["issuers"] = json!([{
            "name": "corp", "issuer": "https://id.example", "audiences": ["lunette"],
            "algorithms": ["HS256"], "hmac_secret": "corp-2026", "max_lifetime": "1h", "tier": "vip",
        }]);
    };
    let ran = check(&machine, change, &[]);
    assert_eq!(ran.err, "policy.json is right.\n");
    let shown = ran.succeeded();
    let row = |first: &str| {
        let line = shown.lines().find(|line| line.starts_with(first)).expect(first);
        line.split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(
        row("background-removal"),
        [
            "background-removal",
            "POST",
            "/v1/background-removal",
            "background-removal",
            "with-key",
            "hold",
            "enforce",
            "1048576",
            "8192x8192",
            "25000000",
            "1",
            "1"
        ]
    );
    // With 300 s of skew, a nonce is kept for 660 s: 60 at once and 660 that come back.
    assert_eq!(row("free")[1..], ["requests", "key", "60", "requests", "in", "60", "s", "720"]);
    assert_eq!(row("vip")[1..], ["requests", "key", "3000", "requests", "in", "60", "s", "36000"]);
    let line = |rest: &str| shown.lines().any(|line| line.split_whitespace().eq(rest.split(' ')));
    for row in ["enterprise normal unlimited", "free low 4", "vip high unlimited"] {
        assert!(line(row), "{row} is not in\n{shown}");
    }
    let corp = ["corp", "https://id.example", "lunette", "HS256", "3600", "s", "vip"];
    assert_eq!(row("corp"), corp);
    // 720 + 7200 + 36000, and 80 % of 131072 in pages of 24.
    assert_has(&shown, &["needs 43920", "room for 104880", "49152 of keys", "24576 of networks"]);
}

#[test]
fn what_follows_from_a_policy_is_there_as_json() {
    let machine = Machine::new();
    let document = check(&machine, |_| {}, &["--json"]).json(0);
    assert_eq!(document["policy"], serde_json::from_str::<Value>(BUILT_IN).unwrap());
    assert_eq!(document["tiers"]["enterprise"], json!({ "nonces_per_key": 7200, "bounded": true }));
    assert_eq!(document["store"]["nonces_needed"], 43_920);
    assert_eq!(document["store"]["nonces"], 104_880);
    // 4370 pages of 1801 bytes, and 2048 + 1024 + 1 of 1537.
    assert_eq!(document["store"]["bytes_max"], 4_370 * 1_801 + 3_073 * 1_537);
    assert_eq!(document["warnings"], json!([]));

    let unlimited = |policy: &mut Value| policy["tiers"]["vip"]["quotas"] = json!([]);
    let document = check(&machine, unlimited, &["--json"]).json(0);
    let all = json!({ "nonces_per_key": 104_857, "bounded": false });
    assert_eq!(document["tiers"]["vip"], all);
    assert_eq!(document["store"]["nonces_needed"], 7_920);
}

#[test]
fn what_deserves_a_second_look_is_warned_of_and_no_mistake() {
    let machine = Machine::new();
    let change = |policy: &mut Value| {
        policy["routes"][0]["scopes"] = json!([]);
        policy["routes"][0]["mode"] = json!("report");
        policy["report"] = json!({ "requests": 5, "window": "60s" });
        policy["schemes"] = json!(["rfc9421", "kong-hmac", "cloudflare-timed"]);
        policy["trusted_proxies"] = json!(["0.0.0.0/1"]);
    };
    let expected =
        ["trusted_proxies[0]", "schemes", "schemes", "routes[0].scopes", "routes[0].mode"];
    let document = check(&machine, change, &["--json"]).json(0);
    assert_eq!(warnings(&document), expected);

    let ran = check(&machine, change, &[]);
    let warned: Vec<_> = ran.err.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warned.len(), expected.len());
    assert_has(warned[1], &["kong-hmac", "no nonce"]);
    assert_has(warned[2], &["cloudflare-timed", "not method", "body"]);
    ran.succeeded();

    let document = check(&machine, |_| {}, &["--json", "--mode", "production"]).json(0);
    assert_eq!(warnings(&document), ["authorities[0]", "authorities[1]"]);
}

#[test]
fn a_configuration_that_does_not_fit_is_warned_of_and_hides_nothing() {
    let machine = Machine::new();
    machine.write("lunette.toml", "[upload]\ntotal = \"1MiB\"", 0o644);
    let document = check(&machine, |_| {}, &["--json"]).json(0);
    assert_eq!(warnings(&document), ["."]);
    assert_has(document["warnings"][0]["problem"].as_str().unwrap(), &["upload.total"]);
    let problem = check(&machine, |policy| policy["routes"] = json!([]), &[]).mistake();
    assert_has(&problem, &["policy.json", "routes: expected 1 to 64 routes"]);
}

#[test]
fn mistakes_are_refused_and_named() {
    let machine = Machine::new();
    let problem = |change: fn(&mut Value)| check(&machine, change, &[]).mistake();
    let unknown = problem(|policy| policy["routes"][0]["colour"] = json!("blue"));
    assert_has(&unknown, &["policy.json", "routes[0]", "unknown field `colour`"]);
    let unknown = problem(|policy| policy["tier"] = json!({}));
    assert_has(&unknown, &["unknown field `tier`", "`tiers`"]);
    let everyone = problem(|policy| policy["trusted_proxies"] = json!(["0.0.0.0/0"]));
    assert_has(&everyone, &["trusted_proxies[0]", "not every address"]);
    // 43,920 nonces of one key of each tier, and room for 80 % of 50,000.
    let sum = problem(|policy| policy["replay"] = json!({ "nonces": 50_000 }));
    assert_has(&sum, &["replay.nonces", "vip 36000", "43920", "40000"]);
    assert_has(
        &machine.run(&["policy", "check", "none.json"]).mistake(),
        &["none.json", "No such"],
    );
}
