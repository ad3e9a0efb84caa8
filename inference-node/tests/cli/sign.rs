//! Signed requests: `lunette sign`.

use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding as _};
use filter::permit::Credential;
use filter::signature::Scheme;
use serde_json::Value;

use crate::gate::{Arriving, Gate, png};
use crate::machine::{Machine, Ran, assert_has};

const URL: &str = "http://127.0.0.1:8080/v1/background-removal?a=b";

/// A machine with a photo.
fn machine() -> Machine {
    let machine = Machine::new();
    std::fs::write(machine.path("photo.png"), png()).unwrap();
    machine
}

fn sign<'a>(id: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let sign = ["sign", "--key-id", id, "--url", URL, "--body", "photo.png"];
    sign.into_iter().chain(flags.iter().copied()).collect()
}

/// Judges what was printed, as the gate would.
fn judge(machine: &Machine, printed: &Value) -> Result<filter::Claims, &'static str> {
    Gate::of(machine).judge(&Arriving::signed(printed, &png()))
}

#[test]
fn a_gate_takes_what_was_signed() {
    let machine = machine();
    for scheme in [Scheme::Rfc9421, Scheme::Simple] {
        let made = machine.made(&["--signing", scheme.as_str(), "--signature-required"]);
        let id = made["id"].as_str().unwrap();
        let printed = machine.json(&sign(id, &["--json"]));
        assert_eq!(printed["headers"]["Content-Type"], "image/png");
        let claims = judge(&machine, &printed).unwrap();
        let Credential::Key(signer) = &claims.credential else { panic!("{claims:?}") };
        assert_eq!(signer.as_str(), id);
        assert!(claims.nonce.is_some() && claims.content_digest.is_some(), "{claims:?}");
    }
}

#[test]
fn two_signatures_are_two_and_one_is_good_once() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let id = made["id"].as_str().unwrap();
    let [one, two] = [0, 1].map(|_| machine.json(&sign(id, &["--json"])));
    let gate = Gate::of(&machine);
    let judge = |printed| gate.judge(&Arriving::signed(printed, &png())).map(|_| ());
    assert_eq!(judge(&one), Ok(()));
    assert_eq!(judge(&one), Err("signature-replayed"));
    assert_eq!(judge(&two), Ok(()));
}

#[test]
fn what_is_changed_afterwards_is_not_what_was_signed() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let printed = machine.json(&sign(made["id"].as_str().unwrap(), &["--json"]));
    let gate = Gate::of(&machine);
    let changes: [fn(&mut Arriving); 3] = [
        |request| request.target = "/v1/background-removal?a=c".into(),
        |request| request.authority = "localhost:8080".into(),
        |request| request.headers.retain(|(name, _)| name != "Content-Digest"),
    ];
    for change in changes {
        let mut request = Arriving::signed(&printed, &png());
        change(&mut request);
        assert!(gate.judge(&request).is_err());
    }
}

#[test]
fn a_client_signs_with_what_it_was_given_and_needs_no_database() {
    let (server, client) = (machine(), machine());
    let made = server.made(&["--signing"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["signing_secret"].as_str().unwrap());
    let mut command = client.command(&sign(id, &["--json"]));
    let out = Ran::of(command.env("LUNETTE_SIGNING_SECRET", secret)).succeeded();
    let by_variable: Value = serde_json::from_str(&out).unwrap();
    let file = client.write("client.secret", secret, 0o600).display().to_string();
    let by_file = client.json(&sign(id, &["--json", "--secret-file", &file]));
    for printed in [by_variable, by_file] {
        assert!(judge(&server, &printed).is_ok(), "{printed}");
    }
    assert!(!client.data().exists());
    let problem = client.run(&sign(id, &[])).refused(64);
    assert_has(&problem, &["--secret-file", "LUNETTE_SIGNING_SECRET"]);
    client.write("client.secret", secret, 0o644);
    assert_has(&client.run(&sign(id, &["--secret-file", &file])).refused(64), &["chmod 600"]);
    client.write("client.secret", "no secret", 0o600);
    let problem = client.run(&sign(id, &["--secret-file", &file])).refused(64);
    assert_has(&problem, &["client.secret", "base64"]);
    assert!(!problem.contains("no secret"));
}

#[test]
fn a_key_in_a_file_is_sent_with_its_signature() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let file = machine.write("client.key", made["key"].as_str().unwrap(), 0o600);
    let arguments = [
        "sign",
        "--key-file",
        file.to_str().unwrap(),
        "--url",
        URL,
        "--body",
        "photo.png",
        "--json",
    ];
    let printed = machine.json(&arguments);
    assert_eq!(printed["headers"]["X-API-Key"], made["key"]);
    assert!(judge(&machine, &printed).is_ok());
}

#[test]
fn the_record_says_how_and_whether_a_key_signs() {
    let machine = machine();
    let simple = machine.made(&["--signing", "simple"]);
    let id = simple["id"].as_str().unwrap();
    let printed = machine.json(&sign(id, &["--json"]));
    assert!(printed["headers"].get("X-Signature").is_some(), "{printed}");
    let problem = machine.run(&sign(id, &["--scheme", "rfc9421"])).refused(64);
    assert_has(&problem, &["--scheme rfc9421", "signs with simple and nothing else"]);
    let plain = machine.made(&[]);
    assert_has(
        &machine.run(&sign(plain["id"].as_str().unwrap(), &[])).refused(64),
        &["does not sign"],
    );
    let unknown = machine.run(&sign("0000000000", &[])).refused(64);
    assert_has(&unknown, &["0000000000", "--secret-file"]);
}

#[test]
fn nonce_and_time_can_be_chosen() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let id = made["id"].as_str().unwrap();
    let chosen = ["--json", "--nonce", "0123456789abcdef", "--created", "1700000000"];
    let printed = machine.json(&sign(id, &[&chosen[..], &["--expires-in", "60s"]].concat()));
    let input = printed["headers"]["Signature-Input"].as_str().unwrap();
    assert_has(input, &["created=1700000000", "expires=1700000060", "nonce=\"0123456789abcdef\""]);
    assert_eq!(printed, machine.json(&sign(id, &[&chosen[..], &["--expires-in", "60s"]].concat())));
    let problem = machine.run(&sign(id, &["--nonce", "short"])).refused(64);
    assert_has(&problem, &["nonce"]);
}

#[test]
fn the_media_type_is_guessed_for_images_alone() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let id = made["id"].as_str().unwrap();
    machine.write("text", "no image", 0o644);
    let sign = ["sign", "--key-id", id, "--url", URL, "--body", "text", "--json"];
    assert_has(&machine.run(&sign).refused(64), &["--content-type"]);
    let printed = machine.json(&[&sign[..], &["--content-type", "text/plain"]].concat());
    assert_eq!(
        (&printed["method"], &printed["headers"]["Content-Type"]),
        (&"POST".into(), &"text/plain".into())
    );
    let without = machine.json(&["sign", "--key-id", id, "--url", URL, "--json"]);
    assert_eq!((&without["method"], &without["body"]), (&"GET".into(), &Value::Null));
}

#[test]
fn mistakes_are_named() {
    let machine = machine();
    let made = machine.made(&["--signing"]);
    let id = made["id"].as_str().unwrap();
    for (arguments, parts) in [
        (&["sign", "--url", URL][..], &["--key-id", "--key-file"][..]),
        (&["sign", "--key-id", id, "--url", "photo.png"], &["--url", "photo.png", "https://"]),
        (
            &["sign", "--key-id", id, "--url", URL, "--body", "missing.png"],
            &["--body missing.png", "No such file"],
        ),
        (&["sign", "--key-id", "lun_test_x", "--url", URL], &["ten letters and digits"]),
    ] {
        assert_has(&machine.run(arguments).refused(64), parts);
    }
}

/// What a web server gets from curl, as far as it is text.
fn received(machine: &Machine, curl: &mut Command, listener: &std::net::TcpListener) -> String {
    use std::io::{Read as _, Write as _};
    let mut child = curl.current_dir(machine.path("")).stdout(Stdio::null()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    // Until the end of the body, which is the end of a PNG.
    while !bytes.windows(4).any(|window| window == b"IEND") {
        let read = stream.read(&mut piece).unwrap();
        assert_ne!(read, 0, "curl closed early");
        bytes.extend_from_slice(&piece[..read]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The request that was received, as a gate sees it.
fn arrived(text: &str) -> Arriving {
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap().split(' ');
    let fields: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap().1;
    Arriving {
        method: words.next().unwrap().into(),
        target: words.next().unwrap().into(),
        authority: host.into(),
        headers: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: png(),
        client: filter::Peer::Direct([127, 0, 0, 1].into()),
    }
}

#[test]
fn curl_sends_what_was_signed_in_both_of_the_documented_ways() {
    let machine = machine();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    // Dots and brackets that curl would like to change.
    let url = format!("http://{authority}/v1/background-removal?a=[1-2]&b=%41");
    let policy = include_str!("../../../filter/policy.json").replace("127.0.0.1:8080", &authority);
    machine.write("policy.json", &policy, 0o644);
    machine.write("lunette.toml", "policy = \"policy.json\"", 0o644);
    for scheme in ["rfc9421", "simple"] {
        let made = machine.made(&["--signing", scheme]);
        let id = made["id"].as_str().unwrap();
        let sign = ["sign", "--key-id", id, "--url", &url, "--body", "photo.png"];

        let config = machine.run(&[&sign[..], &["--curl"]].concat()).succeeded();
        machine.write("curl.config", &config, 0o600);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--config", "curl.config"]);
        let by_config = received(&machine, &mut curl, &listener);

        machine.write("fields", &machine.run(&sign).succeeded(), 0o600);
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--globoff",
            "--header",
            "@fields",
            "--data-binary",
            "@photo.png",
            &url,
        ]);
        let by_fields = received(&machine, &mut curl, &listener);

        for text in [by_config, by_fields] {
            let claims = Gate::of(&machine).judge(&arrived(&text));
            assert!(claims.is_ok_and(|claims| claims.nonce.is_some()), "{scheme}: {text}");
        }
    }
}

#[test]
fn a_scheme_that_signs_in_the_url_needs_the_whole_request() {
    let machine = machine();
    let made = machine.made(&["--signing", "cloudflare-timed"]);
    let id = made["id"].as_str().unwrap();
    let problem = machine.run(&sign(id, &[])).refused(64);
    assert_has(&problem, &["--curl or --json"]);
    let printed = machine.json(&sign(id, &["--json"]));
    assert!(
        printed["url"].as_str().unwrap().starts_with(URL) && printed["url"] != URL,
        "{printed}"
    );
}

#[test]
fn the_simple_scheme_can_be_checked_by_hand() {
    let machine = machine();
    let made = machine.made(&["--signing", "simple"]);
    let id = made["id"].as_str().unwrap();
    let printed = machine
        .json(&sign(id, &["--json", "--nonce", "0123456789abcdef", "--created", "1700000000"]));
    let digest = filter::hex::encode(&filter::key::hash_at_rest(&png()));
    let text = format!(
        "LUNETTE1\nPOST\n127.0.0.1:8080\n/v1/background-removal?a=b\nimage/png\n1700000000\n\
         0123456789abcdef\n{digest}"
    );
    let secret = Base64::decode_vec(made["signing_secret"].as_str().unwrap()).unwrap();
    let key = format!("hexkey:{}", filter::hex::encode(&secret));
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut openssl.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let out = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    let expected = out.trim_end().rsplit(' ').next().unwrap();
    assert_eq!(printed["headers"]["X-Signature"], expected);
}
