//! Many requests at once and one after the other: nothing is mixed up and nothing stays behind.

use futures_util::future::join_all;

use crate::support::{Upstream, answer, gate, send_whole, settle, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_concurrent_requests_share_two_vms() {
    let (gate, upstream) = (gate(2), Upstream::default());
    let requests = (0..1000).map(|number| {
        let (gate, upstream) = (gate.clone(), upstream.clone());
        tokio::spawn(async move {
            let refuse = number % 4 == 0;
            let body = format!("{number}{}", if refuse { "r" } else { "." });
            let (client, reply) = start(&gate, &upstream, &[("x-head", "p")]).await;
            client.send("p").await;
            client.send(body).await;
            client.end().await;
            let reply = answer(reply).await;
            if refuse { reply.assert_refused_by_filter() } else { reply.assert_passed() }
        })
    });
    for request in join_all(requests).await {
        request.expect("as expected");
    }

    let mut bodies: Vec<_> = upstream.seen().into_iter().map(|seen| seen.body).collect();
    let mut expected: Vec<_> = (0..1000)
        .filter(|number| number % 4 != 0)
        .map(|number| format!("p{number}.").into_bytes())
        .collect();
    bodies.sort();
    expected.sort();
    assert_eq!(bodies, expected);
    let stats = gate.stats();
    assert_eq!((stats.requests, stats.released, stats.rejected), (1000, 750, 250));
    assert_eq!((stats.live_contexts, stats.rebuilds), (0, 0));
}

#[tokio::test]
async fn ten_thousand_requests_leave_no_context_behind_cancelled_ones_neither() {
    let (gate, upstream) = (gate(1), Upstream::default());
    for round in 0..2000 {
        send_whole(&gate, &upstream, &[], "passes.").await.assert_passed();
        send_whole(&gate, &upstream, &[("x-head", "r")], "refused.").await;
        send_whole(&gate, &upstream, &[("x-head", "p")], "refused while held r").await;
        for headers in [&[("x-head", "p")][..], &[]] {
            let (client, reply) = start(&gate, &upstream, headers).await;
            client.send("cancelled p").await;
            assert_eq!(gate.stats().live_contexts, 1, "round {round}");
            reply.abort();
            settle().await;
        }
    }
    let stats = gate.stats();
    assert_eq!((stats.requests, stats.live_contexts, stats.rebuilds), (10_000, 0, 0));
    // The filter counts for itself: only this request lives.
    let reply = send_whole(&gate, &upstream, &[("x-head", "n")], "").await;
    assert_eq!(reply.verdict.note("live"), Some("1"));
}
