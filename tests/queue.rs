//! Waiting for the model, from the client's socket: who goes first, who is sent away, and who is not run. The real
//! binary, the compiled filter, the real weights.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::client::{self, Answer};
use conformance::node::{Home, Node};
use conformance::vectors::Request;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const POLICY: &str = include_str!("../filter/policy.json");

/// A home whose policy has the tiers of these tests, and the file of that policy.
fn home() -> (Home, String) {
    let home = Home::default();
    let mut policy: Value = serde_json::from_str(POLICY).unwrap();
    policy["quotas"] = json!([]);
    for (tier, value) in [
        ("last", json!({ "quotas": [], "priority": "low" })),
        ("first", json!({ "quotas": [], "priority": "high" })),
        ("one", json!({ "quotas": [], "concurrent": 1 })),
    ] {
        policy["tiers"][tier] = value;
    }
    let file = home.path().with_extension("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (home, file)
}

/// A new key of a tier.
fn key(home: &Home, policy: &str, tier: &str) -> String {
    let arguments = ["keys", "new", "--principal", tier, "--scope", "background-removal"];
    let created = home.json(&[&arguments[..], &["--tier", tier, "--policy", policy]].concat());
    created["key"].as_str().unwrap().to_owned()
}

fn photo(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let photo = RgbImage::from_fn(96, 64, |x, _| Rgb([if x < 48 { 40 } else { 220 }; 3]));
    DynamicImage::from(photo).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn post(key: &str, format: ImageFormat) -> Request {
    let body = photo(format);
    let headers = [
        ("X-API-Key", key.to_owned()),
        ("Content-Type", format.to_mime_type().to_owned()),
        ("Content-Length", body.len().to_string()),
    ];
    Request {
        method: "POST".to_owned(),
        target: "/v1/background-removal".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem()["code"].as_str().unwrap().to_owned())
}

/// Milliseconds of a stage, as the answer says.
fn took(answer: &Answer, stage: &str) -> f64 {
    let timing = answer.header("server-timing").unwrap();
    let entry =
        timing.split(", ").find_map(|entry| entry.strip_prefix(stage)?.strip_prefix(";dur="));
    entry.unwrap().parse().unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Clients that send one request after the other until they are told to stop.
struct Flood {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Answer>>>,
}

impl Flood {
    fn begin(node: &Node, clients: usize, request: &Request) -> Self {
        let (stop, address) = (Arc::new(AtomicBool::new(false)), node.address);
        let client = || {
            let (stop, request) = (Arc::clone(&stop), request.clone());
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(client::send(address, &request, usize::MAX).await.unwrap());
                }
                answers
            })
        };
        let clients = std::iter::repeat_with(client).take(clients).collect();
        Self { stop, clients }
    }

    async fn end(self) -> Vec<Answer> {
        self.stop.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for client in self.clients {
            answers.extend(client.await.unwrap());
        }
        answers
    }
}

async fn until(node: &Node, metric: &str, reached: impl Fn(u64) -> bool) {
    for _ in 0..6000 {
        if reached(node.metric(metric).await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{metric} is {}", node.metric(metric).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_a_low_tier_makes_a_high_one_wait_for_about_two_runs() {
    let (home, policy) = home();
    let node = Node::start(&home, &["--policy", &policy, "--text", "off"]).await;
    let (last, first) = (key(&home, &policy, "last"), key(&home, &policy, "first"));
    let flood = Flood::begin(&node, 12, &post(&last, ImageFormat::Png));
    until(&node, "lunette_jobs_admitted", |jobs| jobs >= 10).await;
    let mut waited = Vec::new();
    for _ in 0..9 {
        let answer = node.send(&post(&first, ImageFormat::Png)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        waited.push(took(&answer, "queue"));
    }
    let flood = flood.end().await;
    assert!(flood.iter().all(|answer| answer.status == 200), "the flood is served too");
    // Of the twelve, the queue was full for those in the middle alone.
    let run = median(flood.iter().map(|answer| took(answer, "model")).collect());
    let (first, last) =
        (median(waited), median(flood.iter().map(|answer| took(answer, "queue")).collect()));
    assert!(first < 3.0 * run, "the high tier waited {first} ms, with runs of {run} ms");
    assert!(last > 6.0 * run, "the low tier waited {last} ms, with runs of {run} ms");
    let counted = async |priority: &str| {
        node.metric(&format!("lunette_queue_seconds_count{{priority=\"{priority}\"}}")).await
    };
    assert_eq!(counted("high").await, 9);
    assert_eq!(counted("low").await, flood.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_limit_is_sent_away_before_its_body_is_read_while_others_are_served() {
    let (home, policy) = home();
    let node = Node::start(&home, &["--policy", &policy, "--text", "off"]).await;
    let (one, other) = (key(&home, &policy, "one"), key(&home, &policy, "one"));
    let request = post(&one, ImageFormat::Png);
    // A slow upload is under way.
    let mut slow = TcpStream::connect(node.address).await.unwrap();
    let (begin, end) = request.body.split_at(request.body.len() - 4);
    slow.write_all(&[&client::head_bytes(&request)[..], begin].concat()).await.unwrap();
    let reserved = request.body.len() as u64;
    until(&node, "lunette_uploads_reserved_bytes", |bytes| bytes == reserved).await;

    // Of the second one, the gate has seen what it needs, and most of the body never comes.
    let mut second = request.clone();
    second.headers[2].1 = "10000000".to_owned();
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let sent = [&client::head_bytes(&second)[..], &second.body].concat();
    stream.write_all(&sent).await.unwrap();
    let refused = client::read_answer(&mut stream).await.unwrap();
    assert_eq!(code(&refused), (429, "too-many-at-once".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(node.metric("lunette_uploads_reserved_bytes").await, reserved);

    assert_eq!(node.send(&post(&other, ImageFormat::Png)).await.status, 200, "another key");
    slow.write_all(end).await.unwrap();
    assert_eq!(client::read_answer(&mut slow).await.unwrap().status, 200);
    assert_eq!(node.send(&request).await.status, 200, "there is room again");
    assert_eq!(node.metric("lunette_jobs_dropped_total{reason=\"concurrent\"}").await, 1);
    assert_eq!(node.inferences().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_it_waits_is_not_run() {
    let (home, policy) = home();
    let node = Node::start(&home, &["--policy", &policy, "--text", "off"]).await;
    let (last, first) = (key(&home, &policy, "last"), key(&home, &policy, "first"));
    let flood = Flood::begin(&node, 12, &post(&first, ImageFormat::Png));
    until(&node, "lunette_jobs_admitted", |jobs| jobs >= 10).await;
    let leaves = post(&last, ImageFormat::WebP);
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(&[&client::head_bytes(&leaves)[..], &leaves.body].concat()).await.unwrap();
    until(&node, "lunette_images_total{format=\"webp\"}", |images| images == 1).await;
    drop(stream);
    until(&node, "lunette_jobs_dropped_total{reason=\"left\"}", |left| left == 1).await;
    let served = flood.end().await;
    until(&node, "lunette_jobs_admitted", |jobs| jobs == 0).await;
    assert_eq!(node.inferences().await, served.len() as u64);
    assert_eq!(node.metric("lunette_queue_seconds_count{priority=\"low\"}").await, 0);
    assert_eq!(node.metric("lunette_decoded_pixels").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_the_queue_full_or_waits_too_long_is_told_to_come_again() {
    let (home, policy) = home();
    for (arguments, refusal, reason) in [
        (["--queue-waiting", "0"], "overloaded", "full"),
        (["--queue-deadline", "20ms"], "queue-timeout", "deadline"),
    ] {
        let node =
            Node::start(&home, &[&["--policy", &policy, "--text", "off"], &arguments[..]].concat())
                .await;
        let last = key(&home, &policy, "last");
        let flood = Flood::begin(&node, 8, &post(&last, ImageFormat::Png));
        let dropped = format!("lunette_jobs_dropped_total{{reason=\"{reason}\"}}");
        until(&node, &dropped, |refused| refused >= 5).await;
        let (served, refused): (Vec<_>, Vec<_>) =
            flood.end().await.into_iter().partition(|answer| answer.status == 200);
        for answer in &refused {
            assert_eq!(code(answer), (503, refusal.to_owned()));
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        assert_eq!(node.metric(&dropped).await, refused.len() as u64);
        assert_eq!(node.inferences().await, served.len() as u64);
        if reason == "full" {
            assert!(!served.is_empty(), "nobody was served");
            // At once: nothing of a refusal waits for a run.
            let all = |answers: &[Answer]| {
                median(answers.iter().map(|answer| took(answer, "total")).collect())
            };
            let (sent_away, served) = (all(&refused), all(&served));
            assert!(sent_away < served / 2.0, "refused in {sent_away} ms, served in {served} ms");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_models_are_served_and_a_request_names_its_own() {
    let (home, policy) = home();
    let models = ["--policy", &policy, "--model", "u2netp,u2net", "--text", "off"];
    let node = Node::start(&home, &models).await;
    let first = key(&home, &policy, "first");
    let send = async |path: &str, model: Option<&str>| {
        let mut body = Vec::new();
        for (name, value) in
            [("file", None)].into_iter().chain(model.map(|model| ("model", Some(model))))
        {
            let file = if value.is_none() { "; filename=\"a.png\"" } else { "" };
            body.extend(
                format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                    .bytes(),
            );
            match value {
                None => body.extend(photo(ImageFormat::Png)),
                Some(value) => body.extend(value.bytes()),
            }
            body.extend(b"\r\n");
        }
        body.extend(b"--XyZ--\r\n");
        let mut request = post(&first, ImageFormat::Png);
        path.clone_into(&mut request.target);
        request.headers[1].1 = "multipart/form-data; boundary=XyZ".to_owned();
        request.headers[2].1 = body.len().to_string();
        node.send(&Request { body, ..request }).await
    };
    for path in ["/v1/background-removal", "/api/remove"] {
        let mut answers = Vec::new();
        for model in [None, Some("u2netp"), Some("u2net")] {
            let answer = send(path, model).await;
            assert_eq!(answer.status, 200, "{path} {model:?}: {answer:?}");
            answers.push(answer.body);
        }
        assert_eq!(answers[0], answers[1], "{path}: the first one is the default");
        assert_ne!(answers[1], answers[2], "{path}: another model gives another mask");
        assert_eq!(code(&send(path, Some("sam")).await), (400, "field-value".to_owned()));
    }
    drop(node);
    let node = Node::start(&home, &["--policy", &policy, "--text", "off"]).await;
    let mut request = post(&first, ImageFormat::Png);
    request.target = "/api/remove?model=u2net".to_owned();
    let answer = node.send(&request).await;
    assert_eq!(code(&answer), (400, "model-not-served".to_owned()));
    assert_eq!(answer.problem()["detail"], "\"model\": expected one that runs here: u2netp");
    assert_eq!(node.inferences().await, 0);
}
