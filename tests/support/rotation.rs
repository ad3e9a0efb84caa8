//! How secrets are changed while gates serve, as `envoy/README.md` and `edge/README.md` tell it: the same
//! steps for every gate that is not in the node's process.

use std::future::Future;
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::Answer;
use crate::node::{Home, Node};
use crate::tls::private_file;
use crate::vectors::{HOST, Moment, POLICY, Request, named};

/// What `lunette gates secrets` prints.
pub type Secrets = Vec<(String, String)>;

/// A gate in a process of its own.
pub trait Elsewhere: Sized {
    /// Its name, as the node knows it.
    const NAME: &str;

    /// Starts it before a node, which it asks for its snapshot.
    fn start(secrets: Secrets, node: &Node) -> impl Future<Output = Self>;

    /// Sends a request through it.
    fn send(&self, request: &Request) -> impl Future<Output = Answer>;
}

const PATH: &str = "/v1/background-removal";
/// How long a gate may take to learn of a change.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Two versions of the permit key and the gate's token, and a time in which the node takes both.
pub async fn permit_key_and_token<G: Elsewhere>() {
    let home = Home::default();
    let (key, name, policy) = (home.new_key(), G::NAME, home.policy());
    let (first, second) = (secrets::<G>(&home, &[]), secrets::<G>(&home, &["--version", "2"]));
    for name in ["LUNETTE_PERMIT_KEY", "LUNETTE_GATE_TOKEN"] {
        let value = |of: &Secrets| of.iter().find(|(known, _)| known == name).cloned();
        assert!(value(&first) != value(&second), "{name} is another in version 2");
    }
    let both = node(&home, &format!("{name},{name}@2"), &policy, &[]).await;
    let old = G::start(first.clone(), &both).await;
    until(&old, || by_key(&key), 200).await;
    // The gate starts again with the second version; the old one, beside it, is not disturbed.
    let new = G::start(second.clone(), &both).await;
    until(&new, || by_key(&key), 200).await;
    until(&old, || by_key(&key), 200).await;
    drop((old, new, both));

    let only_new = node(&home, &format!("{name}@2"), &policy, &[]).await;
    until(&G::start(second, &only_new).await, || by_key(&key), 200).await;
    let late = G::start(first, &only_new).await;
    is(&late.send(&by_key(&key)).await, 503, "policy-unavailable");
}

/// Two versions of the realm key, and keys that are moved from one to the other.
pub async fn realm_keys<G: Elsewhere>() {
    let home = Home::default();
    let (name, policy) = (G::NAME, home.policy());
    let new = ["keys", "new", "--principal", "acme", "--scope", "background-removal"];
    let created = home.json(&[&new[..], &["--signing", "rfc9421"]].concat());
    let old_key = created["id"].as_str().expect("an id").to_owned();
    let (first, both) = (&["--signing-realms", "1"], &["--signing-realms", "2,1"]);
    let second = &["--signing-realms", "2"];
    let serving = node(&home, name, &policy, both).await;
    let before = G::start(secrets::<G>(&home, first), &serving).await;
    until(&before, || signed(&home, first, &old_key), 200).await;
    // Every gate takes both before a key is moved.
    let between = G::start(secrets::<G>(&home, both), &serving).await;
    until(&between, || signed(&home, both, &old_key), 200).await;
    let moved = home.json(&[&["keys", "rotate", &old_key, "--overlap", "1h"][..], both].concat());
    let new_key = moved["id"].as_str().expect("an id").to_owned();
    until(&between, || signed(&home, both, &new_key), 200).await;
    until(&between, || signed(&home, both, &old_key), 200).await;
    drop((before, between));

    let after = G::start(secrets::<G>(&home, second), &serving).await;
    until(&after, || signed(&home, second, &new_key), 200).await;
    let refused = after.send(&signed(&home, both, &old_key)).await;
    assert_ne!(refused.status, 200, "what realm 1 derives is good no longer");
}

/// Two secrets of one identity provider, each with an issuer of its own.
pub async fn token_secrets<G: Elsewhere>() {
    let home = Home::default();
    let folder = home.path().with_file_name("");
    let issuers = ["corp-1", "corp-2"].map(|name| {
        let secret = name.bytes().cycle().take(32).collect::<Vec<u8>>();
        let file = private_file(&folder, name, &filter::hex::encode(&secret));
        (name, secret, file)
    });
    // What the node and the gates are told, with these of the issuers.
    let told = |wanted: &[usize]| {
        let mut settings = "[token_secrets]\n".to_owned();
        for index in wanted {
            let (name, _, file) = &issuers[*index];
            settings.extend([name, " = \"", file.to_str().expect("text"), "\"\n"]);
        }
        std::fs::write(folder.join("lunette.toml"), settings).expect("a file");
        let wanted: Vec<_> = wanted.iter().map(|index| issuers[*index].0).collect();
        (policy_of(&home, &wanted), secrets::<G>(&home, &[]))
    };
    let by_token = |index: usize| token(issuers[index].0, &issuers[index].1);

    let (policy, secrets) = told(&[0]);
    let serving = node(&home, G::NAME, &policy, &[]).await;
    until(&G::start(secrets, &serving).await, || by_token(0), 200).await;
    drop(serving);

    let (policy, secrets) = told(&[0, 1]);
    let serving = node(&home, G::NAME, &policy, &[]).await;
    let between = G::start(secrets, &serving).await;
    until(&between, || by_token(0), 200).await;
    until(&between, || by_token(1), 200).await;
    drop((between, serving));

    let (policy, secrets) = told(&[1]);
    let serving = node(&home, G::NAME, &policy, &[]).await;
    let after = G::start(secrets, &serving).await;
    until(&after, || by_token(1), 200).await;
    assert_eq!(after.send(&by_token(0)).await.status, 401, "the first issuer is known no longer");
}

/// A new root secret: a new node and a new gate beside the old ones, with the same keys.
pub async fn root_secret<G: Elsewhere>() {
    let home = Home::default();
    let (key, policy) = (home.new_key(), home.policy());
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = private_file(folder.path(), "root", &"0123456789abcdef".repeat(4));
    let root = ["--root-secret-file", file.to_str().expect("text")];
    let before = node(&home, G::NAME, &policy, &[]).await;
    let after = node(&home, G::NAME, &policy, &root).await;
    let old = G::start(secrets::<G>(&home, &[]), &before).await;
    let new = G::start(secrets::<G>(&home, &root), &after).await;
    until(&old, || by_key(&key), 200).await;
    until(&new, || by_key(&key), 200).await;

    // A gate of one pair believes no node of the other.
    let mixed = G::start(secrets::<G>(&home, &[]), &after).await;
    is(&mixed.send(&by_key(&key)).await, 503, "policy-unavailable");
}

fn secrets<G: Elsewhere>(home: &Home, more: &[&str]) -> Secrets {
    let secrets = home.json(&[&["gates", "secrets", "--gate", G::NAME], more].concat());
    let secrets = secrets.as_object().expect("an object").iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    secrets.collect()
}

async fn node(home: &Home, gates: &str, policy: &str, more: &[&str]) -> Node {
    let arguments = ["--gate", "external", "--gates", gates, "--policy", policy];
    Node::start(home, &[&arguments, more].concat()).await
}

/// Sends requests until one is answered so; no later than a gate must have learnt of a change.
async fn until<G: Elsewhere>(gate: &G, request: impl Fn() -> Request, status: u16) {
    let began = Instant::now();
    loop {
        let late = began.elapsed() > ARRIVAL;
        let answer = gate.send(&request()).await;
        if answer.status == status {
            return;
        }
        assert!(!late, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.problem()["code"]), (status, &code.into()));
}

/// A small image, with this `Authorization`.
fn by_key(credential: &str) -> Request {
    let mut request = named("a PNG").request();
    request.set("Authorization", format!("Bearer {credential}"));
    request
}

/// The same image, as `lunette sign` signs it.
fn signed(home: &Home, realms: &[&str], key: &str) -> Request {
    let mut request = named("a PNG").request();
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    let body = home.path().with_extension("body");
    std::fs::write(&body, &request.body).expect("a file");
    let (url, body) = (format!("http://{HOST}{PATH}"), body.to_str().expect("text").to_owned());
    let arguments = ["sign", "--url", &url, "--content-type", "image/png", "--body", &body];
    let arguments = [&arguments, &["--key-id", key][..], realms].concat();
    let output = home.command(&arguments).output().expect("lunette runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((name, value)) = line.split_once(": ") {
            request.set(name, value.to_owned());
        }
    }
    request
}

/// The policy of the vectors, with these issuers, whose secrets have their names.
fn policy_of(home: &Home, issuers: &[&str]) -> String {
    let mut policy: Value = serde_json::from_str(POLICY).expect("JSON");
    let issuer = |name: &&str| {
        json!({ "name": name, "issuer": format!("https://{name}.example/"), "audiences": ["images"],
                "algorithms": ["HS256"], "hmac_secret": name, "max_lifetime": "1h", "tier": "free" })
    };
    policy["issuers"] = issuers.iter().map(issuer).collect();
    let file = home.path().with_extension("policy.json");
    std::fs::write(&file, policy.to_string()).expect("a file");
    file.to_str().expect("text").to_owned()
}

/// The image, with a token that this issuer signed now.
fn token(issuer: &str, secret: &[u8]) -> Request {
    let now = Moment::real().0.0 / 1000;
    let claims = json!({ "iss": format!("https://{issuer}.example/"), "sub": "alice", "aud": "images",
        "scope": "background-removal", "iat": now, "exp": now + 300 });
    let encode = |part: &Value| Base64UrlUnpadded::encode_string(part.to_string().as_bytes());
    let message =
        format!("{}.{}", encode(&json!({ "alg": "HS256", "typ": "JWT" })), encode(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    mac.update(message.as_bytes());
    let seal = Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes());
    by_key(&format!("{message}.{seal}"))
}
