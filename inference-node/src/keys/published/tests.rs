use filter::Environment;

use super::*;

fn record(id: u32, version: u32) -> KeyRecord {
    let id = KeyId::parse(&format!("{id:010}")).unwrap();
    KeyRecord { version, ..KeyRecord::new(id, Environment::Test, [1; 32]) }
}

fn imported(id: u32, version: u32) -> KeyRecord {
    let mut verifier = [7; 32];
    verifier[..4].copy_from_slice(&id.wrapping_mul(2_654_435_769).to_be_bytes());
    KeyRecord { verifier, imported: true, ..record(id, version) }
}

fn published(records: Vec<KeyRecord>, tokens: Vec<TokenId>) -> Published {
    Published::empty(b"{}"[..].into()).with(7, Changes { records, tokens })
}

fn token(n: u32) -> TokenId {
    TokenId::of("corp", &n.to_string())
}

/// What a gate finds of a record, by its id or by its verifier.
fn find(published: &Published, bucket: Bucket, found_by: &[u8]) -> Option<KeyRecord> {
    let bytes = published.get(bucket.name().as_bytes()).unwrap();
    snapshot::find(&bytes, found_by).expect("a bucket can always be read")
}

fn by_id(published: &Published, record: &KeyRecord) -> Option<KeyRecord> {
    find(published, snapshot::keys(&record.id), record.id.as_str().as_bytes())
}

fn by_verifier(published: &Published, record: &KeyRecord) -> Option<KeyRecord> {
    find(published, snapshot::imported(&record.verifier), &record.verifier)
}

/// How many buckets two epochs do not share.
fn differ<T>(a: &[Arc<T>], b: &[Arc<T>]) -> usize {
    a.iter().zip(b).filter(|(a, b)| !Arc::ptr_eq(a, b)).count()
}

#[test]
fn a_gate_finds_every_record_in_its_bucket() {
    // More keys than buckets, so that some share one.
    let records: Vec<_> = (0..5000).map(|id| record(id, 1)).collect();
    let published = published(records.clone(), vec![]);
    for record in &records {
        assert_eq!(by_id(&published, record).as_ref(), Some(record));
        assert_eq!(published.record(&record.id), Some(record));
    }
    assert_eq!(by_id(&published, &record(5000, 1)), None);
    assert_eq!(published.records().count(), 5000);
}

#[test]
fn an_imported_key_is_found_by_its_verifier_and_by_its_id() {
    let records: Vec<_> = (0..5000).map(|id| imported(id, 1)).collect();
    let published = published(records.iter().cloned().chain([record(6000, 1)]).collect(), vec![]);
    for record in &records {
        for found in [by_verifier(&published, record), by_id(&published, record)] {
            assert_eq!(found.as_ref(), Some(record));
        }
        assert_eq!(published.imported(&record.verifier), Some(record));
    }
    let own = record(6000, 1);
    assert_eq!(by_verifier(&published, &own), None);
    assert_eq!(published.imported(&own.verifier), None);
}

#[test]
fn a_gate_finds_every_revoked_token_and_no_other() {
    let published = published(vec![], (0..5000).map(token).collect());
    let is_revoked = |token: &TokenId| {
        let bucket = published.get(snapshot::tokens(token).name().as_bytes()).unwrap();
        let found = snapshot::contains(&bucket, token).expect("a bucket can always be read");
        assert_eq!(published.is_revoked(token), found);
        found
    };
    assert!((0..5000).all(|n| is_revoked(&token(n))));
    assert!(!(5000..10_000).any(|n| is_revoked(&token(n))));
    assert_eq!(published.revoked_tokens().count(), 5000);
}

#[test]
fn a_change_replaces_one_record_and_keeps_the_rest() {
    let before = published((0..5000).map(|id| imported(id, 1)).collect(), vec![token(1)]);
    let after = before.with(8, Changes { records: vec![imported(17, 2)], tokens: vec![] });
    let id = imported(17, 2).id;
    assert_eq!(after.record(&id).unwrap().version, 2);
    assert_eq!(after.imported(&imported(17, 2).verifier).unwrap().version, 2);
    assert_eq!(before.record(&id).unwrap().version, 1);
    assert_eq!(after.records().count(), 5000);
    assert_eq!(differ(&before.by_id, &after.by_id), 1);
    assert_eq!(differ(&before.by_verifier, &after.by_verifier), 1);
    assert_eq!(differ(&before.tokens, &after.tokens), 0);
}

#[test]
fn a_revoked_token_changes_one_bucket() {
    let before = published((0..100).map(|id| record(id, 1)).collect(), vec![token(1)]);
    let after = before.with(8, Changes { records: vec![], tokens: vec![token(2), token(1)] });
    assert!(after.is_revoked(&token(1)) && after.is_revoked(&token(2)));
    assert!(!before.is_revoked(&token(2)));
    assert_eq!(after.revoked_tokens().count(), 2);
    assert_eq!(differ(&before.by_id, &after.by_id), 0);
}

#[test]
fn names_are_those_of_the_snapshot_and_no_others() {
    let published = Published::empty(b"policy"[..].into()).with(0x0102, Changes::default());
    assert_eq!(published.get(b"lunette.epoch").unwrap(), [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(published.get(b"lunette.policy").unwrap(), b"policy");
    for kind in ["keys", "imported", "tokens"] {
        for number in [0, 4095] {
            assert_eq!(published.get(format!("lunette.{kind}.{number}").as_bytes()), Some(vec![]));
        }
    }
    for name in ["", "lunette", "lunette.keys.", "lunette.keys.4096", "lunette.keys.00", "x.0"] {
        assert_eq!(published.get(name.as_bytes()), None, "{name}");
    }
    assert_eq!(published.get(b"lunette.keys.\xff"), None);
}
