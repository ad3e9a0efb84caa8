//! What happens around Envoy: a disk that is full, a flood of junk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conformance::client;
use conformance::envoy::{Envoy, Options};
use conformance::vectors::named;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::upstream::Upstream;
use crate::{before, default_policy, good, options, problem, send};

/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(15);
/// Connections that flood.
const FLOODING: usize = 16;
/// What the flood may add to Envoy's memory: buffers of its connections and of what they ask.
const GROWTH_KIB: u64 = 96 * 1024;

/// The access log goes to a device on which nothing can be written.
fn full_disk(envoy: &mut Value) {
    let log = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log/0/typed_config";
    let log = envoy.pointer_mut(log).expect("an access log");
    log["path"] = json!("/dev/full");
}

#[tokio::test]
async fn a_full_disk_under_the_access_log_changes_no_verdict() {
    let upstream = Upstream::plain().await;
    let options = Options { change: full_disk, ..options(&upstream, default_policy()) };
    let envoy = Envoy::start(options).await;
    for round in 1..=20 {
        assert_eq!(send(&envoy, &good()).await.status, 200);
        assert_eq!(upstream.count(), round);
        let refused = send(&envoy, &named("an unknown key").request()).await;
        assert_eq!(problem(&refused), (401, "invalid-key".into()));
    }
    assert_eq!(upstream.count(), 20, "the upstream saw nothing of what was refused");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(send(&envoy, &good()).await.status, 200, "also once the log was flushed in vain");
}

/// Refusals, one after the other, until it is told to stop.
async fn flood(envoy: Arc<Envoy>, stop: Arc<AtomicBool>, refused: Arc<AtomicU64>) {
    let junk = named("an unknown key").request();
    let head = client::head_bytes(&junk);
    let mut answer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        // Envoy closes a connection whose request it has refused before its body.
        let Ok(mut stream) = envoy.connect(None).await else { continue };
        let sent = stream.write_all(&head).await;
        if sent.is_ok() && stream.read(&mut answer).await.is_ok_and(|length| length > 0) {
            assert!(answer.starts_with(b"HTTP/1.1 401"), "junk got another answer");
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_costs_bounded_memory_and_others_are_served() {
    let upstream = Upstream::plain().await;
    let envoy = Arc::new(before(&upstream, default_policy()).await);
    assert_eq!(send(&envoy, &good()).await.status, 200);
    let before = resident_kib(&envoy);
    let (stop, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let flooding: Vec<_> = (0..FLOODING)
        .map(|_| tokio::spawn(flood(Arc::clone(&envoy), Arc::clone(&stop), Arc::clone(&refused))))
        .collect();
    let (began, mut served) = (Instant::now(), 1);
    while began.elapsed() < FLOOD {
        assert_eq!(send(&envoy, &good()).await.status, 200, "a good request during the flood");
        served += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let growth = resident_kib(&envoy).saturating_sub(before);
    stop.store(true, Ordering::Relaxed);
    for task in flooding {
        task.await.expect("the flood");
    }
    let refused = refused.load(Ordering::Relaxed);
    assert!(refused > 2_000, "only {refused} requests of junk: no flood");
    assert_eq!(upstream.count(), served, "the upstream saw none of {refused} requests of junk");
    assert!(growth < GROWTH_KIB, "{growth} KiB more after {refused} requests of junk");
    assert_eq!(envoy.stat("wasmcustom.lunette.rejection_cache.false_rejections").await, 0);
}

fn resident_kib(envoy: &Envoy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.pid()));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
