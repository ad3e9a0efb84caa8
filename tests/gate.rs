//! The vectors, against the embedded gate over real HTTP: the compiled filter, a real socket, and
//! an upstream that remembers what it saw.

use std::time::Duration;

use conformance::client::{self, Answer};
use conformance::gate::{self, Published, Running, Seen};
use conformance::keys;
use conformance::vectors::{self, Expect, Rejection, Request, Vector};
use filter::{KeyRecord, PermitKey, UnixMillis, permit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

fn vector(name: &str) -> Vector {
    vectors::all().into_iter().map(|(_, v)| v).find(|v| v.name == name).expect("a vector")
}

fn check_rejected(
    expected: &Rejection,
    vector: &Vector,
    answer: &Answer,
    running: &Running,
    at: &str,
) {
    assert!(running.seen.lock().unwrap().is_empty(), "{at}: the upstream saw something");
    if vector.parser {
        // hyper answers malformed framing itself, and drops a Content-Length beside Transfer-Encoding.
        assert!((400..500).contains(&answer.status), "{at}: {answer:?}");
        return;
    }
    let problem = answer.problem();
    assert_eq!(answer.status, expected.status, "{at}: {problem}");
    assert_eq!(problem["code"], expected.code, "{at}");
    assert_eq!(problem["type"], format!("urn:lunette:problem:{}", expected.code), "{at}");
    assert_eq!(problem["status"], expected.status, "{at}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{at}");
    assert_eq!(answer.header("x-request-id"), problem["request_id"].as_str(), "{at}");
    for (name, value) in &expected.headers {
        assert_eq!(answer.header(name), Some(value.as_str()), "{at}: {name}");
    }
    let verdict = running.verdicts.lock().unwrap().pop().expect("a verdict");
    assert_eq!(
        (verdict.0.as_str(), verdict.1.as_str()),
        (expected.code.as_str(), expected.reason()),
        "{at}"
    );
}

fn check_accepted(request: &Request, answer: &Answer, running: &Running, at: &str) {
    assert_eq!(answer.status, 200, "{at}: {answer:?}");
    assert_eq!(answer.header("lunette-verdict"), None, "{at}: an inner field got out");
    let seen = running.seen.lock().unwrap().pop().expect("the upstream saw the request");
    assert_eq!(seen.body.as_deref(), Some(request.body.as_slice()), "{at}: the body changed");
    assert_eq!((&seen.method, &seen.target), (&request.method, &request.target), "{at}");
    let own = |name: &str| name.starts_with("lunette-") && name != permit::HEADER;
    for (name, _) in &seen.headers {
        assert!(
            !own(name) && name != "authorization" && name != "x-api-key",
            "{at}: {name} got in"
        );
    }
    let claims = claims(&seen);
    assert_eq!((claims.gate.as_str(), claims.key.as_str()), (gate::NAME, "good000000"), "{at}");
    assert_eq!(claims.content_length, request.body.len() as u64, "{at}");
    assert_eq!(claims.client, Some([127, 0, 0, 1].into()), "{at}");
}

/// The one permit that the upstream got, opened.
fn claims(seen: &Seen) -> filter::Claims {
    let mut permits = seen.headers.iter().filter(|(name, _)| name == permit::HEADER);
    let (_, text) = permits.next().expect("a permit");
    assert!(permits.next().is_none(), "two permits");
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = UnixMillis(u64::try_from(since.as_millis()).unwrap());
    permit::open(text, &[PermitKey::new(gate::NAME, 1, keys::PERMIT_KEY)], now)
        .expect("a valid permit")
}

#[tokio::test]
async fn every_vector_gets_its_verdict_whole_and_in_pieces() {
    let running = gate::start(gate::options(Published::of_vectors())).await;
    for (file, vector) in vectors::all() {
        let request = vector.request();
        for piece in [usize::MAX, 1000, 7] {
            // Seven bytes at a time only where that stays quick.
            let body_len = request.body.len();
            if piece == 7 && body_len > 5_000 || piece == 1000 && body_len > 700_000 {
                continue;
            }
            let at = format!("{file}: {}, in pieces of {piece}", vector.name);
            running.verdicts.lock().unwrap().clear();
            let answer = client::send(running.address, &request, piece).await;
            let answer = answer.unwrap_or_else(|error| panic!("{at}: {error}"));
            match &vector.expect {
                Expect::Accept => check_accepted(&request, &answer, &running, &at),
                Expect::Reject(expected) => {
                    check_rejected(expected, &vector, &answer, &running, &at);
                }
            }
        }
    }
    let stats = running.gate.stats();
    assert_eq!((stats.traps, stats.deadlines, stats.rebuilds), (0, 0, 0), "{stats:?}");
    assert_eq!(stats.live_contexts, 0, "{stats:?}");
}

#[tokio::test]
async fn answers_are_the_librarys_byte_for_byte() {
    let running = gate::start(gate::options(Published::of_vectors())).await;
    let (mut request_ids, mut bodies) = (Vec::new(), Vec::new());
    for name in
        ["an unknown key", "a revoked key", "an expired key", "a known id with a wrong secret"]
    {
        let answer =
            client::send(running.address, &vector(name).request(), usize::MAX).await.unwrap();
        let id = answer.problem()["request_id"].as_str().unwrap().to_owned();
        bodies.push(String::from_utf8(answer.body).unwrap().replace(&id, "ID"));
        request_ids.push(id);
    }
    let expected = r#"{"type":"urn:lunette:problem:invalid-key","title":"Unauthorized","status":401,"detail":"the API key is not valid","code":"invalid-key","request_id":"ID"}"#;
    assert!(bodies.iter().all(|body| body == expected), "{bodies:?}");
    request_ids.sort();
    request_ids.dedup();
    assert_eq!(request_ids.len(), 4, "request ids are unique");
}

#[tokio::test]
async fn a_body_that_breaks_off_never_ends_cleanly_upstream() {
    let running = gate::start(gate::options(Published::of_vectors())).await;
    let mut request = vector("a body of exactly the limit").request();
    request.body.truncate(500_000);
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&client::head_bytes(&request)).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    drop(stream);
    for _ in 0..200 {
        if running.gate.stats().live_contexts == 0 && !running.seen.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = running.seen.lock().unwrap().pop().expect("the head went on");
    assert_eq!(seen.body, None, "half a body came to a clean end");
    assert_eq!(running.gate.stats().live_contexts, 0);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so() {
    let mut options = gate::options(Published::of_vectors());
    options.body_idle = Duration::from_millis(200);
    let running = gate::start(options).await;
    let mut request = vector("a PNG").request();
    request.body.truncate(10);
    let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (408, Some("request-timeout")));
    assert!(running.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_all_requests_hold_together_is_bounded() {
    let mut options = gate::options(Published::of_vectors());
    options.held_total_bytes = 350_000;
    let running = gate::start(options).await;
    let request = vector("a JPEG with 300 KB of metadata before its dimensions").request();
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(&client::head_bytes(&request)).await.unwrap();
    first.write_all(&request.body[..200_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = client::send(running.address, &request, usize::MAX).await.unwrap();
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (503, Some("gate-overloaded")));
    assert!(running.seen.lock().unwrap().is_empty());
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
        client::send(running.address, &vector("a PNG").request(), usize::MAX).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem()["code"].as_str()),
        (503, Some("policy-unavailable"))
    );
    assert!(answer.header("retry-after").is_some());
    assert!(running.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_of_keys_or_policy_is_seen_by_the_next_request() {
    #[derive(Clone)]
    struct Live(std::sync::Arc<std::sync::Mutex<Published>>);
    impl filter_wasmtime::SharedSource for Live {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, std::num::NonZeroU32)> {
            self.0.lock().unwrap().get(key)
        }
    }
    let live = Live(std::sync::Arc::new(std::sync::Mutex::new(Published::of_vectors())));
    let running = gate::start(gate::options(live.clone())).await;
    let status = async || {
        client::send(running.address, &vector("a PNG").request(), usize::MAX).await.unwrap().status
    };
    assert_eq!(status().await, 200);
    let revoked: Vec<_> =
        keys::records().into_iter().map(|record| KeyRecord { revoked: true, ..record }).collect();
    *live.0.lock().unwrap() = Published::new(2, vectors::POLICY, &revoked);
    assert_eq!(status().await, 401);
    let smaller = vectors::POLICY.replace("\"max_width\": 4096", "\"max_width\": 639");
    *live.0.lock().unwrap() = Published::new(3, &smaller, &keys::records());
    assert_eq!(status().await, 422);
    *live.0.lock().unwrap() = Published::new(4, "{ not a policy", &keys::records());
    assert_eq!(status().await, 503);
    *live.0.lock().unwrap() = Published::new(5, vectors::POLICY, &keys::records());
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
        assert!(filter_wasmtime::Gate::load(&gate::module(), options).is_err(), "{what}");
    }
    for missing in 0..3 {
        let mut options = gate::options(Published::of_vectors());
        options.environment.remove(missing);
        assert!(
            filter_wasmtime::Gate::load(&gate::module(), options).is_err(),
            "no secret {missing}"
        );
    }
}
