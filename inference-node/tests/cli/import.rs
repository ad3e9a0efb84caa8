//! Keys that were made elsewhere: `lunette keys import`.

use filter::KeyId;

use crate::gate::{Arriving, Gate};
use crate::machine::{Machine, SCOPE, assert_has};

const KEY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";

fn import<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let import = ["keys", "import", "--principal", "acme", "--scope", SCOPE];
    import.into_iter().chain(flags.iter().copied()).collect()
}

#[test]
fn an_imported_key_goes_on_working() {
    let machine = Machine::new();
    let ran = machine.run_with_input(&import(&["--entropy-bits", "128"]), &format!("{KEY}\n"));
    let id = ran.out.trim_end().to_owned();
    assert!(KeyId::parse(&id).is_some(), "{}", ran.out);
    assert_has(&ran.err, &[&id, "acme"]);
    assert!(!ran.err.contains(KEY));
    let claims = Gate::of(&machine).judge(&Arriving::with_key(KEY)).unwrap();
    assert_eq!((claims.principal.as_str(), claims.scopes), ("acme", vec![SCOPE.to_owned()]));
    let other = Gate::of(&machine).judge(&Arriving::with_key("sk_live_4eC39HqLyjWDarjtT1zdp7dd"));
    assert_eq!(other, Err("key-unknown"));

    machine.run(&["keys", "revoke", &id]).succeeded();
    assert_eq!(Gate::of(&machine).judge(&Arriving::with_key(KEY)), Err("key-revoked"));
}

#[test]
fn it_may_come_from_a_file_that_only_its_owner_can_read() {
    let machine = Machine::new();
    let file = machine.write("old.key", KEY, 0o644).display().to_string();
    let arguments = import(&["--entropy-bits", "128", "--file", &file, "--json"]);
    assert_has(&machine.run(&arguments).refused(64), &["old.key", "chmod 600"]);
    machine.write("old.key", KEY, 0o600);
    let made = machine.json(&arguments);
    assert_eq!((&made["imported"], &made["key"]), (&true.into(), &serde_json::Value::Null));
    assert_has(
        &machine.run(&["keys", "show", made["id"].as_str().unwrap()]).succeeded(),
        &["imported"],
    );
}

#[test]
fn its_text_is_neither_stored_nor_shown() {
    let machine = Machine::new();
    machine.run_with_input(&import(&["--entropy-bits", "128"]), KEY).succeeded();
    for file in std::fs::read_dir(machine.data()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
    }
    for command in [&["keys", "list", "--json"][..], &["policy", "snapshot", "--json"]] {
        assert!(!machine.run(command).succeeded().contains(KEY));
    }
}

#[test]
fn what_cannot_be_told_from_a_guess_or_from_another_credential_is_refused() {
    let machine = Machine::new();
    let own = machine.new_key();
    for (text, bits, parts) in [
        (KEY, "111", &["--entropy-bits", "at least 112", "SHA-256"][..]),
        ("0123456789abcdef01234567", "112", &["room for 96 random bits"]),
        (own.as_str(), "190", &["lun_", "keys new"]),
        ("eyJhbGciOi.eyJpc3MiOiJj.c2lnbmF0", "128", &["two dots", "JSON Web Token"]),
        ("sk live 4eC39HqLyjWDarjtT1zdp7dc", "128", &["visible ASCII"]),
        ("too short", "128", &["16 to 256 characters, got 9"]),
        ("", "128", &["16 to 256 characters, got 0"]),
    ] {
        let problem = machine.run_with_input(&import(&["--entropy-bits", bits]), text).refused(64);
        assert_has(&problem, parts);
        assert!(text.is_empty() || !problem.contains(text), "{problem}");
    }
    assert_eq!(machine.run_with_input(&import(&[]), KEY).code, Some(64), "nobody says how strong");
    assert_eq!(machine.json(&["keys", "list", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_same_key_is_imported_once() {
    let machine = Machine::new();
    let arguments = import(&["--entropy-bits", "128"]);
    let id = machine.run_with_input(&arguments, KEY).succeeded();
    let again = machine.run_with_input(&arguments, &format!("{KEY}\r\n")).refused(1);
    assert_has(&again, &["imported before", id.trim_end()]);
}

#[test]
fn rotation_puts_a_key_of_ours_in_its_place_and_lets_it_live_on() {
    let machine = Machine::new();
    let id = machine.run_with_input(&import(&["--entropy-bits", "128"]), KEY).succeeded();
    let new = machine.json(&["keys", "rotate", id.trim_end(), "--overlap", "1h", "--json"]);
    assert_eq!(new["imported"], false);
    let gate = Gate::of(&machine);
    for key in [KEY, new["key"].as_str().unwrap()] {
        assert_eq!(gate.judge(&Arriving::with_key(key)).unwrap().principal, "acme");
    }
}

#[test]
fn it_may_sign_like_any_other() {
    let machine = Machine::new();
    let arguments = import(&["--entropy-bits", "128", "--signing", "simple"]);
    let out = machine.run_with_input(&arguments, KEY).succeeded();
    let names: Vec<_> = out.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names, ["LUNETTE_KEY_ID", "LUNETTE_SIGNING_SECRET"]);
}
