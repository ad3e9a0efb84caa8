//! A flood of junk: what it costs, what it leaves in the log, and that others are served.
//!
//! `LUNETTE_TEST_FLOOD=60` lets it last a minute; the rate is in what the test prints.

#![expect(clippy::print_stdout, reason = "the rate is worth seeing")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conformance::client;
use conformance::envoy::{Envoy, Options};
use conformance::vectors::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::upstream::Upstream;
use crate::{default_policy, good, options, request, send};

/// How many seconds the flood lasts, if nobody says.
const SECONDS: u64 = 12;
/// Connections that flood, each with one request under way: Envoy ends one on which more wait.
const FLOODING: usize = 64;
/// Envoy ends a connection after as many requests, and one more.
const OF_A_CONNECTION: usize = 9_999;
/// What the flood may add to Envoy's memory: buffers of its connections and of what they ask.
const GROWTH_KIB: u64 = 96 * 1024;
/// What `envoy/sds/logged-refusals.yaml` allows: lines at once, and each second.
const LINES_AT_ONCE: u64 = 1000;
const LINES_A_SECOND: u64 = 100;

/// What no route takes, and without a body: Envoy keeps the connection.
fn junk() -> Request {
    let mut junk = request(json!({ "key": "unknown-1", "method": "GET" }));
    junk.body.clear();
    junk.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    junk
}

/// Refusals, one after the other, until it is told to stop.
async fn flood(envoy: Arc<Envoy>, stop: Arc<AtomicBool>, refused: Arc<AtomicU64>) {
    let junk = client::head_bytes(&junk());
    let mut answer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = envoy.connect(None).await else { continue };
        for _ in 0..OF_A_CONNECTION {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            stream.write_all(&junk).await.expect("a connection that stays");
            let mut read = 0;
            // A problem is an object, and it ends the answer.
            while !answer[..read].ends_with(b"}") {
                let more = stream.read(&mut answer[read..]).await.expect("an answer");
                assert!(more > 0, "the connection ended");
                read += more;
            }
            assert!(answer.starts_with(b"HTTP/1.1 4"), "junk got another answer");
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_costs_bounded_memory_and_log_and_others_are_served() {
    let seconds = std::env::var("LUNETTE_TEST_FLOOD").ok();
    let seconds = seconds.map_or(SECONDS, |text| text.parse().expect("seconds"));
    let upstream = Upstream::plain().await;
    let options = Options { concurrency: 2, ..options(&upstream, default_policy()) };
    let envoy = Arc::new(Envoy::start(options).await);
    assert_eq!(send(&envoy, &good()).await.status, 200);
    let before = resident_kib(&envoy);
    let (stop, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let flooding: Vec<_> = (0..FLOODING)
        .map(|_| tokio::spawn(flood(Arc::clone(&envoy), Arc::clone(&stop), Arc::clone(&refused))))
        .collect();
    let (began, mut served) = (Instant::now(), 1);
    while began.elapsed() < Duration::from_secs(seconds) {
        assert_eq!(send(&envoy, &good()).await.status, 200, "a good request during the flood");
        served += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let growth = resident_kib(&envoy).saturating_sub(before);
    stop.store(true, Ordering::Relaxed);
    for task in flooding {
        task.await.expect("the flood");
    }
    let (refused, took) = (refused.load(Ordering::Relaxed), began.elapsed());
    let rate = refused / took.as_secs().max(1);
    println!("{rate} requests of junk a second for {took:?}, {growth} KiB more, {served} served");
    assert!(rate > 1_000, "only {rate} a second: no flood");
    assert_eq!(upstream.count(), served, "the upstream saw none of {refused} requests of junk");
    assert!(growth < GROWTH_KIB, "{growth} KiB more after {refused} requests of junk");
    assert_eq!(envoy.stat("wasmcustom.lunette.rejection_cache.false_rejections").await, 0);
    // Everything is counted, and what was served is all in the log.
    assert_eq!(envoy.stat("http.https.downstream_rq_4xx").await, refused);
    assert_eq!(envoy.stat("http.https.downstream_rq_2xx").await, served as u64);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let lines = envoy.access_lines();
    let released = lines.iter().filter(|line| line["verdict"] == "released").count();
    assert_eq!(released, served, "every request that was served has its line");
    let refusals = (lines.len() - released) as u64;
    let most = LINES_AT_ONCE + LINES_A_SECOND * (took.as_secs() + 2);
    assert!((LINES_AT_ONCE..=most).contains(&refusals), "{refusals} lines, and at most {most}");
}

fn resident_kib(envoy: &Envoy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.pid()));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
