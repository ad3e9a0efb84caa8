//! The binary, as people use it.

mod gate;
mod import;
mod machine;
mod sign;
mod signing;
mod tokens;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use filter::{ApiKey, KeyRing as _};
use inference_node::keys::Publisher;
use serde_json::Value;

use machine::{Machine, Ran, SCOPE, SECRET, assert_has, id_of};

#[test]
fn a_new_key_is_printed_once_and_never_again() {
    let machine = Machine::new();
    let ran = machine.run(&["keys", "new", "--principal", "acme", "--scope", SCOPE]);
    let key = ran.out.trim_end();
    assert!(key.starts_with("lun_test_"), "{key}");
    let id = id_of(key);
    assert_has(&ran.err, &[&id, "acme", "only now"]);
    let secret = &key["lun_test_".len() + 11..key.len() - 6];
    assert_eq!(secret.len(), 32);
    assert!(!ran.err.contains(secret));

    let outputs = [
        machine.run(&["keys", "list"]),
        machine.run(&["keys", "list", "--json"]),
        machine.run(&["keys", "show", &id]),
        machine.run(&["keys", "show", &id, "--json"]),
        machine.run(&["policy", "snapshot", "--json"]),
    ];
    for ran in outputs {
        assert!(!ran.err.contains(secret));
        let out = ran.succeeded();
        assert!(out.contains(&id) && !out.contains(secret), "{out}");
    }
    for file in fs::read_dir(machine.data()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(32).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_list_shows_what_a_key_was_made_with() {
    let machine = Machine::new();
    let made = machine.json(&[
        "keys",
        "new",
        "--principal",
        "acme",
        "--scope",
        "a,b",
        "--scope",
        "c",
        "--tier",
        "gold",
        "--expires-in",
        "90d",
        "--starts-in",
        "1h",
        "--label",
        "for \u{1b}[31mus",
        "--json",
    ]);
    assert_eq!(id_of(made["key"].as_str().unwrap()), made["id"]);
    let list = machine.json(&["keys", "list", "--json"]);
    let [key] = list.as_array().unwrap().as_slice() else { panic!("one key: {list}") };
    assert_eq!(key["id"], made["id"]);
    assert_eq!(key["scopes"], serde_json::json!(["a", "b", "c"]));
    assert_eq!((&key["principal"], &key["tier"]), (&"acme".into(), &"gold".into()));
    assert_eq!(key["standing"], "not-yet-valid");
    let created = key["created"].as_u64().unwrap();
    assert_eq!(key["expires"].as_u64(), Some(created + 90 * 86_400_000));
    assert_eq!(key["not_before"].as_u64(), Some(created + 3_600_000));
    assert_eq!(key["label"], "for \u{1b}[31mus");
    assert!(key.get("key").is_none());

    let shown = machine.run(&["keys", "list"]).succeeded();
    assert_has(&shown, &["STANDING", "gold", "a,b,c", "\\u{1b}[31m"]);
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn a_rotated_key_lives_on_for_the_overlap() {
    let machine = Machine::new();
    let old = id_of(&machine.new_key());
    let made = machine.json(&["keys", "rotate", &old, "--overlap", "1h", "--json"]);
    let (new, replaced) = (&made["id"], &made["replaces"]);
    assert_ne!(*new, old);
    assert_eq!((&replaced["id"], &replaced["replaced_by"]), (&old.clone().into(), new));
    assert_eq!(replaced["standing"], "valid");
    let created = made["created"].as_u64().unwrap();
    assert_eq!(replaced["expires"].as_u64(), Some(created + 3_600_000));
    assert_eq!(made["scopes"], serde_json::json!([SCOPE]));
    assert_eq!(made["expires"], Value::Null);

    let again = machine.run(&["keys", "rotate", &old]).refused(1);
    assert_has(&again, &["rotated before", new.as_str().unwrap()]);
    let at_once =
        machine.json(&["keys", "rotate", new.as_str().unwrap(), "--overlap", "0s", "--json"]);
    assert_eq!(at_once["replaces"]["standing"], "expired");
}

#[test]
fn a_revoked_key_stays_revoked() {
    let machine = Machine::new();
    let id = id_of(&machine.new_key());
    let text = machine.run(&["keys", "revoke", &id]).succeeded();
    assert_eq!(text, format!("{id} is revoked.\n"));
    assert_has(&machine.run(&["keys", "revoke", &id]).succeeded(), &["already revoked"]);
    assert_eq!(machine.json(&["keys", "show", &id, "--json"])["standing"], "revoked");
    assert_has(&machine.run(&["keys", "rotate", &id]).refused(1), &[&id, "is revoked"]);
    let snapshot = machine.json(&["policy", "snapshot", "--json"]);
    assert_eq!(snapshot["keys"][0]["revoked"], true);
}

#[test]
fn an_unknown_id_is_named_and_a_whole_key_is_not_repeated() {
    let machine = Machine::new();
    for command in ["show", "rotate", "revoke"] {
        let problem = machine.run(&["keys", command, "0000000000"]).refused(1);
        assert_has(&problem, &["0000000000", "keys list"]);
        let key = machine.new_key();
        let problem = machine.run(&["keys", command, &key]).refused(64);
        assert_has(&problem, &["ten letters and digits"]);
        assert!(!problem.contains(&key[20..40]), "{problem}");
    }
}

#[test]
fn bad_names_are_refused_and_nothing_is_made() {
    let machine = Machine::new();
    let long = "x".repeat(65);
    let many: Vec<String> = (0..17).map(|n| format!("s{n}")).collect();
    let many = many.join(",");
    for (principal, scope, tier, part) in [
        ("two words", "s", "t", "principal \"two words\""),
        (long.as_str(), "s", "t", "1 to 64"),
        ("", "s", "t", "principal \"\""),
        ("p", "é", "t", "scope \"é\""),
        ("p", "a,,b", "t", "scope \"\""),
        ("p", "s", "t\u{1b}", "tier"),
        ("p", many.as_str(), "t", "at most 16 scopes, got 17"),
    ] {
        let arguments = ["keys", "new", "--principal", principal, "--scope", scope, "--tier", tier];
        let problem = machine.run(&arguments).refused(64);
        assert_has(&problem, &[part]);
        assert!(!problem.contains('\u{1b}'));
    }
    assert!(!machine.data().exists());
}

#[test]
fn a_scope_that_no_route_asks_for_is_remarked_upon() {
    let machine = Machine::new();
    let ran = machine.run(&["keys", "new", "--principal", "p", "--scope", "backgroud-removal"]);
    assert_has(&ran.err, &["backgroud-removal", "it has: background-removal"]);
    assert!(ran.out.starts_with("lun_test_"));
}

#[test]
fn production_names_everything_that_is_missing_at_once() {
    let machine = Machine::new();
    let serve = ["serve", "--mode", "production"];
    assert_has(
        &machine.run(&serve).refused(64),
        &["LUNETTE_ROOT_SECRET", "openssl rand -hex 32", "live key", "lunette keys new"],
    );
    let key = ["keys", "new", "--principal", "p", "--scope", SCOPE, "--environment", "live"];
    machine.run(&key).succeeded();
    let problem = machine.run(&serve).refused(64);
    assert_has(&problem, &["LUNETTE_ROOT_SECRET"]);
    assert!(!problem.contains("keys new"), "{problem}");
    // A listener that others can reach is production, too.
    let problem = machine.run(&["serve", "--listen", "0.0.0.0:0"]).refused(64);
    assert_has(&problem, &["production needs a root secret"]);
    assert!(!machine.data().join("root.secret").exists());
    assert!(!machine.data().join("development.key").exists());
}

#[test]
fn development_in_reach_of_others_is_refused() {
    let machine = Machine::new();
    let problem =
        machine.run(&["serve", "--mode", "development", "--listen", "0.0.0.0:8080"]).refused(64);
    assert_has(&problem, &["mode: ", "0.0.0.0:8080", "127.0.0.1"]);
}

#[test]
fn a_variable_outranks_the_file_and_a_flag_outranks_both() {
    let machine = Machine::new();
    // The prefix of a new key shows which environment was decided upon.
    let new = ["keys", "new", "--principal", "p", "--scope", SCOPE];
    let environment = |command: &mut Command| Ran::of(command).succeeded()[4..8].to_owned();
    assert_eq!(environment(&mut machine.command(&new)), "test");
    machine.write("lunette.toml", "environment = \"live\"", 0o644);
    assert_eq!(environment(&mut machine.command(&new)), "live");
    let with_variable = |arguments| {
        let mut command = machine.command(arguments);
        command.env("LUNETTE_ENVIRONMENT", "test");
        command
    };
    assert_eq!(environment(&mut with_variable(&new)), "test");
    let flag: Vec<_> = new.into_iter().chain(["--environment", "live"]).collect();
    assert_eq!(environment(&mut with_variable(&flag)), "live");
}

#[test]
fn what_serving_would_be_decides_which_keys_are_made() {
    let machine = Machine::new();
    let mut command = machine.command(&["keys", "new", "--principal", "p", "--scope", SCOPE]);
    let key = Ran::of(command.env("LUNETTE_LISTEN", "0.0.0.0:8080")).succeeded();
    assert!(key.starts_with("lun_live_"));
}

#[test]
fn a_mistake_in_the_file_names_file_and_field() {
    let machine = Machine::new();
    for (text, parts) in [
        ("\ncolour = \"blue\"", ["lunette.toml, line 2", "unknown field `colour`"]),
        ("[upload]\ntotal = \"lots\"", ["line 2, field \"total\"", "\"256MiB\""]),
        ("operator = \"0.0.0.0:9090\"", ["operator: 0.0.0.0:9090", "loopback"]),
    ] {
        machine.write("lunette.toml", text, 0o644);
        assert_has(&machine.run(&["keys", "list"]).refused(64), &parts);
    }
    let problem = machine.run(&["keys", "list", "--config", "other.toml"]).refused(64);
    assert_has(&problem, &["other.toml", "No such file"]);
}

#[test]
fn a_mistake_in_a_variable_names_the_variable_and_one_in_a_flag_the_flag() {
    let machine = Machine::new();
    for command in [&["serve"][..], &["keys", "list"]] {
        let mut command = machine.command(command);
        let problem = Ran::of(command.env("LUNETTE_QUEUE_DEADLINE", "30")).refused(64);
        assert_has(&problem, &["LUNETTE_QUEUE_DEADLINE", "\"30\"", "expected a time", "\"30s\""]);
    }
    let problem = machine.run(&["serve", "--upload-total", "1GB"]).refused(64);
    assert_has(&problem, &["--upload-total", "\"1GB\"", "expected a number of bytes"]);
    let problem = machine.run(&["serve", "--gate", "none"]).refused(64);
    assert_has(&problem, &["--gate", "\"none\"", "embedded or external"]);
}

#[test]
fn everything_in_the_data_folder_is_private() {
    let machine = Machine::new();
    machine.new_key();
    machine.run(&["gates", "secrets", "--gate", "envoy-1"]).succeeded();
    assert_eq!(machine.mode(""), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(machine.data()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert_eq!(machine.mode(&name), 0o600, "{name}");
        names.push(name);
    }
    assert!(names.contains(&"keys.db".to_owned()) && names.contains(&"root.secret".to_owned()));
}

#[test]
fn a_loose_secret_is_refused_with_the_command_that_tightens_it() {
    let machine = Machine::new();
    let path = machine.write("secret", SECRET, 0o640);
    let arguments = |path: &Path| {
        ["gates", "secrets", "--gate", "e", "--root-secret-file"]
            .into_iter()
            .map(str::to_owned)
            .chain([path.display().to_string()])
            .collect::<Vec<_>>()
    };
    let run = |path: &Path| {
        let arguments = arguments(path);
        machine.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let problem = run(&path).refused(64);
    assert_has(&problem, &["mode 0640", &format!("chmod 600 {}", path.display())]);
    assert!(run(&machine.write("tight", SECRET, 0o600)).succeeded().contains("LUNETTE_PEPPER="));

    machine.new_key();
    let database = machine.data().join("keys.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    assert_has(&machine.run(&["keys", "list"]).refused(1), &["keys.db", "chmod 600"]);
}

#[test]
fn a_gate_gets_secrets_of_its_own_that_stay_the_same() {
    let machine = Machine::new();
    let secrets = |gate: &str, version: &str| {
        let mut command =
            machine.command(&["gates", "secrets", "--gate", gate, "--version", version, "--json"]);
        let out = Ran::of(command.env("LUNETTE_ROOT_SECRET", SECRET)).succeeded();
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let first = secrets("envoy-1", "1");
    assert_eq!(first, secrets("envoy-1", "1"));
    for name in ["LUNETTE_PERMIT_KEY", "LUNETTE_PEPPER"] {
        let text = first[name].as_str().unwrap();
        assert!(text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert!(text != SECRET);
    }
    for other in [secrets("envoy-1", "2"), secrets("envoy-2", "1")] {
        assert_ne!(other["LUNETTE_PERMIT_KEY"], first["LUNETTE_PERMIT_KEY"]);
        assert_eq!(other["LUNETTE_PEPPER"], first["LUNETTE_PEPPER"]);
    }
    assert_eq!(secrets("envoy-1", "2")["LUNETTE_PERMIT_KEY_VERSION"], 2);
    for gate in ["embedded", "two words"] {
        machine.run(&["gates", "secrets", "--gate", gate]).refused(64);
    }
}

#[test]
fn a_snapshot_verifies_the_keys_it_is_about() {
    use filter::KeyDigest as _;
    let machine = Machine::new();
    let text = machine.new_key();
    let key = ApiKey::parse(text.as_bytes()).unwrap();
    let secrets = machine.json(&["gates", "secrets", "--gate", "envoy-1", "--json"]);
    let pepper = filter::hex::decode(secrets["LUNETTE_PEPPER"].as_str().unwrap()).unwrap();
    let out = machine.path("snapshot.json");
    machine.run(&["policy", "snapshot", "--json", "--output", out.to_str().unwrap()]).succeeded();
    let snapshot: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let records: Vec<filter::KeyRecord> = serde_json::from_value(snapshot["keys"].clone()).unwrap();
    assert_eq!(records[0].id, *key.id());
    assert_eq!(records[0].verifier, filter::Pepper::new(pepper).verifier(key.secret()));
    let policy = serde_json::to_vec(&snapshot["policy"]).unwrap();
    assert!(filter::Policy::parse(&policy).is_ok());
}

#[test]
fn the_epoch_only_grows_and_stands_still_when_nothing_changes() {
    let machine = Machine::new();
    let id = id_of(&machine.new_key());
    let mut last = machine.epoch();
    assert_eq!(machine.epoch(), last);
    for change in [
        &["keys", "new", "--principal", "p", "--scope", SCOPE][..],
        &["keys", "rotate", &id],
        &["keys", "revoke", &id],
    ] {
        machine.run(change).succeeded();
        let epoch = machine.epoch();
        assert!(epoch > last, "{change:?}: {epoch} after {last}");
        last = epoch;
    }
    machine.run(&["keys", "revoke", &id]).succeeded();
    machine.run(&["keys", "list"]).succeeded();
    assert_eq!(machine.epoch(), last);
}

#[test]
fn when_a_command_returns_a_serving_process_knows() {
    let machine = Machine::new();
    let policy = include_bytes!("../../../filter/policy.json");
    let publisher = Publisher::open(
        &machine.data(),
        policy,
        filter::Environment::Test,
        filter::Pepper::new([1; 32]),
    )
    .unwrap();
    for _ in 0..10 {
        let id = filter::KeyId::parse(&id_of(&machine.new_key())).unwrap();
        assert!(!publisher.find(&id).unwrap().unwrap().revoked);
        machine.run(&["keys", "revoke", id.as_str()]).succeeded();
        assert!(publisher.find(&id).unwrap().unwrap().revoked);
    }
}

#[test]
fn a_database_of_a_newer_lunette_is_refused() {
    let machine = Machine::new();
    machine.new_key();
    rusqlite::Connection::open(machine.data().join("keys.db"))
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let problem = machine.run(&["keys", "list"]).refused(1);
    assert_has(&problem, &["version 7", "another data folder"]);
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let machine = Machine::new();
    // From nothing, so that they also make the database at once.
    let children: Vec<_> = (0..8)
        .map(|n| {
            machine
                .command(&["keys", "new", "--principal", &format!("p{n}"), "--scope", SCOPE])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(machine.json(&["keys", "list", "--json"]).as_array().unwrap().len(), 8);
}

#[test]
fn a_policy_is_checked_and_its_mistakes_are_named() {
    let machine = Machine::new();
    let right = include_str!("../../../filter/policy.json");
    let path = machine.write("right.json", right, 0o644);
    let shown = machine.run(&["policy", "check", path.to_str().unwrap()]).succeeded();
    assert_has(&shown, &["background-removal", "POST /v1/background-removal", "12582912"]);
    machine.write("wrong.json", &right.replace("\"POST\"", "\"post\""), 0o644);
    let problem = machine.run(&["policy", "check", "wrong.json"]).refused(64);
    assert_has(&problem, &["wrong.json", "routes[0].method", "\"POST\""]);
    let problem = machine.run(&["keys", "list", "--policy", "wrong.json"]).refused(64);
    assert_has(&problem, &["wrong.json", "routes[0].method"]);
}

#[test]
fn old_records_can_be_deleted() {
    let machine = Machine::new();
    let (kept, ended) = (id_of(&machine.new_key()), id_of(&machine.new_key()));
    machine.run(&["keys", "revoke", &ended]).succeeded();
    assert_eq!(machine.json(&["keys", "prune", "--json"])["pruned"], 0);
    assert_eq!(machine.json(&["keys", "prune", "--ended-before", "0s", "--json"])["pruned"], 1);
    let list = machine.run(&["keys", "list"]).succeeded();
    assert!(list.contains(&kept) && !list.contains(&ended));
}

#[test]
fn every_command_has_help_with_an_example() {
    let machine = Machine::new();
    for command in [
        "",
        "serve",
        "keys new",
        "keys import",
        "keys list",
        "keys show",
        "keys rotate",
        "keys secret",
        "keys revoke",
        "keys prune",
        "tokens revoke",
        "tokens list",
        "tokens prune",
        "sign",
        "gates secrets",
        "policy check",
        "policy snapshot",
    ] {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = machine.run(&arguments).succeeded();
        assert_has(&help, &["Examples:\n  lunette ", command]);
    }
    let help = machine.run(&["serve", "--help"]).succeeded();
    assert_has(&help, &["LUNETTE_LISTEN", "\"max_pixels\": 25000000"]);
}

#[test]
fn what_cannot_be_understood_ends_with_64_and_what_is_closed_early_with_0() {
    let machine = Machine::new();
    for arguments in [&[][..], &["fly"], &["keys"], &["keys", "new"], &["serve", "--fly"]] {
        let ran = machine.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{arguments:?}");
        assert_has(&ran.err, &["sage"]);
    }
    machine.new_key();
    let mut child = machine.command(&["keys", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
