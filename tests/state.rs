//! What gates remember from one request to the next: over real HTTP, with several VMs that share one
//! memory, while keys change and VMs fail.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::client::{self, Answer};
use conformance::gate::{self, InProcess, Live, OverHttp, Published, Running};
use conformance::keys;
use conformance::library::{Cut, Filters, Library, NOW, keys_of_vectors};
use conformance::outcome::Upstream;
use conformance::run::Host as _;
use conformance::vectors::{self, Moment, Request, Step};
use filter::{Keys, Policy};
use filter_wasmtime::{GateOptions, SharedSource};
use serde_json::json;

fn vms(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// A request as a vector would describe it, made now.
fn request(description: serde_json::Value) -> Request {
    made_at(Moment::real(), description)
}

fn made_at(now: Moment, mut description: serde_json::Value) -> Request {
    description["expect"] = "accept".into();
    let step: Step = serde_json::from_value(description).unwrap();
    step.compose(now, Some("203.0.113.99")).unwrap()
}

fn code(answer: &Answer) -> String {
    match answer.status {
        200 => "accepted".to_owned(),
        _ => answer.problem()["code"].as_str().unwrap().to_owned(),
    }
}

async fn send(running: &Running, request: &Request) -> String {
    code(&client::send(running.address, request, usize::MAX).await.unwrap())
}

/// What the gate's events say of the last request.
fn event(running: &Running) -> serde_json::Value {
    let verdicts = running.verdicts.lock().unwrap();
    serde_json::from_str(verdicts.last().unwrap().note("event").unwrap()).unwrap()
}

#[tokio::test]
async fn a_key_that_was_probed_works_as_soon_as_it_is_made() {
    let policy = vectors::policy("default");
    let records = || keys::records(Moment::real().0);
    let others = || records().into_iter().filter(|record| record.id != keys::id("good"));
    let without: Vec<_> = others().collect();
    let live = Live::new(Published::new(1, &policy, &without));
    let options = GateOptions { vms: vms(2), ..gate::options(live.clone()) };
    let running = gate::start(options).await;
    // From a proxy that names no client: failures of one network would be answered otherwise.
    let good = request(json!({ "key": "good", "client": null }));
    for epoch in 1..20 {
        // Whoever guesses it, and its owner, are refused; each VM remembers that.
        let mut remembered = false;
        for _ in 0..6 {
            assert_eq!(send(&running, &good).await, "invalid-key");
            remembered |= event(&running)["cached"] == true;
        }
        assert!(remembered, "the refusal is not remembered");
        live.publish(Published::new(2 * epoch, &policy, &records()));
        for _ in 0..4 {
            assert_eq!(send(&running, &good).await, "accepted", "epoch {}", 2 * epoch);
        }
        live.publish(Published::new(2 * epoch + 1, &policy, &without));
    }
    let metrics = running.gate.metrics();
    assert!(metrics["lunette.rejection_cache.epoch_flushes"] > 0, "{metrics:?}");
    assert_eq!(metrics["lunette.rejection_cache.false_rejections"], 0, "{metrics:?}");
}

#[tokio::test]
async fn wrong_signatures_in_a_good_keys_name_never_lock_its_owner_out() {
    let options = gate::options(Published::of_vectors());
    let running = gate::start(GateOptions { vms: vms(2), ..options }).await;
    let mut refused = std::collections::BTreeMap::<_, u32>::new();
    for _ in 0..200 {
        let forged = request(json!({ "sign": { "key": "signer", "signature": "flipped" } }));
        *refused.entry(send(&running, &forged).await).or_default() += 1;
        assert_eq!(event(&running)["cached"], false);
    }
    // The policy does not say: after sixty failures in a minute the network is told to wait.
    assert!(refused["invalid-signature"] >= 60, "{refused:?}");
    assert!(refused.contains_key("too-many-failures") && refused.len() == 2, "{refused:?}");
    for _ in 0..20 {
        let good = request(json!({ "sign": { "key": "signer" } }));
        assert_eq!(send(&running, &good).await, "accepted");
        let good = request(json!({ "key": "signer" }));
        assert_eq!(send(&running, &good).await, "accepted");
    }
}

#[test]
fn a_scanner_does_not_push_out_what_others_asked_for() {
    let mut library = Filters::default().under("default", Cut::Nowhere);
    let from = |client: &str, key: &str| {
        let mut request = made_at(Moment(NOW), json!({ "key": null, "client": client }));
        request.headers.push(("X-API-Key".to_owned(), key.to_owned()));
        request
    };
    // A dozen clients with keys that are no longer known, each from a network of its own.
    let clients: Vec<_> = (0..12)
        .map(|n| from(&format!("203.0.113.{n}"), &format!("sk_live_a_key_of_client_number_{n}")))
        .collect();
    // They share one /24, and each set has room for two of a network: some may find no place.
    let cached = |library: &mut Library| {
        let is_cached = |request: &Request| {
            let outcome = library.inspect(request, "");
            outcome.event.unwrap()["cached"] == true
        };
        clients.iter().map(is_cached).collect::<Vec<_>>()
    };
    cached(&mut library);
    let before = cached(&mut library);
    assert!(before.iter().filter(|&&cached| cached).count() >= 11, "{before:?}");
    for n in 0..200_000 {
        let probe = from("198.51.100.7", &format!("sk_live_whatever_a_scanner_tries_{n:010}"));
        let outcome = library.inspect(&probe, "");
        assert!(matches!(outcome.answer.status, 401 | 429), "{outcome:?}");
    }
    assert_eq!(cached(&mut library), before, "a scanner pushed out what others asked for");
    let counters = library.cache.counters();
    assert!(counters.evictions > 0 && counters.false_rejections == 0, "{counters:?}");
    assert!(library.cache.byte_len() <= 1536 * 1024, "{} bytes", library.cache.byte_len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_nonce_that_races_over_four_vms_is_taken_once() {
    let options = gate::options(Published::of_vectors());
    let running = Arc::new(gate::start(GateOptions { vms: vms(4), ..options }).await);
    for round in 0..40 {
        let signed = Arc::new(request(json!({ "sign": { "key": "signer" } })));
        let racers: Vec<_> = (0..12)
            .map(|_| {
                let (running, signed) = (Arc::clone(&running), Arc::clone(&signed));
                tokio::spawn(async move { send(&running, &signed).await })
            })
            .collect();
        let mut codes = Vec::new();
        for racer in racers {
            codes.push(racer.await.unwrap());
        }
        codes.sort();
        let accepted = codes.iter().filter(|code| *code == "accepted").count();
        assert_eq!(accepted, 1, "round {round}: {codes:?}");
        // A loser may find the page busy for ever, and then the store says that it cannot tell.
        let others = ["accepted", "signature-replayed", "store-unavailable"];
        assert!(codes.iter().all(|code| others.contains(&code.as_str())), "{codes:?}");
    }
    assert_eq!(running.upstream.count(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quota_that_races_over_four_vms_is_not_exceeded() {
    let options = gate::options(Published::with_policy("strict"));
    let running = Arc::new(gate::start(GateOptions { vms: vms(4), ..options }).await);
    let mut accepted = 0;
    let racers: Vec<_> = (0..24)
        .map(|_| {
            let (running, three) = (Arc::clone(&running), request(json!({ "key": "three-a" })));
            tokio::spawn(async move { send(&running, &three).await })
        })
        .collect();
    for racer in racers {
        let code = racer.await.unwrap();
        accepted += usize::from(code == "accepted");
        assert!(["accepted", "quota-exceeded", "store-unavailable"].contains(&&*code), "{code}");
    }
    assert_eq!(accepted, 3);
    assert_eq!(running.upstream.count(), 3);
}

/// A snapshot whose reading takes too long once, as if the filter had hung.
struct Stalling {
    inner: Published,
    stall: Arc<AtomicBool>,
}

impl SharedSource for Stalling {
    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
        if self.stall.swap(false, Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(400));
        }
        self.inner.get(key)
    }
}

#[tokio::test]
async fn across_the_rebuild_of_a_vm_no_nonce_is_taken_twice_and_no_quota_begins_anew() {
    let stall = Arc::new(AtomicBool::new(false));
    let shared = Stalling { inner: Published::with_policy("strict"), stall: Arc::clone(&stall) };
    let options = GateOptions { vms: vms(1), ..gate::options(shared) };
    let running = gate::start(options).await;
    let first = request(json!({ "sign": { "key": "three-d" } }));
    let before = request(json!({ "sign": { "key": "three-d" } }));
    assert_eq!(send(&running, &first).await, "accepted");
    for rebuilds in 1..=3 {
        stall.store(true, Ordering::SeqCst);
        assert_eq!(send(&running, &request(json!({ "key": "good" }))).await, "gate-unavailable");
        assert_eq!(running.gate.stats().rebuilds, rebuilds);
        assert_eq!(send(&running, &first).await, "signature-replayed");
    }
    // What was signed before the VM was rebuilt is still good: its memory did not begin anew.
    assert_eq!(send(&running, &before).await, "accepted");
    let third = request(json!({ "sign": { "key": "three-d" } }));
    assert_eq!(send(&running, &third).await, "accepted");
    let fourth = request(json!({ "sign": { "key": "three-d" } }));
    assert_eq!(send(&running, &fourth).await, "quota-exceeded");
}

/// The default policy with room for few nonces.
fn small_memory() -> String {
    let mut policy: serde_json::Value = serde_json::from_str(&vectors::policy("default")).unwrap();
    policy["replay"] = json!({ "nonces": 1024 });
    policy.to_string()
}

#[test]
fn a_key_that_floods_the_memory_of_nonces_leaves_others_unaffected() {
    let policy = Policy::parse(small_memory().as_bytes()).unwrap();
    let filter = filter::Filter::new(policy, keys::identity(gate::NAME), 1);
    let mut library = Library::new(filter, Arc::new(keys_of_vectors()), Cut::Nowhere);
    let mut signed = |key: &str| {
        let request = made_at(Moment(NOW), json!({ "sign": { "key": key } }));
        code(&library.inspect(&request, "").answer)
    };
    let (mut accepted, mut full) = (0, 0);
    for _ in 0..20_000 {
        match signed("replay-1").as_str() {
            "accepted" => accepted += 1,
            "replay-store-full" => full += 1,
            other => panic!("{other}"),
        }
    }
    assert!(accepted > 1000 && full > 15_000, "{accepted} accepted, {full} too many");
    // Another key still has a fifth of every page.
    for n in 0..200 {
        assert_eq!(signed("replay-2"), "accepted", "{n}");
    }
    for n in 0..20 {
        assert_eq!(signed("ed25519"), "accepted", "{n}");
    }
}

#[tokio::test]
async fn a_key_that_floods_the_memory_of_two_vms_leaves_others_unaffected() {
    let records = keys::records(Moment::real().0);
    let published = Published::new(1, &small_memory(), &records);
    let options = GateOptions { vms: vms(2), ..gate::options(published) };
    let mut host = InProcess::new(gate::load(options), Cut::Nowhere);
    let mut full = 0;
    for _ in 0..4_000 {
        let flood = request(json!({ "sign": { "key": "replay-1" } }));
        full += u32::from(code(&host.send(&flood, "").await.answer) == "replay-store-full");
    }
    assert!(full > 500, "the memory never filled: {full}");
    for n in 0..100 {
        let other = request(json!({ "sign": { "key": "replay-2" } }));
        assert_eq!(code(&host.send(&other, "").await.answer), "accepted", "{n}");
    }
}

#[tokio::test]
async fn what_the_node_says_about_a_body_is_heeded_over_http() {
    let options = gate::options(Published::with_policy("strict"));
    let running = gate::start(GateOptions { vms: vms(1), ..options }).await;
    let mut host = OverHttp::new(running, usize::MAX);
    // Pixels that were charged for nothing come back, again and again.
    let large =
        json!({ "key": "pixels-a", "body": { "png_header": { "width": 1000, "height": 900 } } });
    for _ in 0..5 {
        assert_eq!(code(&host.send(&request(large.clone()), "refund").await.answer), "accepted");
    }
    assert_eq!(code(&host.send(&request(large.clone()), "").await.answer), "accepted");
    assert_eq!(code(&host.send(&request(large), "").await.answer), "quota-exceeded");
    // And a malformed body is not sent to it again.
    let signed = || request(json!({ "sign": { "key": "signer" } }));
    let verdict = "malformed image-malformed";
    assert_eq!(code(&host.send(&signed(), verdict).await.answer), "accepted");
    let again = host.send(&signed(), verdict).await;
    assert_eq!((again.answer.status, code(&again.answer)), (422, "image-malformed".to_owned()));
    assert!(matches!(again.upstream, Upstream::Nothing), "{again:?}");
}

#[test]
fn a_new_epoch_ends_all_refusals_at_once() {
    let mut library = Filters::default().under("default", Cut::Nowhere);
    let good = made_at(Moment(NOW), json!({ "key": "good" }));
    let policy = || Policy::parse(vectors::policy("default").as_bytes()).unwrap();
    let filter = |epoch| filter::Filter::new(policy(), keys::identity(gate::NAME), epoch);
    library.publish(filter(1), Keys::default());
    for cached in [false, true, true] {
        let outcome = library.inspect(&good, "");
        assert_eq!(outcome.answer.status, 401);
        assert_eq!(outcome.event.unwrap()["cached"], cached);
    }
    library.publish(filter(2), keys_of_vectors());
    assert_eq!(library.inspect(&good, "").answer.status, 200);
    library.publish(filter(3), Keys::default());
    assert_eq!(library.inspect(&good, "").answer.status, 401, "nothing good is remembered");
}
