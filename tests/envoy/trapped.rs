//! VMs that trap while four workers are under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use conformance::client::Answer;
use conformance::envoy::{Envoy, NodeAt, Options};
use conformance::recorder::Recorder;
use conformance::vectors::{Request, named};
use serde_json::{Value, json};

use crate::{default_policy, good, problem, send, trap};

const WORKERS: usize = 4;
/// Clients at once, and one in three sends junk.
const CLIENTS: usize = 6;
/// How often a VM traps.
const TRAPS: usize = 3;

/// What waits in a VM that traps is ended by these alone, so that the test need not wait.
fn short_timeouts(envoy: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = envoy.pointer_mut(manager).expect("the connection manager");
    manager["request_timeout"] = json!("2s");
    manager["stream_idle_timeout"] = json!("2s");
}

/// Sends the same request until it is told to stop; all answers.
async fn load(envoy: Arc<Envoy>, request: Request, loading: Arc<AtomicBool>) -> Vec<Answer> {
    let mut answers = Vec::new();
    while loading.load(Ordering::Relaxed) {
        answers.push(send(&envoy, &request).await);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_under_load_stops_one_worker_for_a_moment_and_lets_nothing_pass() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let module = trap::module_that_traps_on_trailers(folder.path());
    let upstream = Recorder::default();
    let nodes = vec![NodeAt::new(upstream.serve(None).await)];
    let (concurrency, change) = (WORKERS, short_timeouts as fn(&mut Value));
    let options = Options { nodes, module, concurrency, change, ..Options::told(default_policy()) };
    let envoy = Arc::new(Envoy::start(options).await);
    let (good, junk) = (good(), named("an unknown key").request());
    let loading = Arc::new(AtomicBool::new(true));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let request = if n % 3 == 2 { junk.clone() } else { good.clone() };
            tokio::spawn(load(Arc::clone(&envoy), request, Arc::clone(&loading)))
        })
        .collect();
    for _ in 0..TRAPS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let answer = trap::send_with_trailers(&envoy, &good).await;
        assert_eq!(problem(&answer), (503, "gate-unavailable".into()));
    }
    // Every worker has a VM again, which so many answers in a row show.
    let (trapped, mut in_a_row) = (Instant::now(), 0);
    while in_a_row < 10 * WORKERS {
        let answer = send(&envoy, &good).await;
        in_a_row = if answer.status == 200 { in_a_row + 1 } else { 0 };
        assert!(trapped.elapsed() < Duration::from_secs(10), "{answer:?}");
    }
    loading.store(false, Ordering::Relaxed);

    let (mut served, mut asked, mut refused) = (0, 0, 0);
    for (n, client) in clients.into_iter().enumerate() {
        for answer in client.await.expect("answers") {
            let (is_junk, status) = (n % 3 == 2, answer.status);
            match (is_junk, status) {
                (false, 200) => served += 1,
                (true, 401) => refused += 1,
                // The VM is being made anew, or it was lost with the request.
                _ => {
                    let (status, code) = problem(&answer);
                    let lost = [(503, "gate-unavailable"), (408, "request-timeout")];
                    assert!(lost.contains(&(status, code.as_str())), "{answer:?}");
                }
            }
            asked += usize::from(!is_junk);
        }
    }
    assert!(refused > 0);
    assert!(served * 2 > asked, "the others finish: {served} of {asked}");
    let mut seen = 0;
    while let Some(request) = upstream.pop() {
        // It panics if there is no permit, or none that is good.
        assert_eq!(request.claims().method, "POST");
        seen += 1;
    }
    assert!(seen >= served, "{seen} requests at the upstream, {served} served");
    assert!(envoy.stat("wasm.lunette.vm_reload_success").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_trapped_is_made_anew_within_two_seconds() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let module = trap::module_that_traps_on_trailers(folder.path());
    let upstream = Recorder::default();
    let nodes = vec![NodeAt::new(upstream.serve(None).await)];
    let options = Options { nodes, module, ..Options::told(default_policy()) };
    let envoy = Envoy::start(options).await;
    for _ in 0..TRAPS {
        let answer = trap::send_with_trailers(&envoy, &good()).await;
        assert_eq!(problem(&answer), (503, "gate-unavailable".into()));
        let (trapped, seen) = (Instant::now(), upstream.count());
        loop {
            let answer = send(&envoy, &good()).await;
            if answer.status == 200 {
                break;
            }
            assert_eq!(problem(&answer), (503, "gate-unavailable".into()));
            assert!(trapped.elapsed() < Duration::from_secs(2), "no new VM");
        }
        assert_eq!(upstream.count(), seen + 1, "the upstream saw what was served alone");
    }
}
