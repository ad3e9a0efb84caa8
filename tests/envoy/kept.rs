//! Connections of HTTP/1.1 that go on after a refusal, and refusals whose body never comes.

use std::time::Duration;

use conformance::client;
use conformance::envoy::Envoy;
use conformance::vectors::{Request, named};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::upstream::Upstream;
use crate::{before, default_policy, good, problem, send};

/// More than the refusals that wait in one VM.
const CROWD: usize = 1200;
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
}

#[tokio::test]
async fn a_crowd_whose_bodies_do_not_come_is_answered_and_may_leave() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    // These leave while their refusals wait.
    for _ in 0..20 {
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
}
