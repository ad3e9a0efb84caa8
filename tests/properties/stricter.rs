//! A stricter policy never takes more.

use std::sync::Arc;

use conformance::library::{Cut, Library, keys_of_vectors};
use conformance::outcome::Upstream;
use conformance::{gate, keys, vectors};
use filter::policy::Mode;
use filter::{Filter, GateIdentity, Keys, Policy};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use crate::requests::arbitrary_request;
use crate::{code, made};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_stricter_policy_never_takes_more(
        loose in policies(),
        changes in prop::collection::vec(tightening(), 1..4),
        requests in prop::collection::vec(arbitrary_request(), 1..8),
    ) {
        let mut strict = loose.clone();
        for (pointer, value) in &changes {
            tighten(&mut strict, pointer, value);
        }
        // What no policy may say is no policy.
        let (Some(loose), Some(strict)) = (library(&loose), library(&strict)) else { return Ok(()) };
        for description in &requests {
            // Each on its own: what was refused before must not leave room for what comes after.
            let (mut loose, mut strict) = (loose.empty(), strict.empty());
            let request = made(&loose, description);
            let taken = strict.inspect(&request, "");
            if taken.answer.status == 200 {
                let code = code(&loose.inspect(&request, ""));
                prop_assert_eq!(code, "accepted", "after {:?}", changes);
            }
        }
    }

    #[test]
    fn a_policy_that_enforces_never_takes_more_than_one_that_reports(
        enforcing in policies(),
        requests in prop::collection::vec(arbitrary_request(), 1..8),
    ) {
        let mut reporting = enforcing.clone();
        reporting["report"] = json!({ "requests": 10, "window": "1h" });
        reporting["routes"][0]["mode"] = "report".into();
        let (enforcing, reporting) = (library(&enforcing).unwrap(), library(&reporting).unwrap());
        for description in &requests {
            let (mut enforcing, mut reporting) = (enforcing.empty(), reporting.empty());
            let request = made(&enforcing, description);
            if enforcing.inspect(&request, "").answer.status == 200 {
                let outcome = reporting.inspect(&request, "");
                prop_assert_eq!(code(&outcome), "accepted");
                let Upstream::Whole(received) = outcome.upstream else { unreachable!() };
                prop_assert_eq!(received.claims.mode, Mode::Enforce);
            }
        }
    }
}

/// Policies that take much.
fn policies() -> impl Strategy<Value = Value> {
    let signature = select(vec!["optional", "required", "with-key"]);
    let body = select(vec!["stream", "hold"]);
    let sizes = (100u32..5000, 1u32..12, 1u32..20);
    (signature, body, sizes).prop_map(|(signature, body, (side, frames, weight))| {
        let mut policy: Value = serde_json::from_str(&vectors::policy("default")).unwrap();
        policy["header_bytes"] = 524_288.into();
        policy["skew"] = "300s".into();
        policy["routes"] = json!([{
            "name": "background-removal", "method": "POST", "path": "/v1/background-removal",
            "scopes": [], "media_types": ["image/png", "image/jpeg", "image/webp"],
            "max_bytes": 1_048_576, "max_width": side, "max_height": side,
            "max_pixels": u64::from(side) * u64::from(side), "max_frames": frames,
            "signature": signature, "body": body, "weight": weight
        }]);
        for (tier, subject) in [("pixels", "key"), ("both", "principal")] {
            policy["tiers"][tier] = json!({ "quotas": [
                { "name": "megapixels", "subject": subject, "megapixels": 5, "window": "1h" }
            ] });
        }
        policy["tiers"]["three"] = json!({ "quotas": [
            { "name": "requests", "subject": "key", "requests": 3, "window": "1h" }
        ] });
        policy["issuers"][0]["max_lifetime"] = "3600s".into();
        policy
    })
}

/// A field, and a value that allows no more than whatever stood there.
fn tightening() -> impl Strategy<Value = (&'static str, Value)> {
    let smaller = |pointer: &'static str, least: u32, most: u32| {
        (least..most).prop_map(move |value| (pointer, json!(value)))
    };
    let other = |pointer: &'static str, values: Vec<Value>| {
        select(values).prop_map(move |value| (pointer, value))
    };
    prop_oneof![
        smaller("/routes/0/max_width", 1, 2000),
        smaller("/routes/0/max_height", 1, 2000),
        smaller("/routes/0/max_pixels", 1, 200_000),
        smaller("/routes/0/max_frames", 1, 11),
        smaller("/routes/0/max_bytes", 1, 4000),
        smaller("/routes/0/weight", 20, 1000),
        other("/routes/0/signature", vec![json!("required"), json!("with-key"), json!("none")]),
        other("/routes/0/body", vec![json!("hold")]),
        other(
            "/routes/0/media_types",
            vec![json!(["image/png"]), json!(["image/webp", "image/jpeg"])]
        ),
        other(
            "/routes/0/scopes",
            vec![json!(["background-removal"]), json!(["background-removal", "ocr"])]
        ),
        other(
            "/routes/0/clients",
            vec![
                json!({ "allow": ["198.51.100.0/24"] }),
                json!({ "deny": ["198.51.100.66"] }),
                json!({ "allow": ["198.51.100.0/24", "2001:db8:a::/48"], "deny": ["198.51.100.66"] }),
            ]
        ),
        other("/authorities", vec![json!(["images.example"]), json!(["localhost"])]),
        other("/skew", vec![json!("1s"), json!("60s"), json!("299s")]),
        other("/header_bytes", vec![json!(1024), json!(2048)]),
        other("/tiers/pixels/quotas/0/megapixels", vec![json!(1), json!(2)]),
        other("/tiers/three/quotas/0/requests", vec![json!(1), json!(2)]),
        other(
            "/tiers/free/quotas",
            vec![
                json!([{ "name": "megapixels", "subject": "key", "megapixels": 1, "window": "1h" }]),
            ]
        ),
        other("/issuers", vec![json!([])]),
        other("/issuers/0/algorithms", vec![json!(["ES256"]), json!(["EdDSA", "RS256"])]),
        other("/issuers/0/audiences", vec![json!(["pictures"])]),
        other("/issuers/0/max_lifetime", vec![json!("600s"), json!("1800s")]),
    ]
}

/// Puts the value into the policy, unless what stands there is tighter already.
fn tighten(policy: &mut Value, pointer: &str, value: &Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let Some(parent) = policy.pointer_mut(parent) else { return };
    if is_tighter(field, &parent[field], value) {
        parent[field] = value.clone();
    }
}

fn is_tighter(field: &str, old: &Value, new: &Value) -> bool {
    match (field, old, new) {
        ("weight", old, new) => number(new) >= number(old),
        // Those who need both need one; but where none is taken, other requests pass.
        ("signature", old, new) => old == "optional" || (old == "required" && new == "with-key"),
        ("body", _, _) => true,
        ("clients", old, _) => old.is_null(),
        ("quotas", old, _) => *old == json!([]),
        ("scopes", Value::Array(old), Value::Array(new)) => old.iter().all(|one| new.contains(one)),
        (_, Value::Array(old), Value::Array(new)) => new.iter().all(|one| old.contains(one)),
        (_, old, new) => number(new) <= number(old),
    }
}

/// A number, or one of seconds.
fn number(value: &Value) -> u64 {
    let seconds = || value.as_str()?.strip_suffix('s')?.parse().ok();
    value.as_u64().or_else(seconds).expect("a number")
}

/// A policy, with what it takes to judge by it.
struct Judge {
    filter: Filter,
    keys: Arc<Keys>,
}

impl Judge {
    fn empty(&self) -> Library {
        Library::new(self.filter.clone(), Arc::clone(&self.keys), Cut::Nowhere)
    }
}

fn library(policy: &Value) -> Option<Judge> {
    let policy = Policy::parse(policy.to_string().as_bytes()).ok()?;
    let gate: Arc<GateIdentity> = Arc::new(keys::identity(gate::NAME));
    Some(Judge { filter: Filter::new(policy, gate, 1), keys: Arc::new(keys_of_vectors()) })
}

/// The generators must not only make what is refused.
#[test]
fn many_of_the_requests_are_taken() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut taken, mut stricter) = (0, 0);
    for _ in 0..300 {
        let mut new =
            |strategy: BoxedStrategy<Value>| strategy.new_tree(&mut runner).unwrap().current();
        let (policy, request) = (new(policies().boxed()), new(arbitrary_request().boxed()));
        let Some(judge) = library(&policy) else { panic!("{policy}") };
        let mut library = judge.empty();
        let request = made(&library, &request);
        taken += usize::from(library.inspect(&request, "").answer.status == 200);
        let (pointer, value) = tightening().new_tree(&mut runner).unwrap().current();
        let mut strict = policy.clone();
        tighten(&mut strict, pointer, &value);
        stricter += usize::from(strict != policy && self::library(&strict).is_some());
    }
    assert!(taken > 30, "only {taken} of 300 were taken");
    assert!(stricter > 100, "only {stricter} of 300 policies were tightened");
}
