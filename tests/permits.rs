//! The node alone, behind a gate elsewhere: it takes a request only with that gate's permit for
//! exactly this request, and once.

use base64ct::{Base64, Encoding as _};
use conformance::client::{self, Answer};
use conformance::http2;
use conformance::library::{Cut, Filters};
use conformance::node::{Home, Node};
use conformance::permit::{Gate, now};
use conformance::vectors::{self, Vector};
use filter::key::TokenId;
use filter::permit::{Claims, Credential, Nonce, Token};
use filter::policy::Mode;
use filter::{Environment, KeyId, PermitKey, UnixMillis};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// What is wrong with a permit, and how it comes to be so.
type Change = (&'static str, fn(&mut Claims));

/// What the gate is told beside the client's answer.
fn verdict(answer: &Answer) -> Option<&str> {
    answer.header("lunette-verdict")
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem()["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_bad_end_that_no_gate_saw_is_refused_undecoded_with_a_gates_answer() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let policy = home.policy();
    let arguments = ["--gate", "external", "--gates", "edge-1", "--policy", &policy];
    let node = Node::start(&home, &arguments).await;
    let (mut filters, mut refused) = (Filters::default(), 0);
    for vector in vectors::all().into_iter().filter(Vector::is_plain) {
        let mut request = vector.request();
        if !request.target.starts_with("/v1/background-removal") {
            continue;
        }
        let mut library = || filters.under("default", Cut::Nowhere);
        let Some(seen) = library().permit_unseen(&request) else { continue };
        let at_a_gate = library().inspect(&request, "").answer;
        if at_a_gate.status == 200 {
            continue;
        }
        let own = gate.claims();
        let claims = Claims {
            method: request.method.clone(),
            target: request.target.clone(),
            content_type: seen.content_type,
            content_length: seen.content_length,
            format: seen.format,
            width: seen.width,
            height: seen.height,
            frames: seen.frames,
            cost_pixels: seen.cost_pixels,
            ..own
        };
        request.headers.retain(|(name, _)| name.starts_with("Content-"));
        let permit = gate.key.seal(claims).unwrap();
        request.headers.push(("Lunette-Permit".to_owned(), permit));
        let answer = node.send(&request).await;
        let (mut ours, mut theirs) = (answer.problem(), at_a_gate.problem());
        for problem in [&mut ours, &mut theirs] {
            problem["request_id"].take();
        }
        assert_eq!((answer.status, ours), (at_a_gate.status, theirs), "{}", vector.name);
        refused += 1;
    }
    assert!(refused > 50, "only {refused}");
    for format in ["png", "jpeg", "webp"] {
        let name = format!("lunette_images_total{{format=\"{format}\"}}");
        assert_eq!(node.metric(&name).await, 0, "{format}");
    }
    assert_eq!(node.inferences().await, 0);
}

/// Whether it is the permit that is missing, or room for its body: a gate elsewhere passes on what is answered.
#[tokio::test]
async fn a_client_that_is_refused_while_it_sends_gets_its_answer_and_keeps_its_connection() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let small = ["--upload-total", "24MiB", "--upload-share-per-key", "1/2"];
    let arguments = [&["--gate", "external", "--gates", "edge-1"], small.as_slice()].concat();
    let node = Node::start(&home, &arguments).await;
    gate.body = vec![0; 13_000_000];
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    for _ in 0..4 {
        let permit = gate.permit(|_| {});
        let without = (gate.request(&[]), 401, "permit-missing");
        let too_long = (gate.request(&[&permit]), 429, "uploads-of-key");
        for (request, status, expected) in [without, too_long] {
            stream.write_all(&client::head_bytes(&request)).await.unwrap();
            stream.write_all(&request.body).await.expect("the whole body is taken");
            let answer = client::read_answer(&mut stream).await.unwrap();
            assert_eq!(code(&answer), (status, expected.to_owned()));
        }
    }
}

#[tokio::test]
async fn only_a_fresh_permit_for_exactly_this_request_is_accepted() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let refused = |answer: &Answer, expected: &str, what: &str| {
        assert_eq!(code(answer), (401, expected.to_owned()), "{what}");
    };

    refused(&node.send(&gate.request(&[])).await, "permit-missing", "none");
    let (first, second) = (gate.permit(|_| {}), gate.permit(|_| {}));
    refused(&node.send(&gate.request(&[&first, &second])).await, "permit-invalid", "two");
    // A seal that happens to end in this very letter gets another one.
    let letter = if first.ends_with('A') { 'Q' } else { 'A' };
    let altered = format!("{}{letter}", &first[..first.len() - 1]);
    refused(&node.send(&gate.request(&[&altered])).await, "permit-invalid", "altered");

    let changes: [Change; 11] = [
        ("expired", |claims| claims.issued_at -= 36_000),
        ("from the future", |claims| claims.issued_at += 60_000),
        ("another method", |claims| claims.method = "PUT".into()),
        ("another path", |claims| claims.target = "/v1/ocr".into()),
        ("another query", |claims| claims.target = "/v1/background-removal?x=2".into()),
        ("another audience", |claims| claims.audience = "other".into()),
        ("another environment", |claims| claims.environment = Environment::Live),
        ("another type", |claims| claims.content_type = "image/jpeg".into()),
        ("another length", |claims| claims.content_length += 1),
        ("for a page that asks nobody", |claims| claims.credential = Credential::Anonymous),
        ("from before the start", |claims| claims.issued_at -= 34_000),
    ];
    for (what, change) in changes {
        let permit = gate.permit(change);
        refused(&node.send(&gate.request(&[&permit])).await, "permit-invalid", what);
    }
    let stranger = Credential::Key(KeyId::parse("0000000000").unwrap());
    let unknown = gate.permit(|claims| claims.credential = stranger);
    refused(&node.send(&gate.request(&[&unknown])).await, "invalid-key", "an unknown key");
    let other = gate.permit(|claims| claims.principal = "other".into());
    refused(&node.send(&gate.request(&[&other])).await, "invalid-key", "another principal");

    let foreign = PermitKey::new("edge-1", 1, [1; 32]).seal(gate.claims()).unwrap();
    refused(&node.send(&gate.request(&[&foreign])).await, "permit-invalid", "a foreign key");
    let stranger = PermitKey::new("edge-2", 1, [1; 32]).seal(gate.claims()).unwrap();
    refused(&node.send(&gate.request(&[&stranger])).await, "permit-invalid", "an unknown gate");

    let smaller = gate.permit(|claims| claims.width = 41);
    assert_eq!(code(&node.send(&gate.request(&[&smaller])).await), (422, "image-differs".into()));
    assert_eq!(node.inferences().await, 0, "the model saw one of them");

    assert_eq!(node.send(&gate.request(&[&first])).await.status, 200);
    refused(&node.send(&gate.request(&[&first])).await, "permit-used", "used before");
    assert_eq!(node.inferences().await, 1);

    // Withdrawn behind the gate's back: the node looks for itself.
    let id = gate.api_key.to_string();
    assert!(home.command(&["keys", "revoke", &id]).output().unwrap().status.success());
    refused(&node.send(&gate.request(&[&second])).await, "invalid-key", "revoked meanwhile");
}

#[tokio::test]
async fn two_at_once_with_one_permit_are_one_too_many() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let permit = gate.permit(|_| {});
    let request = gate.request(&[&permit]);
    let (one, two) = tokio::join!(node.send(&request), node.send(&request));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(node.inferences().await, 1);
}

#[tokio::test]
async fn a_body_that_was_altered_on_the_way_is_not_decoded() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let permit = gate.permit(|_| {});
    let mut request = gate.request(&[&permit]);
    request.body[..4].copy_from_slice(b"<?ph");
    assert_eq!(code(&node.send(&request).await), (415, "not-an-image".into()));
    let permit = gate.permit(|_| {});
    let mut request = gate.request(&[&permit]);
    request.headers[0].1 = "image/jpeg".to_owned();
    assert_eq!(code(&node.send(&request).await), (401, "permit-invalid".into()));
    assert_eq!(node.inferences().await, 0);
}

/// What a permit says of a body whose digest was signed.
fn digest_of(body: &[u8]) -> String {
    format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)))
}

#[tokio::test]
async fn one_altered_byte_of_a_signed_body_is_one_too_many() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let digest = digest_of(&gate.body);
    for at in [0, gate.body.len() / 2, gate.body.len() - 1] {
        let permit = gate.permit(|claims| claims.content_digest = Some(digest.clone()));
        let mut request = gate.request(&[&permit]);
        request.body[at] ^= 1;
        assert_eq!(code(&node.send(&request).await), (400, "digest-differs".into()), "{at}");
    }
    assert_eq!(node.inferences().await, 0);
    let permit = gate.permit(|claims| claims.content_digest = Some(digest));
    assert_eq!(node.send(&gate.request(&[&permit])).await.status, 200);
}

#[tokio::test]
async fn a_body_of_another_length_than_the_permit_says_is_not_decoded() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let length = gate.body.len();

    // The connection ends before the body does.
    let permit = gate.permit(|_| {});
    let mut request = gate.request(&[&permit]);
    request.body.truncate(length - 1);
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let bytes = [client::head_bytes(&request), request.body].concat();
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    if let Ok(answer) = client::read_answer(&mut stream).await {
        assert_eq!(code(&answer), (400, "body-incomplete".into()));
    }

    // HTTP/2 has a clean end of its own: with less than was declared, and with more.
    for sent in [length - 1, length + 1] {
        let permit = gate.permit(|_| {});
        let mut request = gate.request(&[&permit]);
        request.body.resize(sent, 0);
        let stream = TcpStream::connect(node.address).await.unwrap();
        if let Ok(answer) = http2::send_on(stream, &request, 50).await {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }

    // The permit is for a shorter body, and the fields are its own: the rest is no part of it.
    let permit = gate.permit(|claims| claims.content_length = length as u64 - 1);
    let mut request = gate.request(&[&permit]);
    request.headers[1].1 = (length - 1).to_string();
    let answer = node.send(&request).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");

    // In chunks there is no length that could be that of the permit.
    let permit = gate.permit(|_| {});
    let mut request = gate.request(&[&permit]);
    let chunked = ("Transfer-Encoding".to_owned(), "chunked".to_owned());
    let body = std::mem::take(&mut request.body);
    request.body = [format!("{length:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let mut both = request.clone();
    request.headers[1] = chunked.clone();
    assert_eq!(code(&node.send(&request).await), (401, "permit-invalid".into()));
    both.headers.push(chunked);
    assert!((400..500).contains(&node.send(&both).await.status));
    assert_eq!(node.inferences().await, 0);

    // What was wrong was the length alone.
    let permit = gate.permit(|_| {});
    let stream = TcpStream::connect(node.address).await.unwrap();
    let answer = http2::send_on(stream, &gate.request(&[&permit]), 50).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_signature_is_good_for_one_answer_whatever_permits_it_got() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let mut signed = |nonce: &str| {
        let nonce = Nonce::of(nonce, UnixMillis(now() + 360_000));
        let permit = gate.permit(|claims| claims.nonce = Some(nonce));
        gate.request(&[&permit])
    };
    // Two gates that know nothing of each other let the same signature through.
    let (one, two) = (signed("a-nonce-that-is-sent-twice"), signed("a-nonce-that-is-sent-twice"));
    let (one, two) = tokio::join!(node.send(&one), node.send(&two));
    let (good, bad) = if one.status == 200 { (one, two) } else { (two, one) };
    assert_eq!(good.status, 200);
    assert_eq!(code(&bad), (401, "signature-replayed".into()));
    assert_eq!(verdict(&bad), None);
    assert_eq!(node.send(&signed("another-nonce-than-before")).await.status, 200);
    assert_eq!(node.inferences().await, 2);
}

#[tokio::test]
async fn what_a_gate_only_reported_is_taken_in_development_alone() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let external = ["--gate", "external", "--gates", "edge-1"];
    let development = Node::start(&home, &external).await;
    let strict = Node::start(&home, &[&external[..], &["--accept-report=false"]].concat()).await;
    let changes: [Change; 2] = [
        ("a scope", |claims| claims.reported = vec!["scope-missing".into()]),
        ("everything", |claims| {
            claims.credential = Credential::Unverified;
            claims.principal = "unverified".into();
        }),
    ];
    for (what, change) in changes {
        let mut report = |mode| {
            let permit = gate.permit(|claims| {
                change(claims);
                claims.mode = mode;
            });
            gate.request(&[&permit])
        };
        let refused = strict.send(&report(Mode::Report)).await;
        assert_eq!(code(&refused), (401, "permit-only-reported".into()), "{what}");
        assert_eq!(development.send(&report(Mode::Report)).await.status, 200, "{what}");
        let enforced = development.send(&report(Mode::Enforce)).await;
        assert_eq!(code(&enforced), (401, "permit-invalid".into()), "{what}");
    }
}

#[tokio::test]
async fn a_token_is_looked_up_again() {
    let home = Home::default();
    let folder = home.path().parent().unwrap().to_owned();
    let policy = include_str!("../filter/policy.json").replacen(
        '{',
        r#"{ "issuers": [{ "name": "corp", "issuer": "https://id.example", "audiences": ["x"],
             "algorithms": ["HS256"], "hmac_secret": "corp", "max_lifetime": "1h", "tier": "free" }],"#,
        1,
    );
    std::fs::write(folder.join("policy.json"), policy).unwrap();
    let secret = folder.join("corp.secret");
    std::fs::write(&secret, "0123456789abcdef".repeat(4)).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings = "policy = \"policy.json\"\n[token_secrets]\ncorp = \"corp.secret\"";
    std::fs::write(folder.join("lunette.toml"), settings).unwrap();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    let mut request = |issuer: &str, expires: u64| {
        let id = Some(TokenId::of("corp", "6f1c0d2e"));
        let credential = Credential::Token(Token { issuer: issuer.into(), id, expires });
        let permit = gate.permit(|claims| {
            claims.credential = credential;
            claims.principal = "corp:alice".into();
        });
        gate.request(&[&permit])
    };
    let invalid = (401, "invalid-token".to_owned());
    assert_eq!(node.send(&request("corp", now() + 60_000)).await.status, 200);
    assert_eq!(code(&node.send(&request("corp", now() - 60_000)).await), invalid, "expired");
    assert_eq!(code(&node.send(&request("other", now() + 60_000)).await), invalid, "not trusted");
    let revoke = ["tokens", "revoke", "--issuer", "corp", "--jti", "6f1c0d2e"];
    assert!(home.command(&revoke).output().unwrap().status.success());
    assert_eq!(code(&node.send(&request("corp", now() + 60_000)).await), invalid, "revoked");
    assert_eq!(node.inferences().await, 1);
}

#[tokio::test]
async fn a_gate_is_told_what_an_answer_means_for_it() {
    let home = Home::default();
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &["--gate", "external", "--gates", "edge-1"]).await;
    // More than the share of one key, and refused before any of it is read.
    let permit = gate.permit(|claims| claims.content_length = 70_000_000);
    let mut large = gate.request(&[&permit]);
    large.headers[1].1 = "70000000".to_owned();
    let answer = node.send(&large).await;
    assert_eq!((answer.status, verdict(&answer)), (429, Some("refund")), "{answer:?}");

    gate.body = b"not the image that it claims to be".to_vec();
    // SHA-256 of these bytes and of none, in base64, as `openssl dgst -binary` gives them.
    let right = "sha-256=:d+aUA7+AWY7LP880V2nyJVaIhnBHg372uVzLXHWaAK4=:";
    let wrong = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    for (digest, status, expected) in [
        (Some(right), 415, Some("malformed not-an-image")),
        (Some(wrong), 400, None),
        (None, 415, None),
    ] {
        let permit = gate.permit(|claims| claims.content_digest = digest.map(str::to_owned));
        let answer = node.send(&gate.request(&[&permit])).await;
        assert_eq!((answer.status, verdict(&answer)), (status, expected), "{digest:?}");
    }
    assert_eq!(node.inferences().await, 0);
}
