//! Secrets change while gates serve, as `README.md` says.

use conformance::client::Answer;
use conformance::envoy::{Envoy, GATE};
use conformance::node::Node;
use conformance::rotation::{self, Elsewhere, Secrets};
use conformance::vectors::Request;

use crate::nodes::with_secrets;
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
