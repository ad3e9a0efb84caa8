use proptest::prelude::*;
use serde_json::{Value, json};

use super::is_within;
use crate::UnixMillis;
use crate::policy::example::{issuer, with, without};
use crate::policy::{Mode, Policy, PolicyError};
use crate::quota::gcra::{self, ArrivalTime};
use crate::quota::{Quota, Unit};

fn problem(changes: &[(&str, Value)]) -> PolicyError {
    with(changes).expect_err("a policy that does not fit together was taken")
}

/// What takes the signatures from the routes of the example that have them.
fn unsigned() -> [(&'static str, Value); 2] {
    ["/routes/0/signature", "/routes/3/signature"].map(|path| (path, json!("none")))
}

#[test]
fn signatures_are_for_named_hosts() {
    assert_eq!(without("/authorities").unwrap_err().path, "authorities");
    for rule in ["optional", "required", "with-key"] {
        let changes = [("/authorities", json!([])), ("/routes/0/signature", json!(rule))];
        assert_eq!(problem(&changes).path, "authorities");
    }
    let [first, fourth] = unsigned();
    assert!(with(&[("/authorities", json!([])), first, fourth]).is_ok());
}

#[test]
fn webhooks_need_a_body_that_is_held() {
    let webhooks = ("/schemes", json!(["standard-webhooks"]));
    let hold = [("/routes/0/body", json!("hold")), ("/routes/0/max_bytes", json!("1MiB"))];
    assert_eq!(problem(std::slice::from_ref(&webhooks)).path, "schemes");
    let [hold, small] = hold;
    assert!(with(&[webhooks.clone(), hold.clone(), small.clone()]).is_ok());
    // A held body is of no use where signatures are not taken.
    let none = ("/routes/0/signature", json!("none"));
    assert_eq!(problem(&[webhooks, hold, small, none]).path, "schemes");
}

#[test]
fn tokens_have_a_tier_of_the_policy() {
    let mut gold = issuer();
    for (field, value) in [("name", "gold"), ("issuer", "https://gold.example"), ("tier", "gold")] {
        gold[field] = json!(value);
    }
    assert_eq!(problem(&[("/issuers", json!([issuer(), gold]))]).path, "issuers[1].tier");
}

#[test]
fn report_only_has_a_quota_and_an_end() {
    let report = ("/routes/0/mode", json!("report"));
    assert_eq!(problem(std::slice::from_ref(&report)).path, "routes[0].mode");
    let quota = ("/report", json!({ "requests": 1, "window": "1m" }));
    assert!(with(&[report, quota.clone()]).is_ok());
    assert_eq!(problem(&[quota]).path, "report.until");
    let until = json!({ "until": "2026-12-24T00:00:00Z", "requests": 1, "window": "1m" });
    assert!(with(&[("/report", until)]).is_ok());
}

#[test]
fn the_global_report_only_mode_ends_by_itself() {
    let until = json!({ "until": "1970-01-01T00:00:10Z", "requests": 1, "window": "1m" });
    let global = with(&[("/report", until)]).unwrap();
    let mode = |policy: &Policy, now| policy.mode(&policy.routes[0], UnixMillis(now));
    assert_eq!(mode(&global, 9_999), Mode::Report);
    assert_eq!(mode(&global, 10_000), Mode::Enforce);
    let quota = json!({ "requests": 1, "window": "1m" });
    let route = with(&[("/report", quota), ("/routes/0/mode", json!("report"))]).unwrap();
    assert_eq!(mode(&route, 10_000), Mode::Report);
}

#[test]
fn quotas_that_apply_together_have_different_names() {
    let error = problem(&[("/tiers/free/quotas/1/name", json!("everyone"))]);
    assert_eq!(error.path, "tiers.free.quotas[1].name");
    let until = json!({ "until": "2026-12-24T00:00:00Z", "requests": 1, "window": "1m" });
    let error = problem(&[("/report", until), ("/quotas/1/name", json!("unverified"))]);
    assert_eq!(error.path, "report");
}

#[test]
fn a_network_may_use_at_least_as_much_as_one_of_its_keys() {
    let network = |requests: u32, window: &str| {
        with(&[("/quotas/0/requests", json!(requests)), ("/quotas/0/window", json!(window))])
    };
    // The most that a key may use is 3000 in 60 s.
    assert!(network(3000, "60s").is_ok());
    assert!(network(6000, "120s").is_ok());
    // Less at once, although more in the long run; and less in the long run.
    for (requests, window) in [(2999, "60s"), (1000, "1s"), (3000, "61s"), (6000, "121s")] {
        let error = network(requests, window).expect_err(window);
        assert_eq!(error.path, "quotas[0]");
        for part in ["tier vip", "(3000 requests in 60 s)", "share a network"] {
            assert!(error.problem.contains(part), "{error}");
        }
    }
}

#[test]
fn only_quotas_of_one_unit_are_compared() {
    let unlimited = ("/tiers/vip/quotas", json!([]));
    let requests = ("/quotas/0/requests", json!(600));
    assert!(with(&[unlimited.clone(), requests]).is_ok());
    let megapixels =
        json!({ "name": "pixels", "subject": "network", "megapixels": 1, "window": "24h" });
    assert_eq!(problem(&[unlimited, ("/quotas/-", megapixels)]).path, "quotas[2]");
    // What all share is no network's.
    assert!(with(&[("/quotas/1/requests", json!(1))]).is_ok());
}

#[test]
fn of_several_quotas_of_a_key_the_tightest_counts() {
    let quotas = json!([
        { "name": "second", "subject": "key", "requests": 1000, "window": "1s" },
        { "name": "minute", "subject": "key", "requests": 3000, "window": "60s" },
    ]);
    let changes = [("/tiers/vip/quotas", quotas), ("/quotas/0/requests", json!(3000))];
    let policy = with(&changes).unwrap();
    // 3000 at once and 50 each second for the 660 s that a nonce is kept.
    assert_eq!(policy.nonces_per_key("vip"), 3_000 + 50 * 660);
}

#[test]
fn the_nonces_of_one_key_of_each_tier_fit() {
    // free 60 + 660, enterprise 600 + 6600, vip 3000 + 33000, of 80 %.
    let nonces = |nonces: u32| with(&[("/replay", json!({ "nonces": nonces }))]);
    assert!(nonces(54_900).is_ok());
    let error = nonces(54_899).unwrap_err();
    assert_eq!(error.path, "replay.nonces");
    for part in ["660 s", "enterprise 7200 + free 720 + vip 36000 = 43920", "54899", "43919"] {
        assert!(error.problem.contains(part), "{part} is not in: {error}");
    }
    // A smaller skew asks for less, and without signatures there are no nonces.
    let small = ("/replay", json!({ "nonces": 54_899 }));
    assert!(with(&[small.clone(), ("/skew", json!("60s"))]).is_ok());
    let [first, fourth] = unsigned();
    assert!(with(&[small, first, fourth]).is_ok());
}

#[test]
fn a_key_without_a_quota_may_fill_what_is_planned_for() {
    let policy = with(&[("/tiers/vip/quotas", json!([]))]).unwrap();
    assert_eq!(policy.nonces_per_key("free"), 720);
    assert_eq!(policy.nonces_per_key("vip"), 104_857);
    assert_eq!(policy.nonces_per_key("unknown"), 104_857);
}

fn quota() -> impl Strategy<Value = Quota> {
    (1..20_u64, 1..10_u64).prop_map(|(limit, window)| Quota {
        name: "q".to_owned(),
        unit: Unit::Requests,
        limit,
        window,
    })
}

proptest! {
    /// What a key is granted by a quota within the network's, the network is granted too.
    #[test]
    fn a_network_never_refuses_what_one_key_may_use(
        of_key in quota(),
        of_network in quota(),
        requests in prop::collection::vec((0..3_000_u64, 1..5_u64), 1..60),
    ) {
        prop_assume!(is_within(&of_key, &of_network));
        let (mut now, mut key, mut network) = (1_000_000, ArrivalTime::default(), ArrivalTime::default());
        for (pause, amount) in requests {
            now += pause;
            if let Ok((taken, _)) = gcra::take(&of_key, key, amount, now) {
                key = taken;
                let granted = gcra::take(&of_network, network, amount, now);
                prop_assert!(granted.is_ok(), "{amount} at {now}");
                network = granted.unwrap().0;
            }
        }
    }
}
