//! A flood of junk: what it costs, what it leaves in the log, and that others are served.

#![expect(clippy::print_stdout, reason = "the rate is worth seeing")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::envoy::{Envoy, Options};
use conformance::flood::{self, Flood, resident_kib};

use crate::upstream::Upstream;
use crate::{default_policy, good, options, send};

/// How many seconds the flood lasts, if nobody says.
const SECONDS: u64 = 12;
/// What the flood may add to Envoy's memory: buffers of its connections and of what they ask.
const GROWTH_KIB: u64 = 96 * 1024;
/// What `envoy/sds/logged-refusals.yaml` allows: lines at once, and each second.
const LINES_AT_ONCE: u64 = 1000;
const LINES_A_SECOND: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_costs_bounded_memory_and_log_and_others_are_served() {
    let upstream = Upstream::plain().await;
    let options = Options { concurrency: 2, ..options(&upstream, default_policy()) };
    let envoy = Arc::new(Envoy::start(options).await);
    assert_eq!(send(&envoy, &good()).await.status, 200);
    let before = resident_kib(envoy.pid());
    let flooded = Arc::clone(&envoy);
    let flood = Flood::begin(&flood::junk(), move || {
        let envoy = Arc::clone(&flooded);
        async move { envoy.connect(None).await }
    });
    let (began, mut served) = (Instant::now(), 1);
    while began.elapsed() < flood::lasts(SECONDS) {
        assert_eq!(send(&envoy, &good()).await.status, 200, "a good request during the flood");
        served += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let growth = resident_kib(envoy.pid()).saturating_sub(before);
    let (refused, took) = flood.end().await;
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
