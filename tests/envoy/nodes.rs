//! Several nodes behind one gate: which of them is asked, and what becomes of a request when one fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::envoy::{Envoy, GATE, NodeAt, Options, Told};
use conformance::node::{Home, Node};
use conformance::vectors::Request;

use crate::upstream::{Told as Answers, Upstream};
use crate::{default_policy, good, problem, send};

/// Both with health checks, on the same listener.
async fn before_two(first: &Upstream, second: &Upstream) -> Envoy {
    let at = |upstream: &Upstream| NodeAt {
        address: upstream.address,
        operator: Some(upstream.address),
    };
    let nodes = vec![at(first), at(second)];
    Envoy::start(Options { nodes, ..Options::told(default_policy()) }).await
}

/// Waits until so many nodes are healthy.
pub(crate) async fn healthy(envoy: &Envoy, count: u64) {
    for _ in 0..200 {
        if envoy.stat("cluster.node.membership_healthy").await == count {
            // Workers learn it a moment later.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there never were {count} healthy nodes:\n{}", envoy.admin_text("/clusters").await);
}

#[tokio::test]
async fn a_node_that_says_it_is_not_ready_is_not_asked() {
    let (first, second) = (Upstream::plain().await, Upstream::plain().await);
    let envoy = before_two(&first, &second).await;
    healthy(&envoy, 2).await;
    first.tell(Answers::Failed);
    healthy(&envoy, 1).await;
    let asked = first.count();
    for _ in 0..20 {
        let answer = send(&envoy, &good()).await;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", envoy.admin_text("/clusters").await);
    }
    assert_eq!(first.count(), asked);
    first.tell(Answers::Done);
    healthy(&envoy, 2).await;
}

#[tokio::test]
async fn a_node_that_is_gone_is_put_aside_and_nobody_notices() {
    let (first, second) = (Upstream::plain().await, Upstream::plain().await);
    // Nobody asks for their health, so only what becomes of requests tells.
    let nodes = vec![NodeAt::new(first.address), NodeAt::new(second.address)];
    let envoy = Envoy::start(Options { nodes, ..Options::told(default_policy()) }).await;
    drop(first);
    for _ in 0..30 {
        assert_eq!(send(&envoy, &good()).await.status, 200);
    }
    assert_eq!(second.count(), 30);
    assert_eq!(envoy.stat("cluster.node.outlier_detection.ejections_active").await, 1);
}

#[tokio::test]
async fn what_a_node_says_it_did_not_begin_goes_to_another_and_nothing_else_does() {
    let (first, second) = (Upstream::plain().await, Upstream::plain().await);
    let nodes = vec![NodeAt::new(first.address), NodeAt::new(second.address)];
    let envoy = Envoy::start(Options { nodes, ..Options::told(default_policy()) }).await;
    first.tell(Answers::Refund);
    for _ in 0..20 {
        assert_eq!(send(&envoy, &good()).await.status, 200);
    }
    assert_eq!(second.count(), 20);
    assert!(first.count() > 0, "the first was asked too");

    first.tell(Answers::Failed);
    let asked = first.count() + second.count();
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(send(&envoy, &good()).await.status == 503);
    }
    assert!(failed > 0, "the first was asked too");
    assert_eq!(first.count() + second.count(), asked + 20, "each was sent once");
}

/// How many clients ask at once.
const LOADS: usize = 4;

/// Two real nodes with one folder, as on one machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_under_load_costs_no_request_an_answer_twice() {
    let home = Home::default();
    let key = home.new_key();
    let (first, second) = (real_node(&home).await, real_node(&home).await);
    let envoy = Arc::new(before_real(&home, &[&first, &second]).await);
    let request = || upload(&key);
    until(&envoy, &key, 200).await;

    let loading = Arc::new(AtomicBool::new(true));
    let load: Vec<_> = (0..LOADS)
        .map(|_| {
            let (envoy, loading, request) = (Arc::clone(&envoy), Arc::clone(&loading), request());
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while loading.load(Ordering::Relaxed) {
                    answers.push(send(&envoy, &request).await);
                }
                answers
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // `Child::kill` is SIGKILL.
    drop(first);
    healthy(&envoy, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    loading.store(false, Ordering::Relaxed);

    until(&envoy, &key, 200).await;

    let (mut ids, mut lost) = (BTreeSet::new(), 0);
    for load in load {
        let answers = load.await.expect("answers");
        for answer in answers {
            let id = answer.header("x-request-id").expect("an id").to_owned();
            assert!(ids.insert(id), "two answers to one request");
            if answer.status != 200 {
                // A node that is busy may say so.
                let busy = ["overloaded", "queue-timeout", "node-timeout"];
                let (_, code) = problem(&answer);
                lost += usize::from(!busy.contains(&code.as_str()));
            }
        }
    }
    assert!(lost <= LOADS, "{lost} were lost, and so many were under way: {LOADS}");
    // What a node had begun was not sent to another.
    let broken =
        |line: &serde_json::Value| line["flags"].as_str().is_some_and(|f| f.contains("UC"));
    for line in envoy.access_lines().iter().filter(|line| broken(line)) {
        assert_eq!(line["attempts"], 1, "{line}");
    }
    assert_eq!(envoy.stat("cluster.node.membership_healthy").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_is_known_within_five_seconds() {
    let home = Home::default();
    let node = real_node(&home).await;
    let first = home.new_key();
    let envoy = before_real(&home, &[&node]).await;
    until(&envoy, &first, 200).await;

    // Refused and remembered while it does not exist.
    let other = home.new_key();
    let id = other.split('_').nth(2).expect("an id");
    home.json(&["keys", "revoke", id]);
    until(&envoy, &other, 401).await;
    let second = home.new_key();
    until(&envoy, &second, 200).await;

    let id = first.split('_').nth(2).expect("an id");
    home.json(&["keys", "revoke", id]);
    until(&envoy, &first, 401).await;
    assert_eq!(send(&envoy, &upload(&second)).await.status, 200);

    // What the gate was told holds on when the node is gone. The 401 may have been the node's own, which knows at once;
    // the gate asks every second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(node);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(problem(&send(&envoy, &upload(&second)).await), (503, "node-unavailable".into()));
    assert_eq!(problem(&send(&envoy, &upload(&first)).await), (401, "invalid-key".into()));
    assert!(envoy.stat("wasmcustom.lunette.snapshot.unreachable").await > 0);
}

/// A real node, for permits of this gate.
async fn real_node(home: &Home) -> Node {
    let arguments = ["--gate", "external", "--gates", GATE, "--policy", &home.policy()];
    Node::start(home, &arguments).await
}

/// An Envoy that asks these nodes for its snapshot.
async fn before_real(home: &Home, nodes: &[&Node]) -> Envoy {
    with_secrets(secrets(home, &[]), nodes).await
}

/// What `lunette gates secrets` prints for the gate.
pub(crate) fn secrets(home: &Home, more: &[&str]) -> Vec<(String, String)> {
    let secrets = home.json(&[&["gates", "secrets", "--gate", GATE], more].concat());
    let secrets = secrets.as_object().expect("an object").iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    secrets.collect()
}

/// An Envoy with these secrets that asks these nodes for its snapshot.
pub(crate) async fn with_secrets(secrets: Vec<(String, String)>, nodes: &[&Node]) -> Envoy {
    let at = |node: &&Node| NodeAt { address: node.address, operator: Some(node.operator) };
    Envoy::start(Options {
        nodes: nodes.iter().map(at).collect(),
        audience: "lunette".to_owned(),
        secrets,
        ..Options::told(Told::Pull)
    })
    .await
}

/// Waits until a request with this key gets this answer, 5 seconds at most before it is sent: how long
/// the model takes is another matter.
pub(crate) async fn until(envoy: &Envoy, key: &str, status: u16) {
    let began = std::time::Instant::now();
    loop {
        let late = began.elapsed() > Duration::from_secs(5);
        let answer = send(envoy, &upload(key)).await;
        if answer.status == status {
            return;
        }
        assert!(!late, "{answer:?}\n{}", envoy.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn upload(key: &str) -> Request {
    let mut request = good();
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    request.headers.push(("Authorization".to_owned(), format!("Bearer {key}")));
    request
}
