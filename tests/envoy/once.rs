//! Nothing is accepted twice, and no quota is exceeded: by four workers, across a reload of the VM, and
//! across a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::client::Answer;
use conformance::envoy::{Envoy, Options, Told, snapshot};
use conformance::vectors::{self, Request};
use serde_json::{Value, json};

use crate::upstream::Upstream;
use crate::{default_policy, options, problem, request, send, trap};

const WORKERS: usize = 4;

/// Sends the same request so often at once, each time over a connection of its own.
async fn at_once(envoy: &Arc<Envoy>, requests: impl Iterator<Item = Request>) -> Vec<Answer> {
    let sent: Vec<_> = requests
        .map(|request| {
            let envoy = Arc::clone(envoy);
            tokio::spawn(async move { send(&envoy, &request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.expect("an answer"));
    }
    answers
}

fn accepted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

fn signed(key: &str) -> Request {
    request(json!({ "sign": { "key": key } }))
}

/// A key of the vectors' policy `strict` that may ask three times.
fn limited(key: &str) -> Value {
    json!({ "key": key })
}

async fn four_workers(upstream: &Upstream, told: impl Into<Told>) -> Arc<Envoy> {
    Arc::new(Envoy::start(Options { concurrency: WORKERS, ..options(upstream, told) }).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_copies_of_a_signed_request_four_workers_accept_one() {
    let upstream = Upstream::plain().await;
    let envoy = four_workers(&upstream, default_policy()).await;
    for round in 1..=5 {
        let signed = signed("replay-1");
        let answers = at_once(&envoy, std::iter::repeat_n(signed, 50)).await;
        assert_eq!(accepted(&answers), 1, "round {round}");
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(problem(refused), (401, "signature-replayed".into()));
        }
        assert_eq!(upstream.count(), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_three_is_three_for_all_workers_together() {
    let upstream = Upstream::plain().await;
    let envoy = four_workers(&upstream, snapshot(1, &vectors::policy("strict"))).await;
    let requests = || (0..60).map(|_| request(limited("three-a")));
    let answers = at_once(&envoy, requests()).await;
    assert_eq!((accepted(&answers), upstream.count()), (3, 3));
    let others = at_once(&envoy, (0..3).map(|_| request(limited("three-c")))).await;
    assert_eq!(accepted(&others), 3, "another key's quota is its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_floods_leaves_others_alone() {
    let upstream = Upstream::plain().await;
    let envoy = four_workers(&upstream, default_policy()).await;
    let flooding = Arc::new(AtomicBool::new(true));
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let (envoy, flooding) = (Arc::clone(&envoy), Arc::clone(&flooding));
            tokio::spawn(async move {
                let mut sent = 0;
                while flooding.load(Ordering::Relaxed) {
                    send(&envoy, &signed("replay-1")).await;
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for _ in 0..30 {
        assert_eq!(send(&envoy, &signed("replay-2")).await.status, 200);
    }
    flooding.store(false, Ordering::Relaxed);
    let mut sent = 0;
    for flood in flood {
        sent += flood.await.expect("a flood");
    }
    assert!(sent > 30, "only {sent} requests were a flood");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_stays_used_when_the_vm_is_made_anew() {
    let upstream = Upstream::plain().await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let module = trap::module_that_traps_on_trailers(folder.path());
    let told = snapshot(1, &vectors::policy("strict"));
    let envoy = Envoy::start(Options { module, ..options(&upstream, told) }).await;
    let signed = signed("replay-1");
    assert_eq!(send(&envoy, &signed).await.status, 200);
    for _ in 0..3 {
        assert_eq!(send(&envoy, &request(limited("three-a"))).await.status, 200);
    }
    let answer = trap::send_with_trailers(&envoy, &request(json!({}))).await;
    assert_eq!(problem(&answer), (503, "gate-unavailable".into()));

    // Until there is a new one, nothing passes; then, nothing that was used.
    let began = std::time::Instant::now();
    loop {
        let answer = send(&envoy, &signed).await;
        if answer.status == 401 {
            assert_eq!(problem(&answer), (401, "signature-replayed".into()));
            break;
        }
        assert_eq!(problem(&answer), (503, "gate-unavailable".into()));
        assert!(began.elapsed() < Duration::from_secs(2), "no new VM");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(send(&envoy, &request(limited("three-a"))).await.status, 429);
    assert_eq!(send(&envoy, &request(json!({}))).await.status, 200);
    assert!(envoy.stat("wasm.lunette.vm_reload_success").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_under_load_loses_nothing_and_forgets_nothing() {
    let upstream = Upstream::plain().await;
    let policy = vectors::policy("strict");
    let envoy = four_workers(&upstream, Told::Pushed(snapshot(1, &policy))).await;
    let before = signed("replay-1");
    assert_eq!(send(&envoy, &before).await.status, 200);
    for _ in 0..3 {
        assert_eq!(send(&envoy, &request(limited("three-a"))).await.status, 200);
    }
    let pushing = Arc::new(AtomicBool::new(true));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (envoy, pushing) = (Arc::clone(&envoy), Arc::clone(&pushing));
            tokio::spawn(async move {
                let mut sent = 0;
                while pushing.load(Ordering::Relaxed) {
                    let answer = send(&envoy, &request(json!({}))).await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for epoch in 2..=10 {
        envoy.push(&snapshot(epoch, &policy));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let replayed = send(&envoy, &before).await;
        assert_eq!(problem(&replayed), (401, "signature-replayed".into()));
        assert_eq!(send(&envoy, &request(limited("three-a"))).await.status, 429);
    }
    pushing.store(false, Ordering::Relaxed);
    for load in load {
        assert!(load.await.expect("no error") > 0);
    }
    let updates = envoy.stat("extension_config_discovery.http_filter.lunette.config_reload").await;
    assert!(updates >= 9, "{updates} pushes were taken:\n{}", envoy.log());

    envoy.push("no snapshot at all");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(send(&envoy, &request(json!({}))).await.status, 200, "the last good one stays");
}
