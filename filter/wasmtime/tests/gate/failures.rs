//! A filter that fails, in each callback and in each way: whoever was bound to its VM is refused,
//! nobody else notices, and the next request is served.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use filter_wasmtime::{Abort, Gate, GateOptions, SharedSource};
use tokio::task::JoinHandle;

use crate::support::{
    Reply, Sender, Upstream, answer, gate, gate_with, options, send_whole, settle, start,
};

/// The ways to fail: trap, loop for ever, take all memory, return nonsense.
const WAYS: [&str; 3] = ["t", "l", "m"];

/// A filter that may fail slowly, and quickly when it loops.
fn fragile(vms: usize) -> Gate {
    gate_with(GateOptions { call_deadline: Duration::from_millis(100), ..options(vms) })
}

/// Two requests under way in one VM: one held, one released.
struct Others {
    held: (Sender, JoinHandle<Reply>),
    released: (Sender, JoinHandle<Reply>),
    upstream: Upstream,
}

impl Others {
    async fn start(gate: &Gate) -> Self {
        let upstream = Upstream::default();
        let held = start(gate, &upstream, &[("x-head", "p")]).await;
        held.0.send("held p").await;
        let released = start(gate, &upstream, &[]).await;
        released.0.send("released.").await;
        assert_eq!(upstream.arrived(), b"released.");
        Self { held, released, upstream }
    }

    /// Both were told 503, and the inner service saw one abort and nothing else.
    async fn assert_refused(self) {
        answer(self.held.1).await.assert_unavailable();
        answer(self.released.1).await.assert_unavailable();
        let seen = self.upstream.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].body.as_slice(), seen[0].end),
            (&b"released."[..], Err(Abort::Unavailable))
        );
    }
}

/// Fails one request in one callback while others are under way, and returns its answer.
async fn fail_among_others(headers: &[(&str, &str)], body: &'static str) -> (Reply, Upstream) {
    let (gate, upstream) = (fragile(1), Upstream::default());
    let others = Others::start(&gate).await;
    let reply = send_whole(&gate, &upstream, headers, body).await;
    others.assert_refused().await;

    let stats = gate.stats();
    assert_eq!((stats.rebuilds, stats.serving_vms, stats.live_contexts), (1, 1, 0));
    assert_eq!(stats.traps + stats.deadlines + stats.out_of_memory, 1);
    send_whole(&gate, &Upstream::default(), &[], "next.").await.assert_passed();
    (reply, upstream)
}

#[tokio::test]
async fn a_failure_at_the_head_is_a_503_and_the_inner_service_sees_nothing() {
    for callback in ["x-create", "x-head"] {
        for way in WAYS {
            let (reply, upstream) = fail_among_others(&[(callback, way)], "body").await;
            reply.assert_unavailable();
            assert!(upstream.seen().is_empty(), "{callback} {way}");
        }
    }
}

#[tokio::test]
async fn a_failure_while_the_body_is_held_is_a_503_and_the_inner_service_sees_nothing() {
    for body in ["held t", "held l", "held m"] {
        let (reply, upstream) = fail_among_others(&[("x-head", "p")], body).await;
        reply.assert_unavailable();
        assert!(upstream.seen().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_failure_in_a_released_body_aborts_it_before_the_chunk_in_question() {
    for body in ["then t", "then l", "then m"] {
        let (reply, upstream) = fail_among_others(&[], body).await;
        reply.assert_unavailable();
        let seen = upstream.seen();
        assert_eq!((seen[0].body.as_slice(), seen[0].end), (&b""[..], Err(Abort::Unavailable)));
    }
}

#[tokio::test]
async fn a_failure_at_the_response_replaces_it_with_a_503() {
    for way in WAYS {
        let (reply, upstream) = fail_among_others(&[("x-reply", way)], "body").await;
        reply.assert_unavailable();
        assert_eq!(upstream.seen()[0].end, Ok(()));
    }
}

#[tokio::test]
async fn a_failure_after_the_answer_does_not_change_it() {
    for callback in ["x-done", "x-log", "x-delete"] {
        for way in WAYS {
            let (reply, _) = fail_among_others(&[(callback, way)], "body").await;
            reply.assert_passed();
            assert_eq!(reply.text(), "done", "{callback} {way}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_abi_does_not_have_is_a_failure() {
    fail_among_others(&[("x-head", "g")], "").await.0.assert_unavailable();
    fail_among_others(&[("x-head", "p")], "g").await.0.assert_unavailable();
}

#[tokio::test]
async fn a_filter_that_never_finishes_a_request_is_replaced_instead_of_leaking() {
    // `proxy_on_done` answers false, and nothing could finish it later.
    fail_among_others(&[("x-done", "p")], "").await.0.assert_passed();
}

#[tokio::test]
async fn each_way_of_failing_is_counted_by_its_kind() {
    let (gate, upstream) = (fragile(1), Upstream::default());
    for way in WAYS {
        send_whole(&gate, &upstream, &[("x-head", way)], "").await.assert_unavailable();
    }
    let stats = gate.stats();
    assert_eq!((stats.traps, stats.deadlines, stats.out_of_memory), (1, 1, 1));
    assert_eq!((stats.rebuilds, stats.unavailable, stats.released), (3, 3, 0));
}

#[tokio::test]
async fn requests_of_another_vm_do_not_notice() {
    let at_the_head = ["x-create", "x-head", "x-reply", "x-done", "x-log", "x-delete"];
    let at_the_head = at_the_head.map(|callback| (callback, "."));
    let in_the_body = [("x-any", "released ?"), ("x-head", "held ?")];
    for (header, body) in at_the_head.into_iter().chain(in_the_body) {
        for way in WAYS {
            let order = if body == "." { way } else { "p" };
            fail_one_of_two_vms(&[(header, order)], body.replace('?', way)).await;
        }
    }
}

async fn fail_one_of_two_vms(headers: &[(&str, &str)], body: String) {
    let (gate, upstream) = (fragile(2), Upstream::default());
    // The least busy VM takes each request: these two have one each.
    let first = start(&gate, &upstream, &[]).await;
    let second = start(&gate, &upstream, &[]).await;
    first.0.send("one.").await;
    second.0.send("two.").await;
    send_whole(&gate, &Upstream::default(), headers, body.clone()).await;
    settle().await;

    let mut refused = 0;
    for (client, reply) in [first, second] {
        if reply.is_finished() {
            refused += 1;
            answer(reply).await.assert_unavailable();
        } else {
            client.send("and on.").await;
            client.end().await;
            answer(reply).await.assert_passed();
        }
    }
    assert_eq!((refused, gate.stats().rebuilds), (1, 1), "{headers:?} {body}");
    let ends: Vec<_> = upstream.seen().iter().map(|seen| seen.end).collect();
    assert_eq!(ends, [Err(Abort::Unavailable), Ok(())]);
}

#[tokio::test]
async fn a_request_waiting_for_the_inner_service_is_told_at_once() {
    let (gate, upstream) = (gate(1), Upstream::hanging());
    let (client, reply) = start(&gate, &upstream, &[]).await;
    client.send("whole.").await;
    client.end().await;
    assert_eq!(upstream.seen()[0].end, Ok(()), "the inner service works on it");
    send_whole(&gate, &upstream, &[("x-head", "t")], "").await.assert_unavailable();
    answer(reply).await.assert_unavailable();
}

#[tokio::test]
async fn an_answer_under_way_needs_no_vm_unless_its_request_still_does() {
    let (gate, upstream) = (gate(1), Upstream::echoing());
    let whole = start(&gate, &upstream, &[]).await;
    whole.0.send("whole.").await;
    whole.0.end().await;
    assert_eq!(answer(whole.1).await.text(), "whole.");

    let (client, reply) = start(&gate, &upstream, &[]).await;
    client.send("part.").await;
    send_whole(&gate, &upstream, &[("x-head", "t")], "").await.assert_unavailable();
    let reply = answer(reply).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.is_err(), "its request body was not judged to the end");
}

#[tokio::test]
async fn other_vms_serve_while_one_loops() {
    let gate = gate_with(GateOptions { call_deadline: Duration::from_secs(2), ..options(2) });
    let looping = {
        let gate = gate.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                send_whole(&gate, &Upstream::default(), &[("x-head", "l")], "").await
            })
        })
    };
    while gate.stats().requests == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..100 {
        send_whole(&gate, &Upstream::default(), &[], "").await.assert_passed();
    }
    assert!(!looping.is_finished(), "nobody waited for the looping VM");
    looping.join().expect("no panic").assert_unavailable();
    assert_eq!(gate.stats().deadlines, 1);
}

#[tokio::test]
async fn a_vm_that_cannot_be_rebuilt_stays_closed_and_comes_back_by_itself() {
    #[derive(Default)]
    struct Broken(AtomicBool);
    impl SharedSource for Broken {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
            let refuse = key == b"refuse to start" && self.0.load(Ordering::Relaxed);
            refuse.then(|| (b"yes".to_vec(), NonZeroU32::MIN))
        }
    }
    let broken = Arc::new(Broken::default());
    let gate = gate_with(GateOptions { shared: Arc::clone(&broken) as _, ..options(1) });
    let upstream = Upstream::default();
    send_whole(&gate, &upstream, &[], "").await.assert_passed();

    broken.0.store(true, Ordering::Relaxed);
    send_whole(&gate, &upstream, &[("x-head", "t")], "").await.assert_unavailable();
    assert_eq!((gate.stats().rebuilds, gate.stats().serving_vms), (0, 0));
    send_whole(&gate, &upstream, &[], "").await.assert_unavailable();

    broken.0.store(false, Ordering::Relaxed);
    send_whole(&gate, &upstream, &[], "").await.assert_unavailable();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    send_whole(&gate, &upstream, &[], "").await.assert_passed();
    assert_eq!((gate.stats().rebuilds, gate.stats().serving_vms), (1, 1));
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_panic_in_the_host_closes_one_vm_for_a_moment_and_not_the_gate() {
    struct Panics;
    impl SharedSource for Panics {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
            assert_ne!(key, b"answer", "a bug of the host");
            None
        }
    }
    let gate = gate_with(GateOptions { shared: Arc::new(Panics), ..options(1) });
    let upstream = Upstream::default();
    let task = {
        let (gate, upstream) = (gate.clone(), upstream.clone());
        tokio::spawn(async move { send_whole(&gate, &upstream, &[("x-head", "d")], "").await })
    };
    assert!(task.await.expect_err("the panic is the task's").is_panic());
    assert!(upstream.seen().is_empty());
    send_whole(&gate, &upstream, &[], "").await.assert_unavailable();
    send_whole(&gate, &upstream, &[], "").await.assert_passed();
}
