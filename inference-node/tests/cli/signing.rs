//! Keys that sign: `lunette keys new --signing`, `keys secret`, `keys rotate`, `gates secrets`.

use std::fs;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use filter::signature::Scheme;
use filter::{Environment, KeyId, RealmKey};
use serde_json::Value;

use crate::machine::{Machine, Ran, SCOPE, assert_has, id_of};

/// The secret that a gate with this realm key derives for the first secret of a key.
fn derived(realm: &str, id: &Value, scheme: Scheme) -> String {
    let (version, key) = realm.split_once(':').unwrap();
    let realm = RealmKey::new(version.parse().unwrap(), filter::hex::decode(key).unwrap());
    let id = KeyId::parse(id.as_str().unwrap()).unwrap();
    Base64::encode_string(realm.client_secret(&id, 1, scheme).as_slice())
}

/// What a gate is given to derive signing secrets with.
fn realm_keys(machine: &Machine, realms: &str) -> String {
    let secrets = ["gates", "secrets", "--gate", "edge-1", "--json", "--signing-realms", realms];
    machine.json(&secrets)["LUNETTE_REALM_KEYS"].as_str().unwrap().to_owned()
}

/// The PEM of a new public key, made by OpenSSL.
fn public_key(machine: &Machine, name: &str, arguments: &[&str]) -> String {
    let private = machine.path(&format!("{name}.pem"));
    let public = machine.path(&format!("{name}.pub.pem"));
    let run = |command: &mut Command| assert!(command.output().unwrap().status.success());
    run(Command::new("openssl").arg("genpkey").args(arguments).arg("-out").arg(&private));
    run(Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&private)
        .arg("-out")
        .arg(&public));
    public.display().to_string()
}

const ED25519: [&str; 2] = ["-algorithm", "ed25519"];
const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

#[test]
fn a_signing_key_prints_lines_for_its_clients_environment() {
    let machine = Machine::new();
    let ran = machine.run(&["keys", "new", "--principal", "p", "--scope", SCOPE, "--signing"]);
    let lines: Vec<_> = ran.out.lines().map(|line| line.split_once('=').unwrap()).collect();
    let [("LUNETTE_KEY_ID", id), ("LUNETTE_KEY", key), ("LUNETTE_SIGNING_SECRET", secret)] =
        lines[..]
    else {
        panic!("other lines: {}", ran.out)
    };
    assert_eq!(id_of(key), id);
    assert_eq!(Base64::decode_vec(secret).unwrap().len(), 32);
    assert_has(&ran.err, &[id, "only now", &format!("lunette keys secret {id}")]);
    assert!(!ran.err.contains(secret) && !ran.err.contains(key));
    let again = machine.run(&["keys", "secret", id]).succeeded();
    assert_eq!(again, format!("{secret}\n"));
    assert_eq!(machine.json(&["keys", "secret", id, "--json"])["signing_secret"], secret);
}

#[test]
fn a_gate_derives_the_secret_that_its_client_was_given() {
    let machine = Machine::new();
    let realm = realm_keys(&machine, "1");
    for scheme in Scheme::ALL {
        let made = machine.made(&["--signing", scheme.as_str()]);
        assert_eq!(made["signing_secret"], derived(&realm, &made["id"], scheme), "{scheme:?}");
        assert_eq!(made["signing"]["scheme"], scheme.as_str());
    }
}

#[test]
fn nothing_of_a_signing_secret_is_stored_or_shown() {
    let machine = Machine::new();
    let made = machine.made(&["--signing", "simple", "--signature-required"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["signing_secret"].as_str().unwrap());
    let bytes = Base64::decode_vec(secret).unwrap();
    for file in fs::read_dir(machine.data()).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(32).any(|window| window == bytes));
        assert!(!content.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
    for command in [&["keys", "show", id][..], &["keys", "list"], &["policy", "snapshot", "--json"]]
    {
        let out = machine.run(command).succeeded();
        assert!(out.contains("simple") && !out.contains(secret), "{out}");
    }
}

#[test]
fn what_was_asked_for_is_in_the_record() {
    let machine = Machine::new();
    let made = machine.made(&[
        "--signing",
        "--signature-required",
        "--allow",
        "192.0.2.0/24,2001:db8::/32",
        "--deny",
        "192.0.2.7",
        "--route",
        SCOPE,
    ]);
    let id = made["id"].as_str().unwrap();
    let shown = machine.json(&["keys", "show", id, "--json"]);
    let expected = serde_json::json!({
        "scheme": "rfc9421", "algorithm": "hmac-sha256", "required": true,
        "realm": 1, "secret": 1, "public_key": null,
    });
    assert_eq!(shown["signing"], expected);
    assert_eq!(shown["clients"]["allow"], serde_json::json!(["192.0.2.0/24", "2001:db8::/32"]));
    assert_eq!(shown["clients"]["deny"], serde_json::json!(["192.0.2.7/32"]));
    assert_eq!(shown["routes"], serde_json::json!([SCOPE]));
    let text = machine.run(&["keys", "show", id]).succeeded();
    assert_has(
        &text,
        &["rfc9421, hmac-sha256", "required", "192.0.2.0/24,2001:db8::/32 but 192.0.2.7/32"],
    );
    let list = machine.run(&["keys", "list"]).succeeded();
    assert_has(&list, &["SIGNING", "rfc9421", "ROUTES", "CLIENTS", "but 192.0.2.7/32"]);
    let records = machine.json(&["policy", "snapshot", "--json"])["keys"].clone();
    let [record]: [filter::KeyRecord; 1] =
        serde_json::from_value::<Vec<_>>(records).unwrap().try_into().unwrap();
    assert!(record.signing.unwrap().required);
    assert!(record.clients.admits(Some([192, 0, 2, 8].into())));
    assert!(!record.clients.admits(Some([192, 0, 2, 7].into())));
    assert_eq!(record.routes, [SCOPE]);
}

#[test]
fn a_public_key_needs_no_secret_and_where_it_is_required_no_key_either() {
    let machine = Machine::new();
    let file = public_key(&machine, "ed", &ED25519);
    let made = machine.made(&["--public-key", &file]);
    assert!(made["key"].is_string());
    assert_eq!(made["signing_secret"], Value::Null);
    assert_eq!(made["signing"]["algorithm"], "ed25519");
    let pem = fs::read_to_string(&file).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(made["signing"]["public_key"], body);

    let new = ["keys", "new", "--principal", "p", "--scope", SCOPE, "--public-key", &file];
    let out = machine.run(&[&new[..], &["--signature-required"]].concat()).succeeded();
    let id = out.trim_end().strip_prefix("LUNETTE_KEY_ID=").expect("the id alone");
    assert!(KeyId::parse(id).is_some(), "{out}");
    assert_eq!(machine.made(&["--public-key", &file, "--signature-required"])["key"], Value::Null);
    let problem = machine.run(&["keys", "secret", id]).refused(64);
    assert_has(&problem, &[id, "private key, which only its owner has"]);
}

#[test]
fn the_kind_of_a_public_key_says_how_it_signs() {
    let machine = Machine::new();
    let p256 = public_key(&machine, "p256", &P256);
    assert_eq!(machine.made(&["--public-key", &p256])["signing"]["algorithm"], "ecdsa-p256-sha256");
    let rsa = public_key(&machine, "rsa", &RSA);
    let new = ["keys", "new", "--principal", "p", "--scope", SCOPE, "--public-key", &rsa];
    assert_has(
        &machine.run(&new).refused(64),
        &["--public-key", "rsa-v1_5-sha256 or rsa-pss-sha512"],
    );
    for algorithm in ["rsa-v1_5-sha256", "rsa-pss-sha512"] {
        let made = machine.made(&["--public-key", &rsa, "--algorithm", algorithm]);
        assert_eq!(made["signing"]["algorithm"], algorithm);
    }
    let wrong = machine.run(&[&new[..], &["--algorithm", "ed25519"]].concat()).refused(64);
    assert_has(&wrong, &["ed25519", "expected rsa-v1_5-sha256"]);
}

#[test]
fn what_does_not_fit_together_is_refused_and_nothing_is_made() {
    let machine = Machine::new();
    let private = {
        public_key(&machine, "ed", &ED25519);
        machine.path("ed.pem").display().to_string()
    };
    for (flags, parts) in [
        (&["--signature-required"][..], &["--signature-required", "--signing or --public-key"][..]),
        (&["--signing", "md5"], &["--signing", "md5", "rfc9421, simple"]),
        (&["--public-key", "missing.pem"], &["missing.pem", "No such file"]),
        (&["--public-key", &private], &["private key", "published"]),
        (&["--allow", "192.0.2.1/24"], &["--allow", "192.0.2.0/24"]),
        (&["--deny", "everywhere"], &["--deny", "everywhere", "10.0.0.0/8"]),
        (&["--route", "a b"], &["route \"a b\"", "1 to 64"]),
    ] {
        let new = ["keys", "new", "--principal", "p", "--scope", SCOPE];
        let problem = machine.run(&[&new, flags].concat()).refused(64);
        assert_has(&problem, parts);
    }
    let both = ["--signing", "--public-key", "x", "--principal", "p", "--scope", SCOPE];
    assert_eq!(machine.run(&[&["keys", "new"], &both[..]].concat()).code, Some(64));
    assert!(!machine.data().exists());
}

#[test]
fn production_makes_no_signing_key_without_the_root_secret_of_its_gates() {
    let machine = Machine::new();
    let new = ["keys", "new", "--principal", "p", "--scope", SCOPE, "--mode", "production"];
    let problem = machine.run(&[&new[..], &["--signing"]].concat()).refused(64);
    assert_has(&problem, &["LUNETTE_ROOT_SECRET"]);
    assert!(!machine.data().join("keys.db").exists());
    assert!(machine.run(&new).succeeded().starts_with("lun_live_"));
}

#[test]
fn a_rotated_key_has_a_secret_of_its_own_and_the_old_one_lives_on() {
    let machine = Machine::new();
    let old = machine.made(&["--signing", "simple", "--signature-required"]);
    let id = old["id"].as_str().unwrap();
    let new = machine.json(&["keys", "rotate", id, "--overlap", "1h", "--json"]);
    assert_ne!(new["signing_secret"], old["signing_secret"]);
    assert_eq!(new["signing"], old["signing"]);
    assert_eq!(new["replaces"]["standing"], "valid");
    assert_eq!(
        machine.json(&["keys", "secret", id, "--json"])["signing_secret"],
        old["signing_secret"]
    );
}

#[test]
fn a_new_realm_gives_new_keys_and_successors_new_secrets() {
    let machine = Machine::new();
    let old = machine.made(&["--signing"]);
    let (first, both) = (realm_keys(&machine, "1"), realm_keys(&machine, "2,1"));
    let (second, kept) = both.split_once(',').unwrap();
    assert_eq!(kept, first);
    assert!(second.starts_with("2:") && second[2..] != first[2..]);

    let id = old["id"].as_str().unwrap();
    let new = machine.json(&["keys", "rotate", id, "--signing-realms", "2,1", "--json"]);
    assert_eq!((&old["signing"]["realm"], &new["signing"]["realm"]), (&1.into(), &2.into()));
    assert_eq!(new["signing_secret"], derived(second, &new["id"], Scheme::Rfc9421));
    assert_eq!(machine.made(&["--signing", "--signing-realms", "2"])["signing"]["realm"], 2);
}

#[test]
fn no_two_environments_share_a_realm() {
    let machine = Machine::new();
    let of = |environment: Environment| {
        let secrets =
            ["gates", "secrets", "--gate", "e", "--json", "--environment", environment.as_str()];
        machine.json(&secrets)["LUNETTE_REALM_KEYS"].clone()
    };
    assert_ne!(of(Environment::Live), of(Environment::Test));
}

#[test]
fn a_public_key_can_be_exchanged_by_rotation() {
    let machine = Machine::new();
    let [first, second] = [("one", &ED25519[..]), ("two", &P256)]
        .map(|(name, kind)| public_key(&machine, name, kind));
    let old = machine.made(&["--public-key", &first, "--signature-required"]);
    let id = old["id"].as_str().unwrap();
    let new = machine.json(&["keys", "rotate", id, "--public-key", &second, "--json"]);
    assert_eq!(new["signing"]["algorithm"], "ecdsa-p256-sha256");
    assert_eq!((&new["signing"]["required"], &new["key"]), (&true.into(), &Value::Null));
    let shared = machine.made(&["--signing"]);
    let problem =
        machine.run(&["keys", "rotate", shared["id"].as_str().unwrap(), "--public-key", &second]);
    assert_has(&problem.refused(64), &["--public-key", "does not sign with one"]);
}

#[test]
fn a_key_that_does_not_sign_has_no_secret() {
    let machine = Machine::new();
    let id = id_of(&machine.new_key());
    assert_has(&machine.run(&["keys", "secret", &id]).refused(64), &[&id, "--signing"]);
}

#[test]
fn what_the_policy_does_not_know_is_remarked_upon() {
    let machine = Machine::new();
    let new = ["keys", "new", "--principal", "p", "--scope", SCOPE];
    for (flags, parts) in [
        (
            &["--route", "background-removl"][..],
            &["no route \"background-removl\"", "it has: background-removal"][..],
        ),
        (&["--tier", "gold"], &["no tier \"gold\"", "free"]),
        (&["--signing", "kong-hmac"], &["kong-hmac"]),
    ] {
        let ran = machine.run(&[&new, flags].concat());
        assert_has(&ran.err, &["Note: the policy"]);
        assert_has(&ran.err, parts);
        assert_eq!(ran.code, Some(0));
    }
    let ran = machine.run(&[&new[..], &["--signing", "--tier", "vip"]].concat());
    assert!(!ran.err.contains("Note"), "{}", ran.err);
}

#[test]
fn a_secret_of_an_issuer_reaches_its_gates() {
    let machine = Machine::new();
    let secret = "00112233445566778899aabbccddeeff".repeat(2);
    machine.write("corp.secret", &secret, 0o600);
    machine.write("lunette.toml", "[token_secrets]\ncorp = \"corp.secret\"", 0o644);
    let secrets = ["gates", "secrets", "--gate", "e"];
    let out = machine.run(&secrets).succeeded();
    assert_has(&out, &[&format!("\nLUNETTE_TOKEN_SECRETS=corp:{secret}\n")]);
    machine.write("corp.secret", "too short", 0o600);
    assert_has(&machine.run(&secrets).refused(64), &["corp.secret", "32 to 128 random bytes"]);
    machine.write("corp.secret", &secret, 0o644);
    assert_has(&machine.run(&secrets).refused(64), &["corp.secret", "chmod 600"]);
    fs::remove_file(machine.path("lunette.toml")).unwrap();
    assert!(!machine.run(&secrets).succeeded().contains("LUNETTE_TOKEN_SECRETS"));
}

#[test]
fn a_mistake_in_the_realms_is_named_like_every_other() {
    let machine = Machine::new();
    let mut command = machine.command(&["keys", "list"]);
    let problem = Ran::of(command.env("LUNETTE_SIGNING_REALMS", "1,1")).refused(64);
    assert_has(&problem, &["signing_realms", "[1, 1]"]);
}
