//! `lunette policy explain`.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::machine::{Machine, PATH, Ran, SCOPE, assert_has, png};

fn explain(machine: &Machine, arguments: &[&str]) -> Ran {
    machine.run(&[&["policy", "explain", "--path", PATH], arguments].concat())
}

/// A machine with a key in the file `key` and an image in the file `image`.
fn machine() -> (Machine, String) {
    let machine = Machine::new();
    let key = machine.key(&["--scope", SCOPE]);
    machine.write("image", png(3, 4), 0o644);
    (machine, key)
}

#[test]
fn a_good_request_is_let_through_and_its_permit_shown() {
    let (machine, key) = machine();
    let request = ["--key-file", "key", "--image", "image", "--client", "192.0.2.7"];
    let document = explain(&machine, &[&request[..], &["--json"]].concat()).json(0);
    assert_eq!(document["verdict"], "released");
    let checks = document["checks"].as_array().unwrap();
    assert!(
        checks.len() == 16 && checks.iter().all(|row| row["outcome"] == "passed"),
        "{document}"
    );
    let permit = &document["permit"];
    let id = &key["lun_test_".len()..][..10];
    assert_eq!(permit["credential"], json!({ "key": id }));
    assert_eq!([&permit["principal"], &permit["tier"], &permit["format"]], ["acme", "free", "png"]);
    let size = [&permit["width"], &permit["height"], &permit["cost_pixels"]];
    assert_eq!(size, [3, 4, 12]);
    assert_eq!(document["client"], "192.0.2.7");
    assert_eq!(document["store"], "empty");
    // 60 a minute, of which one is taken; and the network's 6000.
    let limits = document["answer"]["headers"]["ratelimit"].as_str().unwrap();
    assert_has(limits, &[r#""requests";r=59"#, r#""network";r=5999"#, r#""megapixels""#]);

    let ran = explain(&machine, &request);
    assert_has(&ran.err, &["empty store"]);
    let shown = ran.succeeded();
    assert_has(&shown, &["released", &format!("key {id}"), "PNG, 3 x 4", "12 pixels"]);
}

#[test]
fn a_refusal_shows_the_answer_as_it_would_be_sent() {
    let machine = Machine::new();
    let ran = explain(&machine, &["-H", "Content-Type: image/png", "-H", "Content-Length: 40"]);
    assert_eq!(ran.code, Some(2));
    assert_has(&ran.err, &["empty store", "No key is known"]);
    assert!(!ran.err.contains("lunette: "), "a refusal is a result: {}", ran.err);
    assert_has(
        &ran.out,
        &[
            "refused by the gate",
            "401 Unauthorized\ncontent-type: application/problem+json\n",
            "\nwww-authenticate: Bearer realm=\"lunette\"\n",
            "\n\n{\"type\":\"urn:lunette:problem:credential-missing\"",
        ],
    );
    let rows: Vec<_> = ran.out.lines().map(|line| line.split_whitespace().take(2)).collect();
    let row = |index: usize| rows[index].clone().collect::<Vec<_>>();
    assert_eq!(row(8), ["length", "passed"]);
    assert_eq!(row(9), ["credential", "refused"]);
    assert_eq!(row(10), ["permission", "not-reached"]);
}

#[test]
fn a_head_alone_is_judged_as_far_as_it_goes() {
    let (machine, _) = machine();
    let head =
        ["--key-file", "key", "-H", "Content-Type: image/png", "-H", "Content-Length: 70000"];
    let document = explain(&machine, &[&head[..], &["--json"]].concat()).json(0);
    assert_eq!(document["verdict"], "undecided");
    assert_eq!(document["checks"][10], json!({ "check": "admission", "outcome": "passed" }));
    assert_eq!(document["checks"][11], json!({ "check": "image", "outcome": "not-reached" }));
    assert_has(&explain(&machine, &head).succeeded(), &["none yet", "--image"]);
}

#[test]
fn nothing_secret_is_printed() {
    let (machine, key) = machine();
    let secret = &key[20..52];
    let bearer = format!("Authorization: Bearer {key}");
    let changed = key.replace(secret, &"A".repeat(32));
    machine.write("loose", &key, 0o644);
    machine.write("fields", format!("X-API-Key: {key}\nCookie: {key}\n"), 0o644);
    machine.write("broken", format!("X-API-Key: a\n{key}\n"), 0o644);
    machine.write("two", format!("{key}\n{key}\n"), 0o600);
    for (arguments, code) in [
        (&["-H", &*bearer, "--image", "image"][..], 0),
        (&["-H", "@fields", "--image", "image"], 0),
        (&["-H", &bearer, "-H", &format!("X-API-Key: {key}"), "--image", "image"], 2),
        (&["-H", &format!("X-API-Key: {changed}"), "--image", "image"], 2),
        (&["-H", &format!("X-API-Key: {key}x"), "--image", "image"], 2),
        (&["-H", &key], 64),
        (&["-H", &format!("X-API-Key {key}")], 64),
        (&["-H", "@broken"], 64),
        (&["--key-file", "loose"], 64),
        (&["--key-file", "two"], 64),
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = explain(&machine, &[arguments, json].concat());
            assert_eq!(ran.code, Some(code), "{}{}", ran.out, ran.err);
            for text in [&ran.out, &ran.err] {
                assert!(!text.contains(secret) && !text.contains(&"A".repeat(32)), "{text}");
            }
        }
    }
    assert_has(&explain(&machine, &["--key-file", "loose"]).mistake(), &["chmod 600 loose"]);
}

#[test]
fn a_signed_request_is_explained_from_what_the_signer_prints() {
    let machine = Machine::new();
    machine.policy("policy.json", |policy| {
        policy["authorities"] = json!(["images.example"]);
        policy["routes"][0]["signature"] = json!("required");
    });
    machine.write("image", png(3, 4), 0o644);
    let env = machine.run(&["keys", "new", "--principal", "acme", "--scope", SCOPE, "--signing"]);
    let env = env.succeeded();
    let id = env.lines().find_map(|line| line.strip_prefix("LUNETTE_KEY_ID=")).unwrap();
    let url = format!("https://images.example{PATH}");
    let sign = ["sign", "--key-id", id, "--url", &url, "--body", "image"];
    let signed = machine.run(&sign).succeeded();
    let signature = signed.lines().find_map(|line| line.strip_prefix("Signature: ")).unwrap();
    let judge = |authority: &str, image: &str, code| {
        let arguments = [
            "policy",
            "explain",
            "--policy",
            "policy.json",
            "--path",
            PATH,
            "-H",
            "@-",
            "--json",
            "--authority",
            authority,
            "--image",
            image,
        ];
        let ran = machine.run_with(&arguments, &signed);
        assert!(!ran.out.contains(signature), "{}", ran.out);
        ran.json(code)
    };
    let document = judge("images.example", "image", 0);
    assert_eq!(document["permit"]["credential"], json!({ "key": id }));
    assert_eq!(document["permit"]["weaker"], json!([]));
    let document = judge("other.example", "image", 2);
    assert_eq!(document["code"], "signature-other-authority");
    // Another image of the same length: the head is good, and its digest is not that of the body.
    let mut other = png(3, 4);
    let at = other.len() - 20;
    other[at] ^= 1;
    machine.write("other", other, 0o644);
    let document = judge("images.example", "other", 2);
    assert_eq!(document["code"], "digest-differs");
    assert_eq!(document["checks"][13]["outcome"], "refused");
}

#[test]
fn what_is_only_reported_is_told_and_goes_on() {
    let machine = Machine::new();
    machine.policy("policy.json", |policy| {
        policy["routes"][0]["mode"] = json!("report");
        policy["report"] = json!({ "requests": 5, "window": "60s" });
    });
    machine.write("image", png(3, 4), 0o644);
    let request = ["--policy", "policy.json", "--image", "image"];
    let document = explain(&machine, &[&request[..], &["--json"]].concat()).json(0);
    assert_eq!(document["verdict"], "released");
    assert_eq!(document["permit"]["reported"], json!(["credential-missing"]));
    assert_eq!(document["permit"]["credential"], "unverified");
    assert_eq!(document["checks"][8]["outcome"], "reported");
    assert_has(&explain(&machine, &request).succeeded(), &["none that could be verified"]);
}

#[test]
fn the_client_is_the_one_that_a_trusted_proxy_names() {
    let (machine, _) = machine();
    machine.policy("policy.json", |policy| policy["trusted_proxies"] = json!(["10.0.0.0/8"]));
    let request = ["--key-file", "key", "--image", "image", "--policy", "policy.json", "--json"];
    for (peer, client) in [("10.1.2.3", "198.51.100.9"), ("192.0.2.7", "192.0.2.7")] {
        let forwarded = ["--client", peer, "-H", "X-Forwarded-For: 203.0.113.1, 198.51.100.9"];
        let document = explain(&machine, &[&request[..], &forwarded].concat()).json(0);
        assert_eq!(document["client"], client);
    }
    let problem = explain(&machine, &["--client", "192.0.2"]).mistake();
    assert_has(&problem, &["--client", "\"192.0.2\"", "expected an address"]);
}

#[test]
fn to_explain_changes_nothing() {
    let machine = Machine::new();
    let ran = explain(&machine, &[]);
    assert_eq!(ran.code, Some(2));
    assert!(!machine.path("share").exists());

    let _ = machine.key(&["--scope", SCOPE]);
    machine.policy("other.json", |policy| policy["skew"] = json!("60s"));
    let snapshot = || machine.run(&["policy", "snapshot", "--json"]).json(0);
    let before = snapshot();
    explain(&machine, &["--policy", "other.json"]);
    assert_eq!(snapshot(), before);
}

#[test]
fn operators_are_told_more_than_the_client() {
    let machine = Machine::new();
    let _ = machine.key(&["--scope", SCOPE, "--expires-in", "1h"]);
    machine.write("image", png(3, 4), 0o644);
    let request = ["--key-file", "key", "--image", "image", "--json"];
    let document = explain(&machine, &[&request[..], &["--at", "4000000000"]].concat()).json(2);
    assert_eq!(document["reason"], "key-expired");
    assert_eq!(document["checks"][8]["why"], "the key has expired");
    assert_eq!(document["answer"]["body"]["detail"], "the API key is not valid");
    explain(&machine, &request).json(0);
}

#[test]
fn tokens_are_verified_with_the_secrets_of_this_machine() {
    let machine = Machine::new();
    machine.policy("policy.json", |policy| {
        policy["issuers"] = json!([{
            "name": "corp", "issuer": "https://id.example", "audiences": ["lunette"],
            "algorithms": ["HS256"], "hmac_secret": "corp-2026", "max_lifetime": "1h", "tier": "vip",
        }]);
    });
    machine.write("image", png(3, 4), 0o644);
    let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at % 16 * 0x11).unwrap());
    let token = token(&secret);
    machine.write("token", &token, 0o600);
    machine.write("corp.secret", "00112233445566778899aabbccddeeff".repeat(2), 0o600);
    let request = [
        "--policy",
        "policy.json",
        "--at",
        "1800000000",
        "--image",
        "image",
        "--key-file",
        "token",
    ];
    let arguments = [&request[..], &["--json"]].concat();
    assert_has(&explain(&machine, &arguments).mistake(), &["token_secrets", "corp-2026"]);

    machine.write("lunette.toml", "[token_secrets]\ncorp-2026 = \"corp.secret\"", 0o644);
    let ran = explain(&machine, &arguments);
    assert!(!ran.out.contains(&token), "{}", ran.out);
    let document = ran.json(0);
    assert_eq!(document["permit"]["credential"]["token"]["issuer"], "corp");
    assert_eq!(document["permit"]["tier"], "vip");
    assert_has(&explain(&machine, &request).succeeded(), &["token of corp"]);

    machine.write("token", self::token(&[7; 32]), 0o600);
    assert_eq!(explain(&machine, &arguments).json(2)["code"], "invalid-token");
}

/// A token of the issuer of these tests, signed with HS256 (RFC 7515).
fn token(secret: &[u8]) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = json!({
        "iss": "https://id.example", "aud": "lunette", "sub": "someone", "jti": "1",
        "iat": 1_800_000_000, "exp": 1_800_000_600, "scope": SCOPE,
    });
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    let input = format!("{header}.{claims}");
    // HMAC by its definition (RFC 2104), for a key that is no longer than the block.
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(secret).for_each(|(byte, secret)| *byte ^= secret);
        Sha256::new().chain_update(block)
    };
    let inner = padded(0x36).chain_update(&input).finalize();
    format!("{input}.{}", encode(&padded(0x5c).chain_update(inner).finalize()))
}
