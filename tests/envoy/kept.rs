//! Connections of HTTP/1.1 that go on after a refusal, and refusals that wait for a body.

use std::time::Duration;

use conformance::client;
use conformance::envoy::{Envoy, Options};
use conformance::vectors::{Request, named};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::upstream::Upstream;
use crate::{before, default_policy, good, options, problem, send, trap};

/// More than the refusals that wait in one VM.
const CROWD: usize = 300;
/// Those who leave while their refusals wait.
const LEAVERS: usize = 20;
/// Far more than a refusal waits for.
const PATIENCE: Duration = Duration::from_secs(5);

fn junk() -> Request {
    named("an unknown key").request()
}

/// A connection that has sent a head, and nothing of the body that it speaks of.
async fn head_alone(envoy: &Envoy) -> TlsStream<TcpStream> {
    let mut stream = envoy.connect(None).await.expect("a connection");
    send_head(&mut stream).await;
    stream
}

async fn send_head(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(&client::head_bytes(&junk())).await.expect("a head");
    stream.flush().await.expect("all of it");
}

/// The lines of the log that say that the key is unknown.
async fn logged_refusals(envoy: &Envoy) -> Vec<Value> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut lines = envoy.access_lines();
    lines.retain(|line| line["verdict"] == "refused" && line["reason"] == "key-unknown");
    lines
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_of_a_short_upload() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let mut stream = envoy.connect(None).await.expect("a connection");
    for piece in [usize::MAX, 1000, 7] {
        let refused = client::send_on(&mut stream, &junk(), piece).await.expect("an answer");
        assert_eq!(problem(&refused), (401, "invalid-key".into()));
        assert_eq!(refused.header("connection"), None);
    }
    let served = client::send_on(&mut stream, &good(), usize::MAX).await.expect("an answer");
    assert_eq!(served.status, 200);
    assert_eq!(upstream.count(), 1, "the upstream saw what was served alone");
    assert_eq!(logged_refusals(&envoy).await.len(), 3);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_a_body_that_does_not_come() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let mut stream = head_alone(&envoy).await;
    let answer = tokio::time::timeout(PATIENCE, client::read_answer(&mut stream)).await;
    let answer = answer.expect("in time").expect("an answer");
    assert_eq!(problem(&answer), (401, "invalid-key".into()));
    assert_eq!(answer.header("connection"), Some("close"), "the rest would be taken for a request");
    assert_eq!(upstream.count(), 0);
    let lines = logged_refusals(&envoy).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["milliseconds"].as_u64() >= Some(90), "it waited for the body: {}", lines[0]);
}

#[tokio::test]
async fn a_crowd_whose_bodies_do_not_come_is_answered_and_may_leave() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    for _ in 0..LEAVERS {
        drop(head_alone(&envoy).await);
    }
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(envoy.connect(None).await.expect("a connection"));
    }
    for stream in &mut crowd {
        send_head(stream).await;
    }
    for stream in &mut crowd {
        let answer = tokio::time::timeout(PATIENCE, client::read_answer(stream)).await;
        let answer = answer.expect("in time").expect("an answer");
        assert_eq!(problem(&answer), (401, "invalid-key".into()));
    }
    assert_eq!(send(&envoy, &good()).await.status, 200);
    assert_eq!(upstream.count(), 1);
    let answered = envoy.stat("http.https.downstream_rq_4xx").await;
    assert_eq!(answered, CROWD as u64, "who has left is not answered");
    assert_eq!(logged_refusals(&envoy).await.len(), CROWD + LEAVERS);
}

#[tokio::test]
async fn a_refusal_that_waits_in_a_vm_that_traps_is_a_problem_too() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let module = trap::module_that_traps_on_trailers(folder.path());
    let upstream = Upstream::plain().await;
    let envoy = Envoy::start(Options { module, ..options(&upstream, default_policy()) }).await;
    // The time to trap may have run out before it does.
    for _ in 0..10 {
        let mut stream = head_alone(&envoy).await;
        let trapped = trap::send_with_trailers(&envoy, &good()).await;
        assert_eq!(problem(&trapped), (503, "gate-unavailable".into()));
        stream.write_all(&junk().body).await.expect("a body");
        stream.flush().await.expect("all of it");
        let answer = client::read_answer(&mut stream).await.expect("an answer");
        match problem(&answer) {
            (503, code) => return assert_eq!(code, "gate-unavailable"),
            (status, code) => assert_eq!((status, code.as_str()), (401, "invalid-key")),
        }
        while send(&envoy, &good()).await.status != 200 {}
    }
    panic!("no refusal waited when the VM trapped");
}
