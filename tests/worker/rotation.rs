//! Secrets change while Workers serve, as `edge/README.md` says. Two versions of a Worker are two of workerd here.

use conformance::client::{self, Answer};
use conformance::node::Node;
use conformance::rotation::{self, Elsewhere, Secrets};
use conformance::vectors::Request;
use conformance::workerd::{Options, Source, Workerd};

struct Worker(Workerd);

impl Elsewhere for Worker {
    const NAME: &str = "edge-1";

    async fn start(secrets: Secrets, node: &Node) -> Self {
        // All that it gives is replaced.
        let nothing = Source::of_vectors("default").await;
        let own = [
            ("LUNETTE_GATE", Self::NAME.to_owned()),
            ("LUNETTE_AUDIENCE", "lunette".to_owned()),
            ("LUNETTE_SNAPSHOT_URL", format!("http://{}/gate/snapshot", node.operator)),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let environment = own.into_iter().chain(secrets).collect();
        Self(Workerd::start(Options { environment, ..Options::new(node.address, &nothing) }).await)
    }

    async fn send(&self, request: &Request) -> Answer {
        let request = Workerd::through_cloudflare(request);
        client::send(self.0.address, &request, usize::MAX).await.expect("an answer")
    }
}

#[tokio::test]
async fn a_permit_key_and_a_token_change_while_both_versions_are_taken() {
    rotation::permit_key_and_token::<Worker>().await;
}

#[tokio::test]
async fn realm_keys_change_while_gates_hold_both_and_keys_are_moved() {
    rotation::realm_keys::<Worker>().await;
}

#[tokio::test]
async fn the_secret_of_an_issuer_changes_while_both_are_taken() {
    rotation::token_secrets::<Worker>().await;
}

#[tokio::test]
async fn a_new_root_secret_is_a_new_pair_beside_the_old_one_with_the_same_keys() {
    rotation::root_secret::<Worker>().await;
}
