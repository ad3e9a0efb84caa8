//! Snapshots as a gate sees them: good ones, and each way not to be one.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::key::{Environment, KeyId, KeyRecord, KeyRing as _};
use crate::{UnixMillis, hex};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const POLICY_TEXT: &str = r#"{ "version": 1, "tiers": { "free": { "quotas": [] } }, "routes": [{
    "name": "cut-out", "method": "POST", "path": "/v1/cut-out", "scopes": [],
    "media_types": ["image/png"], "max_bytes": "1MiB",
    "max_width": 4096, "max_height": 4096, "max_pixels": 4000000, "max_frames": 1 }] }"#;

fn signer() -> SnapshotSigner {
    SnapshotSigner::new(&[7; 32])
}

fn trust() -> Trust {
    Trust { key: signer().public(), audience: "images".to_owned(), environment: Environment::Test }
}

fn content() -> String {
    let id = KeyId::parse("0000000001").unwrap();
    let record = KeyRecord::new(id, Environment::Test, [1; 32]);
    write_content(POLICY_TEXT.as_bytes(), [record].iter(), [].iter()).unwrap()
}

fn statement(content: &str) -> Statement {
    Statement {
        audience: "images".to_owned(),
        environment: Environment::Test,
        epoch: 5,
        issued_at: NOW,
        expires_at: NOW.plus(LIFETIME),
        sha256: hex::encode(&Sha256::digest(content)),
        length: content.len() as u64,
    }
}

fn snapshot(statement: &Statement, content: &str) -> Vec<u8> {
    format!("{}\n{content}\n", signer().seal(statement)).into_bytes()
}

fn good() -> Vec<u8> {
    snapshot(&statement(&content()), &content())
}

fn judge(snapshot: &[u8], held: Option<&Statement>) -> Result<News, Refused> {
    trust().judge(snapshot, held, NOW)
}

fn refused(snapshot: &[u8]) -> Refused {
    judge(snapshot, None).expect_err("a snapshot that must be ignored was taken")
}

#[test]
fn a_signed_snapshot_is_taken_with_its_policy_and_keys() {
    let Ok(News::Changed(statement, content)) = judge(&good(), None) else { panic!("refused") };
    assert_eq!(statement.epoch, 5);
    assert_eq!(content.policy.routes.len(), 1);
    let id = KeyId::parse("0000000001").unwrap();
    assert!(content.into_keys().find(&id).unwrap().is_some());
}

#[test]
fn the_pre_authentication_encoding_is_dsses() {
    // From the protocol's text: PAE("http://example.com/HelloWorld", "hello world") =
    // "DSSEv1 29 http://example.com/HelloWorld 11 hello world". Ours has our type and its length.
    use base64ct::{Base64, Encoding as _};
    use ed25519_dalek::{Signature, SigningKey};
    let line = signer().seal(&statement(""));
    let seal: serde_json::Value = serde_json::from_str(&line).unwrap();
    let payload = Base64::decode_vec(seal["payload"].as_str().unwrap()).unwrap();
    let kind = "application/vnd.lunette.snapshot+json";
    let mut signed = format!("DSSEv1 37 {kind} {} ", payload.len()).into_bytes();
    signed.extend(&payload);
    let signature = Base64::decode_vec(seal["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    key.verify_strict(&signed, &signature).expect("the signature is of the encoding");
}

#[test]
fn buckets_are_filled_with_everything_there_is() {
    let mut record =
        KeyRecord::new(KeyId::parse("0000000001").unwrap(), Environment::Test, [1; 32]);
    record.imported = true;
    let token = crate::TokenId::of("issuer", "token");
    let content =
        write_content(POLICY_TEXT.as_bytes(), [&record].into_iter(), [&token].into_iter());
    let content = Content::read(content.unwrap().as_bytes()).unwrap();
    let buckets = fill(&content);
    let [by_id, by_verifier] = [keys(&record.id), imported(&record.verifier)];
    assert_eq!(find(&buckets[&by_id], b"0000000001"), Ok(Some(record.clone())));
    assert_eq!(find(&buckets[&by_verifier], &record.verifier), Ok(Some(record)));
    assert_eq!(contains(&buckets[&tokens(&token)], &token), Ok(true));
    assert_eq!(buckets.len(), 3);
    assert!(buckets.keys().all(|bucket| all().any(|any| any == *bucket)));
}

#[test]
fn the_seal_alone_renews_what_the_gate_has() {
    let held = statement(&content());
    let later = Statement { issued_at: NOW.plus(1), ..held.clone() };
    let seal = signer().seal(&later);
    assert!(matches!(judge(seal.as_bytes(), Some(&held)), Ok(News::Renewed(now)) if now == later));
    assert!(matches!(judge(&good(), Some(&held)), Ok(News::Nothing)));
    assert_eq!(refused(seal.as_bytes()), Refused::Content, "without a content to renew");
}

#[test]
fn an_older_epoch_is_ignored_and_a_newer_one_taken() {
    let held = Statement { epoch: 6, ..statement(&content()) };
    let older = judge(&good(), Some(&held)).unwrap_err();
    assert_eq!(older, Refused::Older { epoch: 5, held: 6 });
    let other = Statement { epoch: 5, sha256: "00".repeat(32), ..held.clone() };
    assert_eq!(judge(&good(), Some(&other)).unwrap_err(), Refused::Ambiguous { epoch: 5 });
    let held = Statement { epoch: 4, sha256: "00".repeat(32), ..held };
    assert!(matches!(judge(&good(), Some(&held)), Ok(News::Changed(..))));
}

#[test]
fn a_new_epoch_of_the_content_that_the_gate_has_needs_no_content() {
    let held = statement(&content());
    let next = Statement { epoch: held.epoch + 1, ..held.clone() };
    let seal = signer().seal(&next);
    assert!(matches!(judge(seal.as_bytes(), Some(&held)), Ok(News::Renewed(now)) if now == next));
}

#[test]
fn whatever_is_altered_is_refused() {
    let good = good();
    for at in (0..good.len() - 1).step_by(7) {
        let mut altered = good.clone();
        altered[at] ^= 1;
        assert!(judge(&altered, None).is_err(), "byte {at} may be altered");
    }
    for cut in (0..good.len() - 1).step_by(31) {
        assert!(judge(&good[..cut], None).is_err(), "it may be cut at {cut}");
    }
}

#[test]
fn a_snapshot_of_another_key_is_refused_whatever_its_key_id_says() {
    let other = SnapshotSigner::new(&[8; 32]);
    let line = other.seal(&statement(&content()));
    assert_eq!(refused(line.as_bytes()), Refused::Unsigned(signer().public().id()));
    let forged = line.replace(&other.public().id(), &signer().public().id());
    assert_eq!(refused(forged.as_bytes()), Refused::Signature);
    let unsigned = r#"{"payloadType":"application/vnd.lunette.snapshot+json","payload":"e30=","signatures":[]}"#;
    assert_eq!(refused(unsigned.as_bytes()), Refused::Unsigned(signer().public().id()));
}

#[test]
fn one_for_others_is_foreign() {
    let content = content();
    let live = Statement { environment: Environment::Live, ..statement(&content) };
    let theirs = Statement { audience: "theirs".to_owned(), ..statement(&content) };
    for foreign in [live, theirs] {
        let refused = refused(&snapshot(&foreign, &content));
        assert!(matches!(refused, Refused::Foreign { .. }), "{refused}");
    }
}

#[test]
fn it_is_good_until_it_expires_and_for_no_longer_than_any_may_be() {
    let good = good();
    let at = |now| trust().judge(&good, None, now).map(drop);
    assert_eq!(at(NOW.plus(LIFETIME - 1)), Ok(()));
    let expires_at = NOW.plus(LIFETIME);
    assert_eq!(at(expires_at), Err(Refused::Expired { expires_at: expires_at.0 }));
    assert_eq!(at(UnixMillis(NOW.0 - 60_001)), Err(Refused::Ahead { issued_at: NOW.0 }));
    assert_eq!(at(UnixMillis(NOW.0 - 60_000)), Ok(()));
    let content = content();
    let long = Statement { expires_at: NOW.plus(LIFETIME + 1), ..statement(&content) };
    assert!(matches!(refused(&snapshot(&long, &content)), Refused::Expired { .. }));
}

#[test]
fn a_signed_content_that_is_none_is_refused() {
    let with_policy =
        |policy: &str| format!(r#"{{"policy":{policy},"keys":[],"revoked_tokens":[]}}"#);
    for (content, expected) in [
        (String::new(), "its content is malformed"),
        (r#"{"policy":{},"keys":[]}"#.to_owned(), "its content is malformed"),
        (with_policy(r#"{"version":1}"#), "its policy is refused"),
    ] {
        let refused = refused(&snapshot(&statement(&content), &content)).to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_key_of_small_order_is_none() {
    assert!(SnapshotKey::parse(&"0".repeat(64)).is_none());
    assert!(SnapshotKey::parse(&format!("01{}", "0".repeat(62))).is_none());
    let key = signer().public();
    assert_eq!(SnapshotKey::parse(&key.digits()).unwrap().id(), key.id());
}

#[test]
fn the_path_names_what_the_gate_has() {
    assert_eq!(path(None), "/gate/snapshot");
    let held = statement("");
    assert_eq!(path(Some(&held)), format!("/gate/snapshot?have={}", held.sha256));
}
