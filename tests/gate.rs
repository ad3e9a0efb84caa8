//! The embedded gate over real HTTP, with an upstream that remembers what it saw: what no vector says.

use std::time::Duration;

use conformance::client;
use conformance::gate::{self, Live, Published};
use conformance::keys;
use conformance::vectors::{self, Moment, named};
use filter::KeyRecord;
use filter_wasmtime::Gate;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::test]
async fn request_ids_are_the_gates_own_and_unique() {
    let running = gate::start(gate::options(Published::of_vectors())).await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let mut request = named("an unknown key").request();
        request.headers.push(("X-Request-Id".to_owned(), "the client's".to_owned()));
        let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
        assert!(ids.insert(answer.header("x-request-id").unwrap().to_owned()));
    }
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_never_ends_cleanly_upstream() {
    let running = gate::start(gate::options(Published::of_vectors())).await;
    let mut request = named("a body of exactly the limit").request();
    request.body.truncate(500_000);
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&client::head_bytes(&request)).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    drop(stream);
    for _ in 0..200 {
        if running.gate.stats().live_contexts == 0 && running.upstream.count() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = running.upstream.pop().expect("the head went on");
    assert_eq!(seen.body(), None, "half a body came to a clean end");
    assert_eq!(running.gate.stats().live_contexts, 0);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so() {
    let mut options = gate::options(Published::of_vectors());
    options.body_idle = Duration::from_millis(200);
    let running = gate::start(options).await;
    let mut request = named("a PNG").request();
    request.body.truncate(10);
    let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (408, Some("request-timeout")));
    assert_eq!(running.upstream.count(), 0);
}

#[tokio::test]
async fn what_all_requests_hold_together_is_bounded() {
    let mut options = gate::options(Published::of_vectors());
    options.held_total_bytes = 350_000;
    let running = gate::start(options).await;
    let request = named("a JPEG with 300 KB of metadata before its dimensions").request();
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(&client::head_bytes(&request)).await.unwrap();
    first.write_all(&request.body[..200_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (503, Some("gate-overloaded")));
    assert_eq!(running.upstream.count(), 0);
    first.write_all(&request.body[200_000..]).await.unwrap();
    let answer = client::read_answer(&mut first).await.unwrap();
    assert_eq!(answer.status, 200, "the first one is not harmed");
    let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
    assert_eq!(answer.status, 200, "there is room again");
}

#[tokio::test]
async fn without_a_policy_everything_is_refused() {
    let running = gate::start(gate::options(())).await;
    let answer =
        client::send(running.address, &named("a PNG").request(), usize::MAX).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem()["code"].as_str()),
        (503, Some("policy-unavailable"))
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(running.upstream.count(), 0);
}

#[tokio::test]
async fn a_change_of_keys_or_policy_is_seen_by_the_next_request() {
    let live = Live::new(Published::of_vectors());
    let running = gate::start(gate::options(live.clone())).await;
    let status = async || {
        client::send(running.address, &named("a PNG").request(), usize::MAX).await.unwrap().status
    };
    assert_eq!(status().await, 200);
    let records = keys::records(Moment::real().0);
    let revoked: Vec<_> =
        records.iter().cloned().map(|record| KeyRecord { revoked: true, ..record }).collect();
    live.publish(Published::new(2, vectors::POLICY, &revoked));
    assert_eq!(status().await, 401);
    let smaller = vectors::POLICY.replace("\"max_width\": 4096", "\"max_width\": 639");
    live.publish(Published::new(3, &smaller, &records));
    assert_eq!(status().await, 422);
    live.publish(Published::new(4, "{ not a policy", &records));
    assert_eq!(status().await, 503);
    live.publish(Published::new(5, vectors::POLICY, &records));
    assert_eq!(status().await, 200);
}

#[test]
fn a_configuration_that_is_wrong_does_not_load() {
    for (change, what) in [
        (r#"{"gate":"g"}"#, "a missing field"),
        (r#"{"gate":"g","audience":"a","environment":"test","more":1}"#, "an unknown field"),
        (r#"{"gate":"g","audience":"a","environment":"prod"}"#, "an unknown environment"),
    ] {
        let mut options = gate::options(Published::of_vectors());
        options.configuration = change.as_bytes().to_vec();
        assert!(Gate::load(&gate::module(), options).is_err(), "{what}");
    }
    for missing in 0..3 {
        let mut options = gate::options(Published::of_vectors());
        options.environment.remove(missing);
        assert!(Gate::load(&gate::module(), options).is_err(), "no secret {missing}");
    }
}
