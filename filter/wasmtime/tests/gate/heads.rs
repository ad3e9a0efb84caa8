//! Heads: what the filter sees, what it may change, and how it answers.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use filter_wasmtime::{GateOptions, Outcome, Peer, Secret, SharedSource};

use crate::support::{
    Upstream, answer, gate, gate_with, options, request, send, send_whole, start, whole,
};

#[tokio::test]
async fn a_released_request_reaches_the_inner_service_with_the_filters_changes() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let reply =
        send_whole(&gate, &upstream, &[("x-secret", "k"), ("x-a", "1"), ("host", "h")], "").await;
    reply.assert_passed();

    let seen = upstream.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target, "/v1/x?q=%2f");
    assert!(!seen[0].headers.contains_key("x-secret"));
    assert_eq!(seen[0].headers["x-permit"], "p1");
    assert_eq!(seen[0].headers["x-a"], "1");
    assert_eq!(seen[0].headers["host"], "h");
}

#[tokio::test]
async fn the_response_passes_with_the_filters_changes_to_its_head() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let reply = send_whole(&gate, &upstream, &[], "").await;
    reply.assert_passed();
    assert!(!reply.headers.contains_key("lunette-verdict"));
    assert_eq!(reply.headers["x-gate"], "passed");
    assert_eq!(reply.headers["x-a"], "1");
    assert_eq!(reply.text(), "done");
    assert_eq!(reply.verdict.code(), None);
}

#[tokio::test]
async fn a_refusal_at_the_head_is_the_filters_own_and_the_inner_service_sees_nothing() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[], "body.").await.assert_passed();
    let reply = send_whole(&gate, &upstream, &[("x-head", "r")], "body.").await;
    reply.assert_refused_by_filter();
    assert_eq!(upstream.seen().len(), 1);
    let stats = gate.stats();
    assert_eq!((stats.requests, stats.released, stats.rejected), (2, 1, 1));
    assert_eq!((stats.unavailable, stats.live_contexts), (0, 0));
}

#[tokio::test]
async fn a_refusal_at_the_response_replaces_it() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[("x-reply", "r")], "").await.assert_refused_by_filter();
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_filter_that_pauses_without_a_body_or_at_the_response_has_not_decided() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[("x-head", "p")], "").await.assert_unavailable();
    assert!(upstream.seen().is_empty());
    send_whole(&gate, &upstream, &[("x-reply", "p")], "").await.assert_unavailable();
    assert_eq!(gate.stats().traps, 0);
}

#[tokio::test]
async fn a_filter_that_resumes_within_the_callback_continues() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[("x-head", "u")], "").await.assert_passed();
}

#[tokio::test]
async fn a_filter_that_resumes_anywhere_else_opens_nothing() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let early = [("x-create", "u"), ("x-head", "p")];
    send_whole(&gate, &upstream, &early, "").await.assert_unavailable();
    assert!(upstream.seen().is_empty());
    // `u` resumes the request; the response stays paused.
    send_whole(&gate, &upstream, &[("x-reply", "u")], "").await.assert_unavailable();
}

#[tokio::test]
async fn a_filter_that_closes_the_stream_is_a_503_and_fails_nobody_else() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[("x-head", "x")], "").await.assert_unavailable();
    assert!(upstream.seen().is_empty());
    assert_eq!(gate.stats().rebuilds, 0);
}

#[tokio::test]
async fn the_filter_cannot_change_the_path_break_a_header_or_touch_the_body() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, &[("x-head", "h")], "abc.").await.assert_passed();
    assert_eq!(upstream.seen()[0].target, "/v1/x?q=%2f");
    assert_eq!(upstream.seen()[0].body, b"abc.");
}

#[tokio::test]
async fn the_filter_cannot_reach_one_request_from_the_callback_of_another() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, first) = start(&gate, &upstream, &[("x-head", "p")]).await;
    send_whole(&gate, &upstream, &[("x-head", "o")], "").await.assert_passed();
    client.end().await;
    answer(first).await.assert_passed();
}

#[tokio::test]
async fn the_filter_sees_the_peer_and_its_notes_become_the_verdict() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let peer: SocketAddr = "192.0.2.7:4711".parse().expect("an address");
    let request = request(&[]).extension(Peer(peer)).body(whole("")).expect("a request");
    let reply = send(&gate, &upstream, request).await;
    assert_eq!(reply.verdict.outcome, Outcome::Passed);
    assert_eq!(reply.verdict.note("peer"), Some("192.0.2.7:4711"));
}

#[tokio::test]
async fn shared_data_is_read_and_never_written_and_the_environment_is_the_given_one() {
    struct Answer;
    impl SharedSource for Answer {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
            (key == b"answer").then(|| (b"42".to_vec(), NonZeroU32::MIN))
        }
    }
    let gate = gate_with(GateOptions {
        shared: Arc::new(Answer),
        environment: vec![("GATE_KEY".into(), Secret::from("s3cret".to_owned()))],
        ..options(1)
    });
    let upstream = Upstream::default();
    let reply = send_whole(&gate, &upstream, &[("x-head", "d")], "").await;
    assert_eq!(reply.verdict.note("data"), Some("42"));
    let reply = send_whole(&gate, &upstream, &[("x-head", "e")], "").await;
    assert_eq!(reply.verdict.note("environment"), Some("GATE_KEY=s3cret\0"));
}
