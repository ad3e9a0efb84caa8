//! Envoy follows its node: policy and keys arrive while it serves, and what nobody signed does not.

use std::path::Path;
use std::time::{Duration, Instant};

use conformance::client::Answer;
use conformance::envoy::{Envoy, NodeAt, Options, Told, snapshot_of};
use conformance::keys;
use conformance::node::{Home, Node};
use conformance::recorder::Recorder;
use conformance::tls::private_file;
use conformance::vectors::{self, Moment, Request, named};
use conformance::workerd::Source;
use filter::snapshot::{LIFETIME, SnapshotSigner};
use filter::{KeyRecord, UnixMillis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The longest time that a change may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Longer than the gate waits between two questions.
const A_WHILE: Duration = Duration::from_millis(2500);
/// A key that was made elsewhere: its text is known before it is imported.
const ELSEWHERE: &str = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz";

async fn ask(envoy: &Envoy, request: &Request) -> (u16, String) {
    let answer = envoy.send(request, usize::MAX).await.expect("an answer");
    (answer.status, code(&answer))
}

fn code(answer: &Answer) -> String {
    if answer.status == 200 {
        return "ok".to_owned();
    }
    answer.problem()["code"].as_str().expect("a code").to_owned()
}

/// Asks until the answer has this code; how long that took.
async fn until(envoy: &Envoy, request: &Request, wanted: &str) -> Duration {
    let began = Instant::now();
    let mut last = String::new();
    while began.elapsed() < 3 * ARRIVAL {
        last = ask(envoy, request).await.1;
        if last == wanted {
            return began.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no {wanted} in {:?}, but {last}; Envoy says:\n{}", 3 * ARRIVAL, envoy.log());
}

/// A request that a good key takes as far as its body, which is no image: the model need not run.
fn probe(key: &str) -> Request {
    let body = b"<?php this is no image ?>".to_vec();
    let fields = [
        ("X-API-Key", key.to_owned()),
        ("Content-Type", "image/png".to_owned()),
        ("Content-Length", body.len().to_string()),
    ];
    Request {
        method: "POST".to_owned(),
        target: "/v1/background-removal".to_owned(),
        headers: fields.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
    }
}

/// A node alone, and an Envoy that asks it.
async fn node_and_envoy(home: &Home, log: &Path) -> (Node, Envoy) {
    let secrets = home.json(&["gates", "secrets", "--gate", "envoy-1"]);
    let policy = home.policy();
    let text =
        |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let secrets = secrets.as_object().expect("an object").iter();
    let secrets = secrets.map(|(name, value)| (name.clone(), text(value))).collect();
    let arguments =
        ["--gate", "external", "--gates", "envoy-1", "--audience", "tests", "--policy", &policy];
    let node = Node::start_with_log(home, &arguments, log).await;
    let nodes = vec![NodeAt { address: node.address, operator: Some(node.operator_address()) }];
    let envoy = Envoy::start(Options { nodes, secrets, ..Options::told(Told::Pull) }).await;
    (node, envoy)
}

#[tokio::test]
async fn keys_come_and_go_within_five_seconds_of_the_command() {
    let home = Home::default();
    let folder = tempfile::TempDir::new().unwrap();
    let (node, envoy) = node_and_envoy(&home, &folder.path().join("node.log")).await;
    let request = probe(ELSEWHERE);
    // Probed before it exists: the refusal is remembered, and must not outlive the key's making.
    until(&envoy, &request, "invalid-key").await;
    for _ in 0..5 {
        assert_eq!(ask(&envoy, &request).await, (401, "invalid-key".to_owned()));
    }
    let file = private_file(folder.path(), "elsewhere.key", ELSEWHERE);
    let made = home.json(&[
        "keys",
        "import",
        "--file",
        file.to_str().unwrap(),
        "--entropy-bits",
        "150",
        "--principal",
        "acme",
        "--scope",
        "background-removal",
    ]);
    let arrived = until(&envoy, &request, "not-an-image").await;
    assert!(arrived < ARRIVAL, "the key took {arrived:?}");
    let id = made["id"].as_str().expect("an id");
    let revoked = home.command(&["keys", "revoke", id]).output().unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    let arrived = until(&envoy, &request, "invalid-key").await;
    assert!(arrived < ARRIVAL, "the revocation took {arrived:?}");
    assert_eq!(node.inferences().await, 0);
}

#[tokio::test]
async fn a_photo_is_cut_out_behind_a_real_envoy() {
    let home = Home::default();
    let folder = tempfile::TempDir::new().unwrap();
    let (node, envoy) = node_and_envoy(&home, &folder.path().join("node.log")).await;
    let key = home.new_key();
    until(&envoy, &probe(&key), "not-an-image").await;
    let mut png = std::io::Cursor::new(Vec::new());
    let photo = image::DynamicImage::new_rgb8(64, 48);
    photo.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let mut request = probe(&key);
    request.body = png.into_inner();
    let length = request.body.len().to_string();
    request.headers.retain(|(name, _)| name != "Content-Length");
    request.headers.push(("Content-Length".to_owned(), length));
    // Envoy may not know yet that the node is well.
    until(&envoy, &request, "ok").await;
    let answer = envoy.send(&request, 100).await.expect("an answer");
    assert_eq!(answer.header("content-type"), Some("image/png"));
    let cut = image::load_from_memory(&answer.body).unwrap();
    assert_eq!((cut.width(), cut.height()), (64, 48));
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("lunette-")));
    assert_eq!(node.inferences().await, 2);
}

struct Followed {
    source: Source,
    upstream: Recorder,
    envoy: Envoy,
}

/// An Envoy that asks a source which tests can tamper with.
async fn followed(source: Source) -> Followed {
    let upstream = Recorder::default();
    let address = upstream.serve(None).await;
    let nodes = vec![NodeAt { address, operator: Some(source.address()) }];
    let envoy = Envoy::start(Options { nodes, ..Options::told(Told::Pull) }).await;
    Followed { source, upstream, envoy }
}

#[tokio::test]
async fn what_must_not_be_believed_is_ignored_and_the_last_good_snapshot_stays() {
    let Followed { source, envoy, .. } = followed(Source::of_vectors("default").await).await;
    let good = named("a PNG").request();
    until(&envoy, &good, "ok").await;
    let now = Moment::real().0;
    let records = keys::records(now);
    let revoked: Vec<_> =
        records.iter().cloned().map(|record| KeyRecord { revoked: true, ..record }).collect();
    // Each would take every key away, if it were believed.
    let policy = vectors::policy("default");
    let newer = snapshot_of(2, &policy, &revoked, &[], now);
    let older = snapshot_of(0, &policy, &revoked, &[], now);
    let expired = snapshot_of(2, &policy, &revoked, &[], UnixMillis(now.0 - LIFETIME));
    let (seal, content) = newer.split_once('\n').unwrap();
    let mut envelope: serde_json::Value = serde_json::from_str(seal).unwrap();
    envelope["signatures"] = serde_json::json!([]);
    let unsigned = format!("{envelope}\n{content}");
    let stranger = SnapshotSigner::new(&[9; 32]).public().id();
    let foreign_key = newer.replace(&SnapshotSigner::new(&[0x51; 32]).public().id(), &stranger);
    let altered = newer.replacen("\"revoked\":true", "\"revoked\":false", 1);
    let cut = newer[..newer.len() / 2].to_owned();
    for (what, said, text) in [
        ("an unsigned one", "not signed", unsigned),
        ("one of another key", "not signed", foreign_key),
        ("an altered one", "not what was signed", altered),
        ("half of one", "not what was signed", cut),
        ("an older one", "older", older),
        ("an expired one", "expired", expired),
        ("no snapshot", "malformed", "hello".to_owned()),
    ] {
        let ignored = envoy.stat("wasmcustom.lunette.snapshot.ignored").await;
        source.tamper(Some(text), |_| {});
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(ask(&envoy, &good).await, (200, "ok".to_owned()), "{what}");
        let counted = envoy.stat("wasmcustom.lunette.snapshot.ignored").await;
        assert!(counted > ignored, "{what} is not counted");
        let log = envoy.log();
        assert!(log.contains("snapshot ignored") && log.contains(said), "{what}: {log}");
    }
    source.tamper(None, |statement| statement.audience = "others".to_owned());
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ask(&envoy, &good).await.0, 200, "one for others");
    assert!(envoy.log().contains("it is for audience"), "{}", envoy.log());

    source.tamper(Some(newer), |_| {});
    assert!(until(&envoy, &good, "invalid-key").await < ARRIVAL, "the real one");
}

#[tokio::test]
async fn a_gate_that_hears_nothing_serves_until_its_snapshot_expires() {
    let source = Source::of_vectors("default").await;
    source.good_for(4_000);
    let Followed { source, upstream, envoy } = followed(source).await;
    let good = named("a PNG").request();
    until(&envoy, &good, "ok").await;
    source.tamper(Some(String::new()), |_| {});
    assert_eq!(ask(&envoy, &good).await.0, 200, "it is still good");
    let stale = until(&envoy, &good, "policy-stale").await;
    assert!(stale > Duration::from_secs(1), "stale after {stale:?}");
    let answer = envoy.send(&good, usize::MAX).await.unwrap();
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let seen = upstream.count();
    assert_eq!(ask(&envoy, &good).await, (503, "policy-stale".to_owned()));
    assert_eq!(upstream.count(), seen, "the upstream saw nothing of it");
    source.tamper(None, |_| {});
    assert!(until(&envoy, &good, "ok").await < ARRIVAL, "it hears again");
}

#[tokio::test]
async fn a_gate_that_was_never_told_refuses_everything() {
    let source = Source::of_vectors("default").await;
    source.tamper(Some("nothing".to_owned()), |_| {});
    let Followed { source, upstream, envoy } = followed(source).await;
    let good = named("a PNG").request();
    for _ in 0..20 {
        assert_eq!(ask(&envoy, &good).await, (503, "policy-unavailable".to_owned()));
    }
    assert_eq!(upstream.count(), 0);
    source.tamper(None, |_| {});
    assert!(until(&envoy, &good, "ok").await < ARRIVAL, "once it is told, it serves");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_counted_and_harms_no_vm() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let operator = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").await;
        }
    });
    let upstream = Recorder::default();
    let nodes = vec![NodeAt { address: upstream.serve(None).await, operator: Some(operator) }];
    let envoy = Envoy::start(Options { nodes, ..Options::told(Told::Pull) }).await;
    tokio::time::sleep(A_WHILE).await;
    assert!(envoy.stat("wasmcustom.lunette.snapshot.unreachable").await > 0, "{}", envoy.log());
    assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
    let answer = ask(&envoy, &named("a PNG").request()).await;
    assert_eq!(answer, (503, "policy-unavailable".to_owned()));
    assert_eq!(upstream.count(), 0);
}
