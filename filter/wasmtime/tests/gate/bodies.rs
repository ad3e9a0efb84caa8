//! Bodies: held, released chunk by chunk, and stopped before the inner service sees what is wrong.

use std::time::Duration;

use filter_wasmtime::{Abort, GateOptions};

use crate::support::{
    Seen, Upstream, answer, gate, gate_with, options, read, request, respond, send_whole, settle,
    start, whole,
};

const HOLD: &[(&str, &str)] = &[("x-head", "p")];

#[tokio::test]
async fn while_the_filter_pauses_the_body_grows_in_its_sight_and_the_inner_service_sees_nothing() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send("one p").await;
    client.send("two S").await;
    assert!(upstream.arrived().is_empty());
    assert_eq!(gate.stats().released, 0);

    client.send("three.").await;
    assert_eq!(upstream.arrived(), b"one ptwo Sthree.");
    client.send("four s").await;
    client.end().await;

    let reply = answer(reply).await;
    reply.assert_passed();
    assert_eq!(reply.verdict.note("seen"), Some("four s"), "once released, only the new chunk");
    let seen = upstream.seen();
    assert_eq!((seen[0].body.as_slice(), seen[0].end), (&b"one ptwo Sthree.four s"[..], Ok(())));
}

#[tokio::test]
async fn the_filter_sees_all_that_is_held() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send("one p").await;
    client.send("two s").await;
    client.end().await;
    assert_eq!(answer(reply).await.verdict.note("seen"), Some("one ptwo s"));
}

#[tokio::test]
async fn changes_made_while_the_head_is_held_reach_the_inner_service_and_later_ones_do_not() {
    let (gate, upstream) = (gate(1), Upstream::default());
    send_whole(&gate, &upstream, HOLD, "released.").await.assert_passed();
    send_whole(&gate, &upstream, &[], "passing.").await.assert_passed();
    let seen = upstream.seen();
    assert_eq!(seen[0].headers["x-resumed"], "yes");
    assert!(!seen[1].headers.contains_key("x-resumed"));
}

#[tokio::test]
async fn a_refusal_while_held_reaches_the_client_and_nothing_reaches_the_inner_service() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send("held p").await;
    client.send("bad r").await;
    answer(reply).await.assert_refused_by_filter();
    assert!(upstream.seen().is_empty() && upstream.arrived().is_empty());
    assert_eq!((gate.stats().released, gate.stats().live_contexts), (0, 0));
}

#[tokio::test]
async fn a_refusal_after_release_aborts_the_body_before_the_bad_chunk_and_replaces_the_answer() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send("good.").await;
    client.send("bad r").await;
    answer(reply).await.assert_refused_by_filter();
    let seen = upstream.seen();
    assert_eq!((seen[0].body.as_slice(), seen[0].end), (&b"good."[..], Err(Abort::Refused)));
    let stats = gate.stats();
    assert_eq!((stats.released, stats.rejected, stats.live_contexts), (1, 1, 0));
}

#[tokio::test]
async fn the_last_declared_byte_is_judged_before_it_is_released() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let reply = send_whole(&gate, &upstream, &[("content-length", "6")], "last r").await;
    reply.assert_refused_by_filter();
    assert_eq!(upstream.arrived(), b"", "a complete request must not have left");
    assert_eq!(upstream.seen()[0].end, Err(Abort::Refused));
}

#[tokio::test]
async fn a_refusal_in_the_empty_last_callback_is_an_abort_and_never_a_clean_end() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, &[("x-end", "r")]).await;
    client.send("all there is.").await;
    client.end().await;
    answer(reply).await.assert_refused_by_filter();
    assert_eq!(upstream.seen()[0].end, Err(Abort::Refused));
}

#[tokio::test]
async fn a_refusal_while_the_answer_streams_breaks_the_answer_off() {
    let (gate, upstream) = (gate(1), Upstream::echoing());
    let (client, reply) = start(&gate, &upstream, &[]).await;
    client.send("good.").await;
    client.send("bad r").await;
    let reply = answer(reply).await;
    assert_eq!(reply.status, 200, "the head had left");
    assert!(reply.body.is_err());
    assert_eq!(gate.stats().live_contexts, 0);
}

#[tokio::test]
async fn a_filter_that_pauses_after_release_holds_only_what_it_has_not_let_go() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, &[]).await;
    client.send("a.").await;
    client.send("bp").await;
    assert_eq!(upstream.arrived(), b"a.");
    client.send("c.").await;
    assert_eq!(upstream.arrived(), b"a.bpc.");
    client.end().await;
    answer(reply).await.assert_passed();
}

#[tokio::test]
async fn a_filter_that_holds_to_the_end_without_an_answer_is_a_503() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let (client, reply) = start(&gate, &upstream, &[("x-head", "p"), ("x-end", "p")]).await;
    client.send("held p").await;
    client.end().await;
    answer(reply).await.assert_unavailable();
    assert!(upstream.seen().is_empty());
    assert_eq!(gate.stats().traps, 0);
}

#[tokio::test]
async fn every_cut_of_a_body_reaches_the_inner_service_as_the_same_bytes() {
    let (gate, upstream) = (gate(2), Upstream::default());
    let body: Vec<u8> = (0..400_u32).flat_map(|n| [n.to_le_bytes()[0] | 0x80, b'.']).collect();
    for cut in [1, 2, 3, 7, 64, 799, 800] {
        let (client, reply) = start(&gate, &upstream, HOLD).await;
        for chunk in body.chunks(cut) {
            client.send(chunk.to_vec()).await;
        }
        client.end().await;
        answer(reply).await.assert_passed();
    }
    assert!(upstream.seen().iter().all(|seen| seen.body == body && seen.end == Ok(())));
    assert_eq!(upstream.seen().len(), 7);
}

#[tokio::test]
async fn a_huge_frame_is_shown_to_the_filter_in_bounded_chunks() {
    let (gate, upstream) = (gate(1), Upstream::default());
    let mut body = vec![b'.'; 5 << 20];
    // Only a chunk of at most 64 KiB can have this as its last byte.
    body[(64 << 10) - 1] = b'r';
    send_whole(&gate, &upstream, HOLD, body.clone()).await.assert_refused_by_filter();
    body[(64 << 10) - 1] = b'.';
    send_whole(&gate, &upstream, HOLD, body.clone()).await.assert_passed();
    assert_eq!(upstream.seen()[0].body.len(), body.len());
}

#[tokio::test]
async fn more_than_the_held_limit_is_413() {
    let (gate, upstream) =
        (gate_with(GateOptions { held_bytes: 1000, ..options(1) }), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send([&[b'.'; 999][..], b"p"].concat()).await;
    assert!(!reply.is_finished(), "the limit itself may be held");
    client.send("p").await;
    answer(reply).await.assert_problem(Abort::HeldTooLong, 413, "held-body-too-long");
    assert!(upstream.seen().is_empty());
    assert_eq!((gate.stats().refused, gate.stats().live_contexts), (1, 0));
}

#[tokio::test]
async fn the_chunk_beyond_the_held_limit_may_still_bring_the_decision() {
    let (gate, upstream) =
        (gate_with(GateOptions { held_bytes: 1000, ..options(1) }), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send([&[b'.'; 999][..], b"p"].concat()).await;
    client.send("go.").await;
    client.end().await;
    answer(reply).await.assert_passed();
}

#[tokio::test]
async fn trailers_are_refused_held_or_released() {
    let (gate, upstream) = (gate(1), Upstream::default());
    for headers in [HOLD, &[]] {
        let (client, reply) = start(&gate, &upstream, headers).await;
        client.send("one p").await;
        client.trailers().await;
        answer(reply).await.assert_problem(Abort::Trailers, 400, "trailers-not-accepted");
    }
    let ends: Vec<_> = upstream.seen().iter().map(|seen| seen.end).collect();
    assert_eq!(ends, [Err(Abort::Trailers)], "held: nothing; released: an abort");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_a_clean_end() {
    let (gate, upstream) = (gate(1), Upstream::default());
    for headers in [HOLD, &[]] {
        let (client, reply) = start(&gate, &upstream, headers).await;
        client.send("one p").await;
        client.break_off().await;
        answer(reply).await.assert_problem(Abort::Unreadable, 400, "body-unreadable");
    }
    assert_eq!(upstream.seen().len(), 1);
    assert_eq!(upstream.seen()[0].end, Err(Abort::Unreadable));
}

fn impatient() -> GateOptions {
    let (body_idle, body_deadline) = (Duration::from_millis(100), Duration::from_millis(400));
    GateOptions { body_idle, body_deadline, ..options(1) }
}

#[tokio::test]
async fn a_client_that_falls_silent_is_408_while_held() {
    let (gate, upstream) = (gate_with(impatient()), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    client.send("one p").await;
    answer(reply).await.assert_problem(Abort::TimedOut, 408, "request-timeout");
    assert!(upstream.seen().is_empty());
    drop(client);
}

#[tokio::test]
async fn a_client_that_falls_silent_after_release_aborts_the_body_and_is_408() {
    let (gate, upstream) = (gate_with(impatient()), Upstream::default());
    let (client, reply) = start(&gate, &upstream, &[]).await;
    client.send("one.").await;
    answer(reply).await.assert_problem(Abort::TimedOut, 408, "request-timeout");
    assert_eq!(upstream.seen()[0].end, Err(Abort::TimedOut));
    drop(client);
}

#[tokio::test]
async fn a_client_that_trickles_is_408_at_the_deadline() {
    let (gate, upstream) = (gate_with(impatient()), Upstream::default());
    let (client, reply) = start(&gate, &upstream, HOLD).await;
    while !reply.is_finished() {
        client.send("p").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    answer(reply).await.assert_problem(Abort::TimedOut, 408, "request-timeout");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_slow_inner_service_is_not_the_clients_fault() {
    let gate = gate_with(impatient());
    let upstream = Upstream::echoing();
    let request = request(&[]).body(whole(".".repeat(200_000))).expect("a request");
    let response = respond(&gate, &upstream, request).await;
    // Longer than the client may be silent; nobody reads the body meanwhile.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(read(response).await.text().len(), 200_000);
}

#[tokio::test]
async fn a_cancelled_request_is_an_abort_upstream_and_leaves_no_context() {
    let (gate, upstream) = (gate(1), Upstream::default());
    for (headers, chunk) in [(HOLD, "held p"), (&[][..], "released.")] {
        let (client, reply) = start(&gate, &upstream, headers).await;
        client.send(chunk).await;
        assert_eq!(gate.stats().live_contexts, 1);
        reply.abort();
        settle().await;
        assert_eq!(gate.stats().live_contexts, 0);
    }
    let seen: Vec<Seen> = upstream.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].end.is_err());
}
