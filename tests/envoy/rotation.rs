//! Secrets change while gates serve, as `README.md` says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::client::Answer;
use conformance::envoy::{Envoy, GATE};
use conformance::node::{Home, Node};
use conformance::redis::Redis;
use conformance::rotation::{self, Elsewhere, Secrets};
use conformance::tls::private_file;
use conformance::vectors::Request;

use crate::nodes::{healthy, secrets, until, upload, with_secrets};
use crate::send;

struct Sidecar(Envoy);

impl Elsewhere for Sidecar {
    const NAME: &str = GATE;

    async fn start(secrets: Secrets, node: &Node) -> Self {
        Self(with_secrets(secrets, &[node]).await)
    }

    async fn send(&self, request: &Request) -> Answer {
        send(&self.0, request).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_key_and_a_token_change_while_both_versions_are_taken() {
    rotation::permit_key_and_token::<Sidecar>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn realm_keys_change_while_gates_hold_both_and_keys_are_moved() {
    rotation::realm_keys::<Sidecar>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_an_issuer_changes_while_both_are_taken() {
    rotation::token_secrets::<Sidecar>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_secret_is_a_new_pair_beside_the_old_one_with_the_same_keys() {
    rotation::root_secret::<Sidecar>().await;
}

/// How often a node lost its Redis. A request alone does not tell: the gate tries the other node.
const LOSSES: &str = "lunette_shared_store_losses_total";
/// What a user of Redis must be allowed, as the README says.
const RULES: &str = "~lunette:* +info +set +get +exists +evalsha +script|load";

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_the_shared_redis_changes_and_no_request_is_refused() {
    assert!(include_str!("../../envoy/README.md").contains(RULES));
    let (home, redis, folder) = (Home::default(), Redis::start(&[]), tempfile::tempdir().unwrap());
    let user = |name: &str| {
        let command = ["ACL", "SETUSER", name, "on", &format!(">secret-of-{name}")];
        let command: Vec<_> = command.into_iter().chain(RULES.split(' ')).collect();
        assert_eq!(redis.ask(&command), ["OK"]);
        let url = format!("redis://{name}:secret-of-{name}@{}", redis.address);
        private_file(folder.path(), name, &url).to_str().expect("text").to_owned()
    };
    let policy = home.policy();

    let first = user("first");
    let mut one = Node::start(&home, &sharing(&policy, &first)).await;
    let mut two = Node::start(&home, &sharing(&policy, &first)).await;
    let key = home.new_key();
    let envoy = with_secrets(secrets(&home, &[]), &[&one, &two]).await;
    until(&envoy, &key, 200).await;
    healthy(&envoy, 2).await;

    let changing = AtomicBool::new(true);
    let clients = async {
        let mut answered = 0;
        while changing.load(Ordering::Relaxed) {
            let answer = send(&envoy, &upload(&key)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answered += 1;
        }
        answered
    };
    let change = async {
        let second = user("second");
        for node in [&mut one, &mut two] {
            assert_eq!(node.metric(LOSSES).await, 0);
            node.restart(&home, &sharing(&policy, &second)).await;
            healthy(&envoy, 2).await;
        }
        assert_eq!(redis.ask(&["ACL", "DELUSER", "first"]), ["1"]);
        // Longer than a node takes to look at its connection.
        tokio::time::sleep(Duration::from_secs(2)).await;
        changing.store(false, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(clients, change);
    assert_eq!(redis.ask(&["KEYS", "*:permit:*"]).len(), answered + 1, "each was recorded once");
    for node in [&one, &two] {
        assert!(node.inferences().await > 0);
        assert_eq!(node.metric(LOSSES).await, 0);
    }
}

/// The arguments of one of two nodes, whose Redis has its URL in this file.
fn sharing<'a>(policy: &'a str, redis_file: &'a str) -> Vec<&'a str> {
    let of = ["--policy", policy, "--shared-redis-file", redis_file];
    [&["--gate", "external", "--gates", GATE, "--nodes", "2"][..], &of].concat()
}
