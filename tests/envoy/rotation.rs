//! Secrets change while gates serve, as `envoy/README.md` says.

use conformance::envoy::GATE;
use conformance::node::{Home, Node};
use conformance::tls::private_file;

use crate::nodes::{secrets, until, upload, with_secrets};
use crate::{problem, send};

async fn node(home: &Home, gates: &str, more: &[&str]) -> Node {
    let policy = home.policy();
    let arguments = ["--gate", "external", "--gates", gates, "--policy", &policy];
    Node::start(home, &[&arguments, more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_key_and_a_token_change_while_both_versions_are_taken() {
    let home = Home::default();
    let key = home.new_key();
    let (first, second) = (secrets(&home, &[]), secrets(&home, &["--version", "2"]));
    for name in ["LUNETTE_PERMIT_KEY", "LUNETTE_GATE_TOKEN"] {
        let value = |of: &[(String, String)]| of.iter().find(|(known, _)| known == name).cloned();
        assert!(value(&first) != value(&second), "{name} is another in version 2");
    }
    let both = node(&home, &format!("{GATE},{GATE}@2"), &[]).await;
    let old = with_secrets(first, &[&both]).await;
    until(&old, &key, 200).await;
    // The gate starts again with the second version; the old one, beside it, is not disturbed.
    let new = with_secrets(second.clone(), &[&both]).await;
    until(&new, &key, 200).await;
    until(&old, &key, 200).await;
    drop((old, both));

    let only_new = node(&home, &format!("{GATE}@2"), &[]).await;
    let new = with_secrets(second, &[&only_new]).await;
    until(&new, &key, 200).await;
    let late = with_secrets(secrets(&home, &[]), &[&only_new]).await;
    assert_eq!(problem(&send(&late, &upload(&key)).await), (503, "policy-unavailable".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_secret_is_a_new_pair_beside_the_old_one_with_the_same_keys() {
    let home = Home::default();
    let key = home.new_key();
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = private_file(folder.path(), "root", &"0123456789abcdef".repeat(4));
    let root = ["--root-secret-file", file.to_str().expect("text")];
    let (before, after) = (node(&home, GATE, &[]).await, node(&home, GATE, &root).await);
    let old = with_secrets(secrets(&home, &[]), &[&before]).await;
    let new = with_secrets(secrets(&home, &root), &[&after]).await;
    until(&old, &key, 200).await;
    until(&new, &key, 200).await;

    // A gate of one pair believes no node of the other.
    let mixed = with_secrets(secrets(&home, &[]), &[&after]).await;
    assert_eq!(problem(&send(&mixed, &upload(&key)).await), (503, "policy-unavailable".into()));
}
