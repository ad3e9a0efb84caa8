//! What a flood costs the Worker, and what is told of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conformance::flood::{self, Flood, resident_kib};
use conformance::vectors::named;
use conformance::workerd::{Options, Source, Workerd};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::node::Node;
use crate::send;

/// How many seconds a flood lasts, if nobody says.
const SECONDS: u64 = 6;
/// How many refusals the Worker tells in a second, and at once.
const TOLD: u64 = 100;
const AT_ONCE: u64 = 500;
/// How much memory a flood may cost, in KiB: what V8 lets pile up before it tidies. It rises for a minute and a half
/// and then stays: after 1.4 million refusals in 130 seconds there were 413 MiB more.
const GROWTH: u64 = 448 * 1024;

struct Flooded {
    workerd: Workerd,
    refused: u64,
    served: u64,
    took: Duration,
}

/// Floods a Worker with junk for a while, and asks it for something good meanwhile.
async fn flood(queue: bool) -> Flooded {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let options = Options { queue, ..Options::new(node.address, &source) };
    let workerd = Workerd::start(options).await;
    let good = named("a PNG").request();
    assert_eq!(send(&workerd, &good).await.status, 200);
    let before = resident_kib(workerd.pid());
    let (address, junk) = (workerd.address, Workerd::through_cloudflare(&flood::junk()));
    let flood = Flood::begin(&junk, move || TcpStream::connect(address));
    let (began, mut served) = (Instant::now(), 1);
    while began.elapsed() < flood::lasts(SECONDS) {
        assert_eq!(send(&workerd, &good).await.status, 200, "a good request during the flood");
        served += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let growth = resident_kib(workerd.pid()).saturating_sub(before);
    let (refused, took) = flood.end().await;
    #[expect(clippy::print_stdout, reason = "the rate is worth seeing")]
    {
        println!("{refused} requests of junk in {took:?}, {growth} KiB more, {served} served");
    }
    assert!(refused / took.as_secs().max(1) > 500, "only {refused} in {took:?}: no flood");
    assert!(growth < GROWTH, "{growth} KiB more after {refused} requests of junk");
    let seen = std::iter::from_fn(|| node.pop()).count();
    assert_eq!(seen as u64, served, "the node saw nothing of the junk");
    Flooded { workerd, refused, served, took }
}

/// How often each code was told, by an event or by a count.
#[derive(Debug, Default)]
struct Totals {
    events: BTreeMap<String, u64>,
    counted: BTreeMap<String, u64>,
}

impl Totals {
    fn of(messages: &[Value]) -> Self {
        let mut totals = Self::default();
        for message in messages {
            if let Some(counted) = message["counted"].as_object() {
                for (code, count) in counted {
                    let count = count.as_u64().expect("a count");
                    *totals.counted.entry(code.clone()).or_default() += count;
                }
            } else {
                let code = message["code"].as_str().unwrap_or("released");
                *totals.events.entry(code.to_owned()).or_default() += 1;
            }
        }
        totals
    }

    fn released(&self) -> u64 {
        [&self.events, &self.counted].into_iter().filter_map(|totals| totals.get("released")).sum()
    }

    /// How many refusals were told one by one.
    fn told(&self) -> u64 {
        self.events.values().sum::<u64>() - self.events.get("released").unwrap_or(&0)
    }

    fn refused(&self) -> u64 {
        let all: u64 = self.events.values().chain(self.counted.values()).sum();
        all - self.released()
    }
}

/// Each refusal is told or counted, few are told, and what was released is told.
async fn expect_totals(flooded: &Flooded, messages: impl Fn() -> Vec<Value>) {
    let Flooded { refused, served, took, .. } = flooded;
    let (mut totals, began) = (Totals::default(), Instant::now());
    while totals.refused() < *refused && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        totals = Totals::of(&messages());
    }
    assert_eq!((totals.refused(), totals.released()), (*refused, *served), "{totals:?}");
    let most = AT_ONCE + TOLD * (took.as_secs() + 2);
    assert!((1..=most).contains(&totals.told()), "{most} at most: {totals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_costs_bounded_memory_and_is_counted_in_full() {
    let flooded = flood(true).await;
    expect_totals(&flooded, || flooded.workerd.events.all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_queue_the_log_of_a_flood_is_bounded_and_counts_in_full() {
    let flooded = flood(false).await;
    let messages = || {
        let lines = flooded.workerd.log();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        parsed
            .filter(|line: &Value| line["code"] != Value::Null || line["counted"] != Value::Null)
            .collect()
    };
    expect_totals(&flooded, messages).await;
}
