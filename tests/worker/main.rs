//! The Worker on a real workerd, where vectors do not reach: what is remembered across a restart, bodies that
//! break off, and policy that changes or goes away.

mod flood;
mod node;
mod rotation;
mod trapped;

use std::time::{Duration, Instant};

use conformance::client::{self, Answer};
use conformance::clock::{JUMPS, SetClock};
use conformance::keys;
use conformance::vectors::{Moment, Request, named, policy};
use conformance::workerd::{Options, Source, Workerd};
use filter::{KeyRecord, hex};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use node::Node;

/// The longest time that a change of keys may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

struct Started {
    workerd: Workerd,
    source: Source,
    node: Node,
}

async fn start() -> Started {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let workerd = Workerd::start(Options::new(node.address, &source)).await;
    Started { workerd, source, node }
}

async fn send(workerd: &Workerd, request: &Request) -> Answer {
    let request = Workerd::through_cloudflare(request);
    client::send(workerd.address, &request, usize::MAX).await.expect("an answer")
}

/// Sends `request` until it is answered with `status`; how long that took.
async fn until(workerd: &Workerd, request: &Request, status: u16) -> Duration {
    let began = Instant::now();
    while began.elapsed() < ARRIVAL * 2 {
        if send(workerd, request).await.status == status {
            return began.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no {status} in {:?}", ARRIVAL * 2)
}

fn records() -> Vec<KeyRecord> {
    keys::records(Moment::real().0)
}

#[tokio::test]
async fn an_image_passes_unchanged_and_nothing_else_passes() {
    let Started { workerd, node, .. } = start().await;
    let good = named("a PNG").request();
    assert_eq!(send(&workerd, &good).await.status, 200);
    let seen = node.pop().expect("the node saw it");
    assert!(seen.is_whole && seen.body == good.body);

    let refused = send(&workerd, &named("an unknown key").request()).await;
    assert_eq!((refused.status, &refused.problem()["code"]), (401, &"invalid-key".into()));
    assert!(node.pop().is_none(), "the node saw nothing of it");
}

#[tokio::test]
async fn a_nonce_is_used_once_also_across_a_restart() {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let objects = tempfile::TempDir::new().expect("a temporary folder");
    let signed = named("a signature is good once").steps[0].compose(Moment::real(), None);
    let signed = signed.expect("a request");
    for status in [200, 401] {
        let options = Options::new(node.address, &source);
        let options = Options { objects: Some(objects.path().to_owned()), ..options };
        let workerd = Workerd::start(options).await;
        assert_eq!(send(&workerd, &signed).await.status, status);
        assert_eq!(send(&workerd, &signed).await.problem()["code"], "signature-replayed");
    }
}

#[tokio::test]
async fn without_its_store_nothing_passes_that_needs_one() {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let objects = tempfile::TempDir::new().expect("a temporary folder");
    let options = Options::new(node.address, &source);
    let options = Options { objects: Some(objects.path().to_owned()), ..options };
    let workerd = Workerd::start(options).await;
    // None of the principals' objects can begin any more.
    std::fs::remove_dir_all(objects.path().join("lunette-principals")).expect("a folder");
    let answer = send(&workerd, &named("a signature is good once").request()).await;
    assert_eq!((answer.status, &answer.problem()["code"]), (503, &"store-unavailable".into()));
    assert!(node.pop().is_none(), "the node saw nothing of it");
    assert_eq!(send(&workerd, &named("a PNG").request()).await.status, 200, "it needs no store");
}

#[tokio::test]
async fn a_policy_may_let_quotas_be_passed_over_and_no_nonce() {
    let (source, node) = (Source::of_vectors("allow").await, Node::listen().await);
    let objects = tempfile::TempDir::new().expect("a temporary folder");
    let options = Options::new(node.address, &source);
    let options = Options { objects: Some(objects.path().to_owned()), ..options };
    let workerd = Workerd::start(options).await;
    std::fs::remove_dir_all(objects.path().join("lunette-principals")).expect("a folder");
    let allowed = named("quotas may be passed over, by the policy's leave").request();
    for _ in 0..4 {
        let answer = send(&workerd, &allowed).await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, None));
        assert!(node.pop().is_some_and(|seen| seen.is_whole));
    }
    let answer = send(&workerd, &named("a nonce is never passed over").request()).await;
    assert_eq!((answer.status, &answer.problem()["code"]), (503, &"store-unavailable".into()));
    assert!(node.pop().is_none(), "the node saw nothing of it");
}

#[tokio::test]
async fn a_clock_that_jumps_by_an_hour_makes_no_signature_good_twice() {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let clock = SetClock::new();
    let options = Options { environment: clock.variables(), ..Options::new(node.address, &source) };
    let workerd = Workerd::start(options).await;
    let signed = || named("a signature is good once").request();
    let (first, by_key) = (signed(), named("a PNG").request());
    assert_eq!(send(&workerd, &first).await.status, 200);
    assert!(node.pop().is_some());
    for (seconds, code) in JUMPS {
        clock.set(seconds);
        for request in [&first, &signed()] {
            let answer = send(&workerd, request).await;
            assert_eq!(answer.problem()["code"], code, "{seconds} s");
        }
        assert!(node.pop().is_none(), "the node saw nothing of it");
        clock.set(0);
        until(&workerd, &by_key, 200).await;
        let answer = send(&workerd, &first).await;
        assert_eq!(answer.problem()["code"], "signature-replayed", "{seconds} s and back");
        while node.pop().is_some() {}
    }
    assert_eq!(send(&workerd, &signed()).await.status, 200);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_abort_at_the_node() {
    let Started { workerd, node, .. } = start().await;
    let mut request = Workerd::through_cloudflare(&named("a PNG").request());
    let whole = request.body.len() + 300_000;
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    request.headers.push(("Content-Length".to_owned(), whole.to_string()));
    let mut client = TcpStream::connect(workerd.address).await.unwrap();
    client.write_all(&client::head_bytes(&request)).await.unwrap();
    client.write_all(&request.body).await.unwrap();
    client.write_all(&vec![0; 100_000]).await.unwrap();
    client.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(client);

    let seen = node.wait().await;
    assert!(!seen.is_whole, "a clean end after {} of {whole} bytes", seen.body.len());
    assert!(seen.body.len() < whole);
}

#[tokio::test]
async fn what_becomes_of_keys_arrives_within_five_seconds() {
    let Started { workerd, source, .. } = start().await;
    let request = named("a PNG").request();
    let all = records();
    let without: Vec<_> =
        all.iter().filter(|record| record.id != keys::id("good")).cloned().collect();
    let revoked: Vec<_> = all
        .iter()
        .map(|record| KeyRecord { revoked: record.id == keys::id("good"), ..record.clone() })
        .collect();
    assert_eq!(send(&workerd, &request).await.status, 200);

    source.publish(2, &policy("default"), &without);
    assert!(until(&workerd, &request, 401).await < ARRIVAL, "a key that was taken away");
    // It was probed, and is known to be unknown; yet it works as soon as it is there.
    source.publish(3, &policy("default"), &all);
    assert!(until(&workerd, &request, 200).await < ARRIVAL, "a new key");
    source.publish(4, &policy("default"), &revoked);
    // Nobody asks in the meantime, so the first request must not be judged by the old copy.
    tokio::time::sleep(ARRIVAL).await;
    assert_eq!(send(&workerd, &request).await.status, 401, "a key that was revoked");
}

#[tokio::test]
async fn a_snapshot_that_must_not_be_taken_is_ignored_and_the_log_says_so() {
    let Started { workerd, source, .. } = start().await;
    let request = named("a PNG").request();
    assert_eq!(send(&workerd, &request).await.status, 200);
    source.publish(5, &policy("default"), &records());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(send(&workerd, &request).await.status, 200);

    source.tamper(None, |statement| statement.epoch = 4);
    expect_ignored(&workerd, &request, "older").await;
    source.tamper(None, |statement| {
        (statement.epoch, statement.audience) = (6, "others".to_owned());
    });
    expect_ignored(&workerd, &request, "for audience").await;
    source.tamper(Some("no snapshot\n".to_owned()), |statement| {
        statement.audience = "tests".to_owned();
    });
    expect_ignored(&workerd, &request, "malformed").await;
}

/// The last good snapshot stays, and the log says what is wrong with the new one.
async fn expect_ignored(workerd: &Workerd, request: &Request, why: &str) {
    let began = Instant::now();
    while began.elapsed() < ARRIVAL {
        assert_eq!(send(workerd, request).await.status, 200);
        if workerd.log().iter().any(|line| line.contains("ignored") && line.contains(why)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{why}: {:?}", workerd.log());
}

#[tokio::test]
async fn a_gate_without_a_snapshot_refuses_and_one_with_an_old_one_too() {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let request = named("a PNG").request();
    let wrong = ("LUNETTE_GATE_TOKEN".to_owned(), "another".to_owned());
    let options = Options { environment: vec![wrong], ..Options::new(node.address, &source) };
    let never = Workerd::start(options).await;
    let answer = send(&never, &request).await;
    assert_eq!((answer.status, &answer.problem()["code"]), (503, &"policy-unavailable".into()));

    source.good_for(3_000);
    let workerd = Workerd::start(Options::new(node.address, &source)).await;
    assert_eq!(send(&workerd, &request).await.status, 200);
    source.tamper(Some("no snapshot\n".to_owned()), |_| {});
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    let answer = send(&workerd, &request).await;
    assert_eq!((answer.status, &answer.problem()["code"]), (503, &"policy-stale".into()));
}

#[tokio::test]
async fn no_secret_reaches_the_log_an_event_or_the_node() {
    let Started { workerd, node, source } = start().await;
    let names = ["a PNG", "an unknown key", "a signature is good once", "a PNG"];
    let mut told = String::new();
    for (n, name) in names.into_iter().enumerate() {
        if n == 3 {
            source.tamper(Some("no snapshot\n".to_owned()), |_| {});
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        let request = named(name).steps[0].compose(Moment::real(), None).expect("a request");
        let answer = send(&workerd, &request).await;
        told += &String::from_utf8_lossy(&answer.body);
        told += &node.pop().map(|seen| seen.head).unwrap_or_default();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    told += &workerd.log().join("\n");
    let events = workerd.events.all();
    assert_eq!(events.len(), names.len());
    told += &events.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("invalid-key") && told.contains("ignored"), "{told}");
    for secret in [
        keys::text("good"),
        hex::encode(&keys::PERMIT_KEY),
        hex::encode(&keys::PEPPER),
        hex::encode(&keys::REALM_KEYS[0].1),
        hex::encode(&keys::TOKEN_SECRET.1),
        conformance::workerd::GATE_TOKEN.to_owned(),
    ] {
        assert!(!told.contains(&secret), "a secret was told");
    }
}
