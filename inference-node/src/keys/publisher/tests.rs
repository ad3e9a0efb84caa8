use std::thread;

use filter::{KeyDigest as _, UnixMillis, snapshot};

use super::*;
use crate::keys::{ImportedKey, NewKey, Rights};

const POLICY: &[u8] = b"the policy file";

fn new_key(environment: Environment) -> NewKey {
    let rights = Rights::new("acme".into(), ["cut".to_owned()], "free".into()).unwrap();
    NewKey::new(rights, environment)
}

fn create(store: &mut Store) -> KeyId {
    store.create(&new_key(Environment::Test), clock::now()).unwrap().key.id
}

fn import(store: &mut Store, text: &str) -> KeyId {
    let key = ImportedKey::parse(text.as_bytes(), 112).unwrap();
    store.import(&new_key(Environment::Test), &key, clock::now()).unwrap().id
}

fn revoke_token(store: &mut Store, jti: &str) -> TokenId {
    let (now, until) = (clock::now(), UnixMillis(clock::now().0 + 60_000));
    let token = RevokedToken::new("corp".into(), jti, until, now);
    store.revoke_token(&token).unwrap();
    token.id
}

fn bucket_names() -> impl Iterator<Item = String> {
    let kinds = ["keys", "imported", "tokens"].into_iter();
    kinds.flat_map(|kind| {
        (0..snapshot::BUCKETS).map(move |number| format!("lunette.{kind}.{number}"))
    })
}

fn open(folder: &Path, policy: &[u8]) -> Publisher {
    Publisher::open(folder, policy, Environment::Test, Pepper::new([1; 32])).unwrap()
}

/// What the commands do after a change.
fn wait() {
    thread::sleep(2 * CHECK_EVERY);
}

#[test]
fn a_change_by_another_connection_is_published_within_the_promised_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let publisher = open(folder.path(), POLICY);
    let before = publisher.current().unwrap().epoch();

    let id = create(&mut store);
    wait();
    assert!(!publisher.find(&id).unwrap().unwrap().revoked);

    store.revoke(&id, clock::now()).unwrap();
    wait();
    let record = publisher.find(&id).unwrap().unwrap();
    assert!(record.revoked);
    assert_eq!(record.version, 2);
    let current = publisher.current().unwrap();
    assert!(current.epoch() > before);
    assert_eq!(current.epoch(), store.epoch().unwrap());
}

#[test]
fn an_imported_key_and_a_revoked_token_are_published_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let publisher = open(folder.path(), POLICY);
    let text = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let verifier = Pepper::new([1; 32]).verifier(text.as_bytes());
    let token = TokenId::of("corp", "a");
    assert_eq!(publisher.find_imported(&verifier), Ok(None));
    assert_eq!(publisher.is_revoked(&token), Ok(false));
    let id = import(&mut store, text);
    assert_eq!(revoke_token(&mut store, "a"), token);
    wait();
    let found = publisher.find_imported(&verifier).unwrap().unwrap();
    assert_eq!((&found.id, found.imported), (&id, true));
    assert_eq!(publisher.find(&id).unwrap(), Some(found));
    assert_eq!(publisher.is_revoked(&token), Ok(true));

    store.revoke(&id, clock::now()).unwrap();
    wait();
    assert!(publisher.find_imported(&verifier).unwrap().unwrap().revoked);
}

#[test]
fn a_token_that_was_forgotten_is_not_published_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let token = revoke_token(&mut store, "a");
    let publisher = open(folder.path(), POLICY);
    assert_eq!(publisher.is_revoked(&token), Ok(true));
    let later = UnixMillis(clock::now().0 + 2 * 3_600_000);
    assert_eq!(store.prune_tokens(later).unwrap(), 1);
    wait();
    assert_eq!(publisher.is_revoked(&token), Ok(false));
}

#[test]
fn nothing_changes_hands_while_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = open(folder.path(), POLICY);
    let first = publisher.current().unwrap();
    wait();
    assert!(Arc::ptr_eq(&first, &publisher.current().unwrap()));
}

#[test]
fn what_is_published_step_by_step_is_what_is_published_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let publisher = open(folder.path(), POLICY);
    let mut ids = Vec::new();
    for round in 0..20 {
        ids.push(create(&mut store));
        revoke_token(&mut store, &format!("token {round}"));
        import(&mut store, &format!("an-imported-key-{round:016}"));
        if round % 3 == 0 {
            store.revoke(&ids[round / 2], clock::now()).unwrap();
        }
        if round == 15 {
            assert!(store.prune(clock::now(), clock::now()).unwrap() > 0);
        }
        wait();
        publisher.current().unwrap();
    }
    let (stepwise, at_once) =
        (publisher.current().unwrap(), open(folder.path(), POLICY).current().unwrap());
    assert_eq!(stepwise.epoch(), at_once.epoch());
    for name in bucket_names() {
        assert_eq!(stepwise.get(name.as_bytes()), at_once.get(name.as_bytes()));
    }
    assert_eq!(stepwise.records().count(), store.list().unwrap().len());
    assert_eq!(stepwise.revoked_tokens().count(), 20);
}

#[test]
fn keys_of_another_environment_are_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let live = store.create(&new_key(Environment::Live), clock::now()).unwrap().key.id;
    assert_eq!(open(folder.path(), POLICY).find(&live), Ok(None));
}

#[test]
fn a_changed_policy_gets_a_new_epoch_and_the_same_policy_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let epoch = |policy: &[u8]| open(folder.path(), policy).current().unwrap().epoch();
    let first = epoch(b"one");
    assert_eq!(epoch(b"one"), first);
    assert!(epoch(b"two") > first);
}

#[test]
fn gates_get_the_entries_of_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let id = create(&mut store);
    let publisher = open(folder.path(), POLICY);
    let current = publisher.current().unwrap();
    let get = |name: &str| publisher.get(name.as_bytes());
    let (epoch, count) = get(snapshot::EPOCH).unwrap();
    assert_eq!(epoch, current.epoch().to_le_bytes());
    assert_ne!(count, 0);
    assert_eq!(get(snapshot::POLICY).unwrap().0, POLICY);
    let bucket = get(&snapshot::keys(&id).name()).unwrap().0;
    let found = snapshot::find(&bucket, id.as_str().as_bytes()).unwrap();
    assert_eq!(found, publisher.find(&id).unwrap());
    assert!(found.is_some());
    assert_eq!(get("lunette.other"), None);
}

#[test]
fn without_its_database_nothing_is_published_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let id = create(&mut Store::open(folder.path()).unwrap());
    let publisher = open(folder.path(), POLICY);
    let (path, aside) = (Store::path(folder.path()), folder.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    wait();
    assert!(publisher.current().is_err());
    assert_eq!(publisher.find(&id), Err(Unavailable));
    assert_eq!(publisher.get(snapshot::EPOCH.as_bytes()), None);
    fs::rename(&aside, &path).unwrap();
    thread::sleep(RETRY_EVERY + CHECK_EVERY);
    assert!(publisher.find(&id).unwrap().is_some());
}

#[test]
fn a_database_in_the_place_of_the_first_must_not_be_older() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = open(folder.path(), POLICY);
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    let mut store = Store::open(folder.path()).unwrap();
    let old = store.create(&new_key(Environment::Test), UnixMillis(5)).unwrap().key.id;
    wait();
    assert!(publisher.current().is_err());
    let new = create(&mut store);
    thread::sleep(RETRY_EVERY + CHECK_EVERY);
    assert!(publisher.find(&old).unwrap().is_some() && publisher.find(&new).unwrap().is_some());
}

#[test]
fn one_damaged_record_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let (good, bad) = (create(&mut store), create(&mut store));
    let publisher = open(folder.path(), POLICY);
    let connection = connect(&Store::path(folder.path())).unwrap();
    let damage = "UPDATE keys SET scopes = 'all' WHERE id = ?1";
    connection.execute(damage, [bad.as_str()]).unwrap();
    wait();
    assert_eq!(publisher.find(&good), Err(Unavailable));
    assert_eq!(publisher.find_imported(&[0; 32]), Err(Unavailable));
    assert_eq!(publisher.is_revoked(&TokenId::of("corp", "a")), Err(Unavailable));
}

#[test]
fn a_change_made_with_another_tool_is_noticed_too() {
    let folder = tempfile::tempdir().unwrap();
    let id = create(&mut Store::open(folder.path()).unwrap());
    let publisher = open(folder.path(), POLICY);
    let connection = connect(&Store::path(folder.path())).unwrap();
    connection.execute("UPDATE keys SET revoked = 1", []).unwrap();
    wait();
    assert!(publisher.find(&id).unwrap().unwrap().revoked);
}

#[test]
fn a_change_of_one_key_among_fifty_thousand_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let id = create(&mut store);
    connect(&Store::path(folder.path()))
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
             INSERT INTO keys SELECT printf('%010d', i), secret_sha256, principal, scopes, tier,
                 environment, not_before, expires, revoked, version, created, replaced_by, label,
                 changed, imported, signing, clients, routes FROM keys, n",
        )
        .unwrap();
    let publisher = open(folder.path(), POLICY);
    assert_eq!(publisher.current().unwrap().records().count(), 50_000);
    store.revoke(&id, clock::now()).unwrap();
    wait();
    assert!(publisher.find(&id).unwrap().unwrap().revoked);
    assert_eq!(publisher.current().unwrap().records().filter(|record| record.revoked).count(), 1);
    let bytes: usize =
        bucket_names().map(|name| publisher.get(name.as_bytes()).unwrap().0.len()).sum();
    assert!(bytes < 16 * 1024 * 1024, "{bytes} bytes");
}
