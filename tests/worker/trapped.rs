//! A module that traps: it is begun anew, and what it did not judge does not pass.

use std::time::{Duration, Instant};

use conformance::vectors::{Moment, Request, named};
use conformance::workerd::{Options, Source, Workerd};
use futures_util::future::join_all;
use serde_json::json;

use crate::node::Node;
use crate::{send, until};

/// What asks the object of a principal traps; a key alone asks nothing of it.
const OF_PRINCIPALS: &str = "principalobject_fetch";
/// Clients under load.
const CLIENTS: usize = 8;
/// For how long.
const LOAD: Duration = Duration::from_secs(3);

async fn start(traps: &'static str) -> (Workerd, Node, Source) {
    let (source, node) = (Source::of_vectors("default").await, Node::listen().await);
    let options = Options { traps: Some(traps), ..Options::new(node.address, &source) };
    (Workerd::start(options).await, node, source)
}

/// A request that meets the trap of [`OF_PRINCIPALS`].
fn signed() -> Request {
    let signed = named("a signature is good once").steps[0].compose(Moment::real(), None);
    signed.expect("a request")
}

#[tokio::test]
async fn a_module_that_traps_is_begun_anew_and_nothing_passes_unjudged() {
    let (workerd, node, _source) = start(OF_PRINCIPALS).await;
    let good = named("a PNG").request();
    assert_eq!(send(&workerd, &good).await.status, 200);
    assert!(node.pop().is_some());
    for _ in 0..3 {
        let answer = send(&workerd, &signed()).await;
        let code = answer.problem()["code"].clone();
        let codes = ["gate-unavailable", "store-unavailable"];
        assert!(answer.status == 503 && codes.iter().any(|known| code == *known), "{answer:?}");
        assert!(node.pop().is_none(), "the node saw nothing of it");
        assert_eq!(send(&workerd, &good).await.status, 200, "the next request is judged");
        assert!(node.pop().is_some());
        let refused = send(&workerd, &named("an unknown key").request()).await;
        assert_eq!(refused.problem()["code"], "invalid-key");
    }
    let log = workerd.log().join("\n");
    assert!(log.contains("the module failed") && log.contains("begun anew"), "{log}");
}

#[tokio::test]
async fn where_each_judgement_traps_nothing_passes() {
    let (workerd, node, _source) = start("fetch").await;
    let good = named("a PNG").request();
    for answer in join_all((0..CLIENTS).map(|_| send(&workerd, &good))).await {
        assert_eq!((answer.status, &answer.problem()["code"]), (503, &json!("gate-unavailable")));
    }
    assert!(node.pop().is_none(), "the node saw nothing of it");
}

#[tokio::test]
async fn a_trap_under_load_takes_what_was_under_way_and_lets_nothing_pass() {
    let (workerd, node, _source) = start(OF_PRINCIPALS).await;
    let good = named("a PNG").request();
    until(&workerd, &good, 200).await;
    while node.pop().is_some() {}

    let began = Instant::now();
    let client = async || {
        let (mut sent, mut served) = (0, 0);
        while began.elapsed() < LOAD {
            let answer = send(&workerd, &good).await;
            sent += 1;
            if answer.status == 200 {
                served += 1;
            } else {
                assert_eq!(answer.problem()["code"], "gate-unavailable", "{answer:?}");
            }
        }
        (sent, served)
    };
    let trapper = async {
        while began.elapsed() < LOAD {
            assert_eq!(send(&workerd, &signed()).await.status, 503);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (counts, ()) = tokio::join!(join_all((0..CLIENTS).map(|_| client())), trapper);
    let took = until(&workerd, &good, 200).await;
    assert!(took < Duration::from_secs(2), "the module was away for {took:?}");

    let sent: usize = counts.iter().map(|(sent, _)| sent).sum();
    let served: usize = counts.iter().map(|(_, served)| served).sum();
    let seen: Vec<_> = std::iter::from_fn(|| node.pop()).collect();
    assert!(served * 2 > sent, "{served} of {sent} were served beside a trap ten times a second");
    assert!((served..=sent + 1).contains(&seen.len()), "{served} of {sent}: {}", seen.len());
    for request in seen {
        assert!(request.head.contains("lunette-permit: v2."), "unjudged: {}", request.head);
        assert!(!request.is_whole || request.body == good.body);
    }
}
