//! Revoked tokens: `lunette tokens`.

use filter::key::TokenId;
use serde_json::Value;

use crate::machine::{Machine, assert_has};

fn revoke<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let revoke = ["tokens", "revoke", "--issuer", "corp", "--jti", "6f1c0d2e"];
    revoke.into_iter().chain(flags.iter().copied()).collect()
}

fn listed(machine: &Machine) -> Vec<Value> {
    machine.json(&["tokens", "list", "--json"]).as_array().unwrap().clone()
}

#[test]
fn a_revoked_token_is_listed_and_published_by_its_digest() {
    let machine = Machine::new();
    let out = machine.run(&revoke(&["--label", "laptop \u{1b}[31mstolen"])).succeeded();
    let id = String::from(TokenId::of("corp", "6f1c0d2e"));
    assert_has(&out, &[&id, "corp", "is revoked until 20"]);
    let [token] = listed(&machine).try_into().unwrap();
    assert_eq!((&token["id"], &token["issuer"]), (&id.clone().into(), &"corp".into()));
    let week = 7 * 86_400_000 + 600_000;
    assert_eq!(token["until"].as_u64(), token["revoked"].as_u64().map(|at| at + week));
    let shown = machine.run(&["tokens", "list"]).succeeded();
    assert_has(&shown, &["ISSUER", &id, "\\u{1b}[31mstolen"]);
    assert!(!shown.contains("6f1c0d2e"));
    let snapshot = machine.json(&["policy", "snapshot", "--json"]);
    assert_eq!(snapshot["revoked_tokens"], serde_json::json!([id]));
}

#[test]
fn its_end_may_be_a_time_or_a_span_and_is_never_brought_forward() {
    let machine = Machine::new();
    let until = |flags: &[&str]| {
        let flags = [flags, &["--json"]].concat();
        machine.json(&revoke(&flags))["until"].as_u64().unwrap()
    };
    assert_eq!(until(&["--until", "4102444800"]), 4_102_444_800_000);
    assert_eq!(until(&["--until", "12h"]), 4_102_444_800_000);
    let again = machine.run(&revoke(&["--until", "1h"])).succeeded();
    assert_has(&again, &["already revoked until 2100-01-01"]);
    assert_eq!(listed(&machine).len(), 1);
}

#[test]
fn a_change_makes_an_epoch_and_a_repetition_does_not() {
    let machine = Machine::new();
    let before = machine.epoch();
    machine.run(&revoke(&[])).succeeded();
    let after = machine.epoch();
    assert!(after > before);
    machine.run(&revoke(&[])).succeeded();
    assert_eq!(machine.json(&["tokens", "prune", "--json"])["pruned"], 0);
    assert_eq!(machine.epoch(), after);
}

#[test]
fn mistakes_are_named() {
    let machine = Machine::new();
    for (arguments, parts) in [
        (&["--issuer", "a b", "--jti", "x"][..], &["--issuer", "a b"][..]),
        (&["--issuer", "corp", "--jti", ""], &["--jti", "1 to"]),
        (&["--issuer", "corp", "--jti", "x", "--until", "1000"], &["--until", "expired already"]),
        (&["--issuer", "corp", "--jti", "x", "--until", "soon"], &["--until", "soon", "12h"]),
    ] {
        let problem = machine.run(&[&["tokens", "revoke"], arguments].concat()).refused(64);
        assert_has(&problem, parts);
    }
    assert!(!machine.data().exists());
}

#[test]
fn an_issuer_that_the_policy_does_not_have_is_remarked_upon() {
    let machine = Machine::new();
    let ran = machine.run(&revoke(&[]));
    assert_has(&ran.err, &["no issuer \"corp\"", "it has: none"]);
    assert_eq!(ran.code, Some(0));
    assert_has(&machine.run(&["tokens", "list"]).succeeded(), &["corp"]);
    assert_eq!(Machine::new().run(&["tokens", "list"]).err, "No token is revoked.\n");
}
