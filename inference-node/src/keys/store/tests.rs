use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use filter::address::{AddressList, Networks};
use filter::signature::Scheme;
use filter::{Environment, Pepper};

use super::*;
use crate::keys::new_key::{KEYS_MAX, LABEL_MAX};
use crate::keys::{Rights, signing};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const HOUR: Duration = Duration::from_hours(1);
/// A successor that differs in nothing but its id and its secret.
const SAME: Successor = Successor { expires: None, signing: None };

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn new_key() -> NewKey {
    let scopes = ["cut".to_owned(), "read".to_owned()];
    let rights = Rights::new("acme".into(), scopes, "free".into()).unwrap();
    let label = Some("a \u{1b}[31m label".into());
    NewKey { label, ..NewKey::new(rights, Environment::Test) }
}

fn later(milliseconds: u64) -> UnixMillis {
    UnixMillis(NOW.0 + milliseconds)
}

#[test]
fn a_key_is_found_again_with_everything_but_its_secret() {
    let (folder, mut store) = store();
    let created = store.create(&new_key(), NOW).unwrap();
    let key = ApiKey::parse(created.text.as_bytes()).unwrap();
    assert_eq!((key.id(), key.environment()), (&created.key.id, Environment::Test));

    let found = Store::open(folder.path()).unwrap().find(key.id()).unwrap();
    assert_eq!(found, created.key);
    assert_eq!((found.rights, found.label), (new_key().rights, new_key().label));
    assert_eq!((found.created, found.version), (NOW, 1));
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let leaks = bytes.windows(32).any(|window| window == key.secret());
        assert!(!leaks, "the secret is on the disk");
    }
}

#[test]
fn only_the_right_secret_makes_a_text_the_key() {
    let (_folder, mut store) = store();
    let created = store.create(&new_key(), NOW).unwrap();
    let other = store.create(&new_key(), NOW).unwrap();
    let parse = |text: &str| ApiKey::parse(text.as_bytes()).unwrap();
    assert!(created.key.is(&parse(&created.text)));
    assert!(!created.key.is(&parse(&other.text)));
    let forged = ApiKey::compose(Environment::Test, &created.key.id, &[b'0'; 32]).unwrap();
    assert!(!created.key.is(&parse(&forged)));
}

#[test]
fn the_record_of_a_key_verifies_its_secret() {
    use filter::KeyDigest as _;
    let (_folder, mut store) = store();
    let created = store.create(&new_key(), NOW).unwrap();
    let pepper = Pepper::new([5; 32]);
    let key = ApiKey::parse(created.text.as_bytes()).unwrap();
    let record = created.key.record(&pepper);
    assert_eq!(record.verifier, pepper.verifier(key.secret()));
    assert_eq!((record.principal.as_str(), record.tier.as_str()), ("acme", "free"));
    assert_eq!(record.scopes, ["cut", "read"]);
}

#[test]
fn the_epoch_grows_with_every_change_also_when_the_clock_goes_back() {
    let (_folder, mut store) = store();
    assert_eq!(store.epoch().unwrap(), 0);
    let id = store.create(&new_key(), NOW).unwrap().key.id;
    assert_eq!(store.epoch().unwrap(), NOW.0);
    let (_, new) = store.rotate(&id, HOUR, &SAME, UnixMillis(5)).unwrap();
    assert_eq!(store.epoch().unwrap(), NOW.0 + 1);
    store.revoke(&new.key.id, later(1)).unwrap();
    assert_eq!(store.epoch().unwrap(), NOW.0 + 2);
    store.revoke(&id, later(10)).unwrap();
    assert_eq!(store.epoch().unwrap(), NOW.0 + 10);
}

#[test]
fn a_refused_change_makes_no_epoch() {
    let (_folder, mut store) = store();
    let id = store.create(&new_key(), NOW).unwrap().key.id;
    store.revoke(&id, NOW).unwrap();
    let epoch = store.epoch().unwrap();
    assert!(!store.revoke(&id, later(9)).unwrap());
    assert!(matches!(store.rotate(&id, HOUR, &SAME, later(9)), Err(StoreError::Revoked(_))));
    let never = NewKey { expires: Some(NOW), ..new_key() };
    assert!(matches!(store.create(&never, later(9)), Err(StoreError::NeverValid)));
    let long = NewKey { label: Some("x".repeat(LABEL_MAX + 1)), ..new_key() };
    assert!(matches!(store.create(&long, later(9)), Err(StoreError::LongLabel)));
    assert_eq!(store.epoch().unwrap(), epoch);
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn a_rotated_key_lives_on_for_the_overlap_and_its_successor_has_its_rights() {
    let (_folder, mut store) = store();
    let id = store.create(&new_key(), NOW).unwrap().key.id;
    let (old, new) = store.rotate(&id, HOUR, &SAME, NOW).unwrap();
    assert_eq!(old.standing(later(3_599_999)), Standing::Valid);
    assert_eq!(old.standing(later(3_600_000)), Standing::Expired);
    assert_eq!((old.replaced_by.as_ref(), old.version), (Some(&new.key.id), 2));
    assert_eq!(new.key.rights, old.rights);
    assert_eq!((new.key.expires, new.key.version), (None, 1));
    assert!(matches!(store.rotate(&id, HOUR, &SAME, NOW), Err(StoreError::Replaced { .. })));
}

#[test]
fn a_rotation_never_prolongs_a_key() {
    let (_folder, mut store) = store();
    let short = NewKey { expires: Some(later(1000)), ..new_key() };
    let id = store.create(&short, NOW).unwrap().key.id;
    let (old, new) = store.rotate(&id, HOUR, &SAME, NOW).unwrap();
    assert_eq!((old.expires, new.key.expires), (short.expires, short.expires));
    let longer = Successor { expires: Some(later(9000)), ..SAME };
    let (_, asked) = store.rotate(&new.key.id, HOUR, &longer, NOW).unwrap();
    assert_eq!(asked.key.expires, Some(later(9000)));
    assert!(matches!(store.rotate(&id, HOUR, &SAME, later(1000)), Err(StoreError::Expired(_))));
}

#[test]
fn an_unknown_id_is_named() {
    let (_folder, mut store) = store();
    let id = KeyId::parse("0000000000").unwrap();
    for error in [
        store.find(&id).err(),
        store.revoke(&id, NOW).err(),
        store.rotate(&id, HOUR, &SAME, NOW).err(),
    ] {
        assert!(error.unwrap().to_string().contains("0000000000"));
    }
}

#[test]
fn pruning_deletes_what_ended_before_and_nothing_else() {
    let (_folder, mut store) = store();
    let mut create = |expires: Option<UnixMillis>| {
        store.create(&NewKey { expires, ..new_key() }, NOW).unwrap().key.id
    };
    let (kept, ended, ends_later) =
        (create(None), create(Some(later(10))), create(Some(later(1000))));
    let revoked = create(None);
    store.revoke(&revoked, later(10)).unwrap();
    assert_eq!(store.prune(later(11), later(100)).unwrap(), 2);
    assert!(matches!(store.find(&ended), Err(StoreError::Unknown(_))));
    assert!(store.find(&kept).is_ok() && store.find(&ends_later).is_ok());
    // A cutoff in the future would delete keys that still work.
    assert_eq!(store.prune(later(5000), later(100)).unwrap(), 0);
}

#[test]
fn a_full_store_refuses_a_new_key_until_it_is_pruned() {
    let (_folder, mut store) = store();
    let first = store.create(&new_key(), NOW).unwrap().key.id;
    store
        .connection
        .execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
             INSERT INTO keys SELECT printf('%010d', i), secret_sha256, principal, scopes, tier,
                 environment, not_before, expires, revoked, version, created, replaced_by, label,
                 changed, imported, signing, clients, routes FROM keys, n",
            KEYS_MAX - 1
        ))
        .unwrap();
    assert!(matches!(store.create(&new_key(), NOW), Err(StoreError::Full)));
    assert!(matches!(store.rotate(&first, HOUR, &SAME, NOW), Err(StoreError::Full)));
    store.revoke(&first, NOW).unwrap();
    store.prune(later(1), later(1)).unwrap();
    assert!(store.create(&new_key(), NOW).is_ok());
}

#[test]
fn database_and_log_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut store = Store::open(&data).unwrap();
    store.create(&new_key(), NOW).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 1, "no log beside the database: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_database_of_a_newer_schema_is_left_alone() {
    let (folder, store) = store();
    store.connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("knows version 2"), "{error}");
}

#[test]
fn a_damaged_record_is_an_error_and_not_a_key() {
    let (_folder, mut store) = store();
    let id = store.create(&new_key(), NOW).unwrap().key.id;
    for (change, named) in [
        ("scopes = 'cut'", "scopes"),
        ("scopes = '[]', tier = ''", "tier"),
        ("tier = 'free', principal = 'a b'", "principal"),
        ("principal = 'acme', expires = -1", "expires"),
        ("expires = NULL, replaced_by = 'x'", "replaced_by"),
        ("replaced_by = NULL, routes = '[\"a b\"]'", "route"),
        ("routes = '{}'", "routes"),
        ("routes = '[]', clients = '{\"allow\": [\"everywhere\"]}'", "clients"),
        ("clients = '{}', signing = 'yes'", "signing"),
        (
            "signing = '{\"scheme\": \"rfc9421\", \"algorithm\": \"ed25519\", \"realm\": 1, \"secret\": 1}'",
            "signing",
        ),
    ] {
        store.connection.execute(&format!("UPDATE keys SET {change}"), []).unwrap();
        let error = store.find(&id).unwrap_err().to_string();
        assert!(error.contains(&format!("{named} is damaged")), "{error}");
    }
}

#[test]
fn a_key_is_found_again_with_how_it_signs_and_where_it_may_be_used() {
    let (folder, mut store) = store();
    let new = NewKey {
        rights: new_key().rights.on_routes(["cut-out".to_owned()]).unwrap(),
        signing: Some(signing::with_secret(Scheme::Rfc9421, 3, true)),
        clients: AddressList::new(
            Networks::parse(&["192.0.2.0/24", "2001:db8::/32"]).unwrap(),
            Networks::parse(&["192.0.2.7"]).unwrap(),
        ),
        ..new_key()
    };
    let id = store.create(&new, NOW).unwrap().key.id;
    let found = Store::open(folder.path()).unwrap().find(&id).unwrap();
    assert_eq!((&found.rights, &found.clients), (&new.rights, &new.clients));
    assert_eq!(found.signing, new.signing);
    let record = found.record(&Pepper::new([5; 32]));
    assert_eq!((record.signing, record.clients), (new.signing, new.clients));
    assert_eq!((record.routes, record.imported), (vec!["cut-out".to_owned()], false));
}

#[test]
fn a_rotation_keeps_networks_and_routes_and_takes_the_signing_it_is_given() {
    let (_folder, mut store) = store();
    let signing = |realm| Some(signing::with_secret(Scheme::Simple, realm, true));
    let new = NewKey {
        rights: new_key().rights.on_routes(["cut-out".to_owned()]).unwrap(),
        signing: signing(1),
        clients: AddressList::new(Networks::default(), Networks::parse(&["192.0.2.7"]).unwrap()),
        ..new_key()
    };
    let id = store.create(&new, NOW).unwrap().key.id;
    let successor = Successor { signing: signing(2), ..SAME };
    let (old, created) = store.rotate(&id, HOUR, &successor, NOW).unwrap();
    assert_eq!((old.signing, created.key.signing), (signing(1), signing(2)));
    assert_eq!((created.key.clients, created.key.rights), (new.clients, new.rights));
}

#[test]
fn an_imported_key_is_one_once_and_its_text_is_not_on_the_disk() {
    let (folder, mut store) = store();
    let text = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let key = ImportedKey::parse(text, 120).unwrap();
    let stored = store.import(&new_key(), &key, NOW).unwrap();
    assert!(stored.imported);
    let pepper = Pepper::new([5; 32]);
    let record = store.find(&stored.id).unwrap().record(&pepper);
    assert!(record.imported);
    assert_eq!(record.verifier, pepper.verifier_of_hash(&hash_at_rest(text)));

    let epoch = store.epoch().unwrap();
    for when in ["valid", "revoked"] {
        let again = store.import(&new_key(), &key, later(9)).unwrap_err().to_string();
        assert!(again.contains(stored.id.as_str()), "{when}: {again}");
        if when == "valid" {
            assert_eq!(store.epoch().unwrap(), epoch);
            store.revoke(&stored.id, NOW).unwrap();
        }
    }
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(text.len()).any(|window| window == text));
    }
}

#[test]
fn the_successor_of_an_imported_key_is_one_of_our_own() {
    let (_folder, mut store) = store();
    let key = ImportedKey::parse(b"sk_live_4eC39HqLyjWDarjtT1zdp7dc", 120).unwrap();
    let id = store.import(&new_key(), &key, NOW).unwrap().id;
    let (old, created) = store.rotate(&id, HOUR, &SAME, NOW).unwrap();
    assert!(old.imported && !created.key.imported);
    assert!(created.key.is(&ApiKey::parse(created.text.as_bytes()).unwrap()));
}

#[test]
fn a_database_of_the_first_schema_keeps_its_keys_and_learns_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = Store::path(folder.path());
    private_file::ensure(&path).unwrap();
    let first = Connection::open(&path).unwrap();
    first.execute_batch(include_str!("first_schema.sql")).unwrap();
    drop(first);
    let store = Store::open(folder.path()).unwrap();
    let [key] = store.list().unwrap().try_into().unwrap();
    assert_eq!((key.rights.principal(), key.rights.scopes()), ("acme", &["cut".to_owned()][..]));
    assert_eq!((key.imported, key.signing.is_none()), (false, true));
    assert_eq!((key.clients, key.rights.routes()), (AddressList::default(), &[][..]));
    assert!(store.tokens().unwrap().is_empty());
    assert_eq!(store.epoch().unwrap(), 1_700_000_000_000);
}
