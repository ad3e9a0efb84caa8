//! Signed requests, imported keys and revoked tokens with the real binary: what its commands print, a
//! node takes, once.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use conformance::client::Answer;
use conformance::clock::SetClock;
use conformance::node::{Home, Node};
use conformance::vectors::{HOST, Request};

const PATH: &str = "/v1/background-removal";
/// Clean requests with it are refused for their image, after their credential: the model stays idle.
const BODY: &[u8] = b"not an image, but enough text";

fn request(fields: impl IntoIterator<Item = (String, String)>) -> Request {
    let length = ("Content-Length".to_owned(), BODY.len().to_string());
    Request {
        method: "POST".to_owned(),
        target: PATH.to_owned(),
        headers: fields.into_iter().chain([length]).collect(),
        body: BODY.to_vec(),
    }
}

fn code(answer: &Answer) -> String {
    answer.problem()["code"].as_str().expect("a code").to_owned()
}

/// What `lunette sign` prints, as the fields of a request.
fn sign(home: &Home, arguments: &[&str]) -> Request {
    let body = home.path().with_extension("body");
    std::fs::write(&body, BODY).unwrap();
    let url = format!("http://{HOST}{PATH}");
    let fixed = ["sign", "--url", &url, "--content-type", "image/png", "--body"];
    let mut command = home.command(&[&fixed[..], &[body.to_str().unwrap()], arguments].concat());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let fields = String::from_utf8(output.stdout).unwrap();
    let fields = fields.lines().filter_map(|line| line.split_once(": "));
    request(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>())
}

fn new_signing_key(home: &Home, scheme: &str) -> String {
    let new = ["keys", "new", "--principal", "acme", "--scope", "background-removal"];
    let created = home.json(&[&new[..], &["--signing", scheme]].concat());
    created["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn what_sign_prints_is_taken_once() {
    let home = Home::default();
    let node = Node::start(&home, &["--policy", &home.policy()]).await;
    for scheme in ["rfc9421", "simple"] {
        let id = new_signing_key(&home, scheme);
        let signed = sign(&home, &["--key-id", &id]);
        assert_eq!(code(&node.send(&signed).await), "not-an-image", "{scheme}");
        assert_eq!(code(&node.send(&signed).await), "signature-replayed", "{scheme}");

        let mut elsewhere = sign(&home, &["--key-id", &id]);
        elsewhere.target.push_str("?size=large");
        assert_eq!(code(&node.send(&elsewhere).await), "invalid-signature", "{scheme}");

        let rotated = home.json(&["keys", "rotate", &id, "--overlap", "1h"]);
        for id in [rotated["id"].as_str().unwrap(), &id] {
            let signed = sign(&home, &["--key-id", id]);
            assert_eq!(code(&node.send(&signed).await), "not-an-image", "{scheme}: {id}");
        }
        assert!(home.command(&["keys", "revoke", &id]).output().unwrap().status.success());
        let signed = sign(&home, &["--key-id", &id]);
        assert_eq!(code(&node.send(&signed).await), "invalid-signature", "{scheme}");
    }
    assert_eq!(node.inferences().await, 0);
}

#[tokio::test]
async fn a_restart_forgets_no_nonce_that_still_verifies() {
    let home = Home::default();
    let node = Node::start(&home, &["--policy", &home.policy()]).await;
    let id = new_signing_key(&home, "rfc9421");
    let signed = sign(&home, &["--key-id", &id]);
    assert_eq!(code(&node.send(&signed).await), "not-an-image");
    // The second in which a store begins counts as after it.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    drop(node);
    let node = Node::start(&home, &["--policy", &home.policy()]).await;
    assert_eq!(code(&node.send(&signed).await), "signature-before-start");
    let again = sign(&home, &["--key-id", &id]);
    assert_eq!(code(&node.send(&again).await), "not-an-image");
}

#[tokio::test]
async fn a_clock_that_jumps_by_an_hour_makes_no_signature_good_twice() {
    let home = Home::default();
    let clock = SetClock::new();
    let variables = clock.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let node = Node::start_in(&home, &["--policy", &home.policy()], &variables).await;
    let id = new_signing_key(&home, "rfc9421");
    let key = home.new_key();
    let by_key = [("X-API-Key", key.as_str()), ("Content-Type", "image/png")];
    let by_key = request(by_key.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let signed = sign(&home, &["--key-id", &id]);
    assert_eq!(code(&node.send(&signed).await), "not-an-image");
    for seconds in [3600, -3600] {
        clock.set(seconds);
        assert_eq!(code(&node.send(&signed).await), "signature-stale", "{seconds}");
        let fresh = sign(&home, &["--key-id", &id]);
        assert_eq!(code(&node.send(&fresh).await), "signature-stale", "{seconds}");
        assert_eq!(code(&node.send(&by_key).await), "not-an-image", "{seconds}");
        clock.set(0);
        assert_eq!(code(&node.send(&signed).await), "signature-replayed", "{seconds} and back");
    }
    let fresh = sign(&home, &["--key-id", &id]);
    assert_eq!(code(&node.send(&fresh).await), "not-an-image");
}

#[tokio::test]
async fn a_key_that_was_made_elsewhere_is_taken_until_it_is_revoked() {
    let home = Home::default();
    let node = Node::start(&home, &["--policy", &home.policy()]).await;
    let text = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let send = async || {
        let fields = [("X-API-Key", text), ("Content-Type", "image/png")];
        node.send(&request(fields.map(|(name, value)| (name.to_owned(), value.to_owned())))).await
    };
    assert_eq!(code(&send().await), "invalid-key");
    let file = home.path().with_extension("imported");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let imported = home.json(&[
        "keys",
        "import",
        "--file",
        file.to_str().unwrap(),
        "--entropy-bits",
        "142",
        "--principal",
        "acme",
        "--scope",
        "background-removal",
    ]);
    // It was refused a moment ago, and that was remembered; the import is an epoch of its own.
    assert_eq!(code(&send().await), "not-an-image");
    let id = imported["id"].as_str().unwrap();
    assert!(home.command(&["keys", "revoke", id]).output().unwrap().status.success());
    assert_eq!(code(&send().await), "invalid-key");
}
