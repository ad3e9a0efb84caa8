//! Two nodes behind two gates, and one Redis in which both nodes write down what was used.

use std::path::Path;
use std::time::{Duration, Instant};

use conformance::client::Answer;
use conformance::node::{Home, Node};
use conformance::permit::{Gate, now};
use conformance::redis::Redis;
use conformance::tls::{Authority, private_file};
use conformance::vectors::Request;
use filter::UnixMillis;
use filter::permit::{Credential, Nonce};

/// The arguments of one of two nodes.
fn arguments(redis: &str) -> [&str; 8] {
    ["--gate", "external", "--gates", "a,b", "--nodes", "2", "--shared-redis", redis]
}

/// Two gates that know nothing of each other; both let requests of one key through.
fn gates(home: &Home) -> (Gate, Gate) {
    let (a, mut b) = (Gate::new(home, "a"), Gate::new(home, "b"));
    b.api_key = a.api_key.clone();
    (a, b)
}

/// A request whose signature has this nonce.
fn signed(gate: &mut Gate, nonce: &str) -> Request {
    let nonce = Nonce::of(nonce, UnixMillis(now() + 360_000));
    let permit = gate.permit(|claims| claims.nonce = Some(nonce));
    gate.request(&[&permit])
}

fn unsigned(gate: &mut Gate) -> Request {
    let permit = gate.permit(|_| {});
    gate.request(&[&permit])
}

fn outcome(answer: &Answer) -> (u16, String) {
    let code = match answer.status {
        200 => "ok".to_owned(),
        _ => answer.problem()["code"].as_str().unwrap().to_owned(),
    };
    (answer.status, code)
}

fn is(answer: &Answer, status: u16, code: &str) {
    assert_eq!(outcome(answer), (status, code.to_owned()));
}

#[tokio::test]
async fn what_passed_at_one_node_is_refused_at_the_other_whatever_gate_let_it_through() {
    let (home, redis) = (Home::default(), Redis::start(&[]));
    let (mut a, mut b) = gates(&home);
    let one = Node::start(&home, &arguments(&redis.url())).await;
    let two = Node::start(&home, &arguments(&redis.url())).await;

    let first = signed(&mut a, "a-nonce-that-was-captured");
    is(&one.send(&first).await, 200, "ok");
    let captured = signed(&mut b, "a-nonce-that-was-captured");
    is(&two.send(&captured).await, 401, "signature-replayed");
    is(&two.send(&first).await, 401, "permit-used");
    is(&two.send(&signed(&mut b, "another-nonce-than-before")).await, 200, "ok");
    assert_eq!((one.inferences().await, two.inferences().await), (1, 1));

    // At once, and each time with one of the gates at one of the nodes.
    for n in 0..2 {
        let nonce = format!("a-nonce-sent-at-once-{n}");
        let (left, right) = (signed(&mut a, &nonce), signed(&mut b, &nonce));
        let (left, right) = tokio::join!(one.send(&left), two.send(&right));
        let mut outcomes = [outcome(&left), outcome(&right)];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(200, "ok".into()), (401, "signature-replayed".into())]);
        let permit = unsigned(&mut a);
        let (left, right) = tokio::join!(one.send(&permit), two.send(&permit));
        let mut outcomes = [outcome(&left), outcome(&right)];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(200, "ok".into()), (401, "permit-used".into())]);
    }
    assert_eq!(one.inferences().await + two.inferences().await, 6);
}

#[tokio::test]
async fn a_request_that_was_sent_away_unrecorded_is_taken_by_the_other_node() {
    let (home, redis) = (Home::default(), Redis::start(&[]));
    let (mut a, _) = gates(&home);
    let url = redis.url();
    let busy =
        Node::start(&home, &[&arguments(&url)[..], &["--queue-waiting", "0"]].concat()).await;
    let idle = Node::start(&home, &arguments(&url)).await;
    let requests: Vec<_> =
        (0..4).map(|n| signed(&mut a, &format!("a-safe-retry-of-{n}"))).collect();
    // Sent again at once, as a proxy does.
    let sent = requests.iter().map(async |request| {
        let answer = busy.send(request).await;
        if answer.status == 200 {
            return false;
        }
        is(&answer, 503, "overloaded");
        assert_eq!(answer.header("lunette-verdict"), Some("refund"));
        is(&idle.send(request).await, 200, "ok");
        true
    });
    let sent = futures_util::future::join_all(sent).await;
    let retried = sent.iter().filter(|&&again| again).count();
    assert!((1..4).contains(&retried), "{retried} of 4 were sent away");
    assert_eq!(idle.inferences().await, u64::try_from(retried).unwrap());
    assert_eq!(redis.ask(&["KEYS", "*:permit:*"]).len(), 4, "each was recorded once");
}

#[tokio::test]
async fn what_is_remembered_names_nobody_and_ends_with_the_signature() {
    let (home, redis) = (Home::default(), Redis::start(&[]));
    let (mut a, _) = gates(&home);
    let node = Node::start(&home, &arguments(&redis.url())).await;
    is(&node.send(&signed(&mut a, "a-nonce-that-is-looked-at")).await, 200, "ok");
    let mut keys = redis.ask(&["KEYS", "*"]);
    keys.sort_unstable();
    let [began, nonce, permit] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!(began, "lunette:lunette:test:began");
    for (key, prefix) in
        [(nonce, "lunette:lunette:test:nonce:"), (permit, "lunette:lunette:test:permit:")]
    {
        let digest = key.strip_prefix(prefix).unwrap();
        assert!(digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    // The nonce leads to the permit that it was used with.
    assert_eq!(redis.ask(&["GET", nonce]), [permit.rsplit(':').next().unwrap()]);
    let left = |key: &str| redis.ask(&["PTTL", key]).concat().parse::<u64>().unwrap();
    // A permit lives 30 s, clocks differ by 5 s each way, upload and queue take 30 s each; and the
    // signature verifies for 360 s.
    let most = 30_000 + 2 * 5_000 + 60_000;
    assert!((most - 20_000..=most).contains(&left(permit)), "{}", left(permit));
    assert!((most + 340_000..=most + 360_000).contains(&left(nonce)), "{}", left(nonce));
    assert_eq!(redis.ask(&["PTTL", began]), ["-1"], "a mark that ends is none");
}

/// Sends a new request every moment until one passes.
async fn until_it_passes(node: &Node, gate: &mut Gate) {
    for _ in 0..200 {
        let answer = node.send(&unsigned(gate)).await;
        if answer.status == 200 {
            return;
        }
        is(&answer, 503, "store-unavailable");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store did not come back");
}

fn lines_with(log: &Path, text: &str) -> usize {
    std::fs::read_to_string(log).unwrap().lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn without_its_store_a_node_takes_nothing_and_it_finds_it_again_by_itself() {
    let (home, mut redis) = (Home::default(), Redis::start(&[]));
    let (mut a, _) = gates(&home);
    let log = home.path().with_extension("log");
    let node = Node::start_with_log(&home, &arguments(&redis.url()), &log).await;
    let used = unsigned(&mut a);
    is(&node.send(&used).await, 200, "ok");
    assert_eq!(node.metric("lunette_shared_store_up").await, 1);

    redis.kill();
    let kept = unsigned(&mut a);
    for _ in 0..5 {
        let answer = node.send(&kept).await;
        is(&answer, 503, "store-unavailable");
        assert_eq!(answer.header("lunette-verdict"), Some("refund"));
    }
    assert_eq!(node.metric("lunette_shared_store_up").await, 0);
    assert_eq!(node.inferences().await, 1);

    redis.start_again();
    until_it_passes(&node, &mut a).await;
    // It has forgotten that this one was used, and says so.
    is(&node.send(&used).await, 503, "store-unavailable");
    assert_eq!(node.metric("lunette_shared_store_up").await, 1);

    // One that stands still is as good as none, and an answer comes all the same.
    redis.signal("STOP");
    let began = Instant::now();
    is(&node.send(&unsigned(&mut a)).await, 503, "store-unavailable");
    assert!(began.elapsed() < Duration::from_secs(5));
    redis.signal("CONT");
    until_it_passes(&node, &mut a).await;
    assert_eq!(node.metric("lunette_shared_store_losses_total").await, 2);
    assert_eq!(node.inferences().await, 3);
    assert_eq!(lines_with(&log, "the shared store is lost"), 2);
    assert_eq!(lines_with(&log, "the shared store is back"), 2);
}

#[tokio::test]
async fn a_store_that_is_full_or_would_forget_is_none() {
    let (home, redis) = (Home::default(), Redis::start(&[]));
    let (mut a, _) = gates(&home);
    let node = Node::start(&home, &arguments(&redis.url())).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    is(&node.send(&unsigned(&mut a)).await, 503, "store-unavailable");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    until_it_passes(&node, &mut a).await;

    // Noticed although nobody asks.
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    let mut up = 1;
    for _ in 0..200 {
        up = node.metric("lunette_shared_store_up").await;
        if up == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(up, 0);
    is(&node.send(&unsigned(&mut a)).await, 503, "store-unavailable");
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    until_it_passes(&node, &mut a).await;
}

/// What `lunette serve` says instead of starting, and its exit code.
fn complaint(home: &Home, arguments: &[&str]) -> (i32, String) {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"];
    let output = home.command(&serve).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_node_of_several_does_not_start_without_a_store_that_remembers() {
    let home = Home::default();
    let (code, text) = complaint(&home, &["--nodes", "2"]);
    assert!(code == 64 && text.contains("nodes: 2") && text.contains("shared.redis"), "{text}");

    let forgetful = Redis::start(&["--maxmemory-policy", "allkeys-lru"]);
    let (code, text) = complaint(&home, &arguments(&forgetful.url()));
    let named = text.contains("maxmemory-policy") && text.contains("noeviction");
    assert!(code == 64 && named && text.contains("allkeys-lru"), "{text}");

    let mut gone = Redis::start(&[]);
    gone.kill();
    let (code, text) = complaint(&home, &arguments(&gone.url()));
    assert!(code != 0 && text.contains("shared.redis: "), "{text}");
}

#[tokio::test]
async fn the_url_may_have_a_password_and_tls_if_it_is_in_a_file_of_its_own() {
    let (home, folder) = (Home::default(), tempfile::tempdir().unwrap());
    let (ours, foreign) = (Authority::default(), Authority::default());
    let server = ours.sign("127.0.0.1");
    let write = |name: &str, text: &str| {
        private_file(folder.path(), name, text).to_str().unwrap().to_owned()
    };
    let (certificate, key) = (write("r.pem", &server.certificate), write("r.key", &server.key));
    let (ca, other_ca) =
        (write("ca.pem", &ours.certificate()), write("other.pem", &foreign.certificate()));
    let port = conformance::node::free_address().port().to_string();
    let secured = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let more =
        ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no", "--requirepass", "hush-hush"];
    let _redis = Redis::start(&[&secured[..], &more].concat());
    let url = write("redis.url", &format!("rediss://:hush-hush@127.0.0.1:{port}\n"));
    let wrong = write("wrong.url", &format!("rediss://:no-no@127.0.0.1:{port}\n"));
    let with = |url, ca| {
        let external = ["--gate", "external", "--gates", "a,b", "--nodes", "2"];
        [&external[..], &["--shared-redis-file", url, "--shared-ca", ca]].concat()
    };
    let (code, text) = complaint(&home, &with(&url, &other_ca));
    assert!(code != 0 && text.contains("shared.redis: "), "{text}");
    let (code, text) = complaint(&home, &with(&wrong, &ca));
    assert!(code != 0 && text.contains("shared.redis: ") && !text.contains("no-no"), "{text}");
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (code, text) = complaint(&home, &with(&wrong, &ca));
    assert!(
        code == 64 && text.contains("shared.redis_file: ") && text.contains("chmod 600"),
        "{text}"
    );

    let (mut a, _) = gates(&home);
    let node = Node::start(&home, &with(&url, &ca)).await;
    let request = unsigned(&mut a);
    is(&node.send(&request).await, 200, "ok");
    is(&node.send(&request).await, 401, "permit-used");
}

#[tokio::test]
async fn each_key_has_nonces_of_its_own_in_the_store_too() {
    let (home, redis) = (Home::default(), Redis::start(&[]));
    let (mut a, mut b) = (Gate::new(&home, "a"), Gate::new(&home, "b"));
    let node = Node::start(&home, &arguments(&redis.url())).await;
    assert_ne!(Credential::Key(a.api_key.clone()), Credential::Key(b.api_key.clone()));
    is(&node.send(&signed(&mut a, "a-nonce-of-two-customers")).await, 200, "ok");
    is(&node.send(&signed(&mut b, "a-nonce-of-two-customers")).await, 200, "ok");
    is(&node.send(&signed(&mut b, "a-nonce-of-two-customers")).await, 401, "signature-replayed");
}
