//! The keys that vectors name: `vectors/keys.json`, and what follows from it.
//!
//! Ids and secrets are made from the names, so that no two keys share anything by accident.

use std::sync::LazyLock;

use filter::address::AddressList;
use filter::algorithm::Algorithm;
use filter::key::Signing;
use filter::signature::Scheme;
use filter::{
    ApiKey, Environment, GateIdentity, KeyDigest as _, KeyId, KeyRecord, Pepper, PermitKey,
    RealmKey, TokenId, TokenSecrets, UnixMillis,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::private;

/// Every gate of the tests takes keys of this environment.
pub const ENVIRONMENT: Environment = Environment::Test;
/// The pepper of every gate of the tests.
pub const PEPPER: [u8; 32] = [0x5a; 32];
/// The permit key of every gate of the tests.
pub const PERMIT_KEY: [u8; 32] = [0xa5; 32];
/// The realm keys of every gate of the tests: one is being exchanged for the other.
pub const REALM_KEYS: [(u32, [u8; 32]); 2] = [(1, [0x71; 32]), (2, [0x72; 32])];
/// A realm key that no gate of the tests holds.
const LOST_REALM_KEY: [u8; 32] = [0x73; 32];
/// The secret of the issuer that signs with HS256, and its name.
pub const TOKEN_SECRET: (&str, [u8; 32]) = ("legacy-2026", [0x3c; 32]);

/// One entry of `vectors/keys.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// The whole text of a key that was made elsewhere.
    imported: Option<String>,
    /// Whose it is; of nobody else, if it is left out.
    principal: Option<String>,
    scopes: Option<Vec<String>>,
    tier: Option<String>,
    environment: Option<Environment>,
    /// Seconds from the beginning of a run.
    not_before: Option<i64>,
    /// Seconds from the beginning of a run.
    expires: Option<i64>,
    #[serde(default)]
    revoked: bool,
    signing: Option<SigningEntry>,
    #[serde(default)]
    clients: AddressList,
    #[serde(default)]
    routes: Vec<String>,
}

/// How a key signs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningEntry {
    #[serde(default = "rfc9421")]
    scheme: Scheme,
    #[serde(default = "hmac_sha256")]
    algorithm: Algorithm,
    #[serde(default)]
    required: bool,
    #[serde(default = "one")]
    realm: u32,
    #[serde(default = "one")]
    secret: u32,
    /// The name of the key pair.
    pair: Option<String>,
}

fn rfc9421() -> Scheme {
    Scheme::Rfc9421
}

fn hmac_sha256() -> Algorithm {
    Algorithm::HmacSha256
}

fn one() -> u32 {
    1
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../vectors/keys.json")).expect("vectors/keys.json")
});

/// The entry of a name. Names that begin with `unknown` have none, and no others may be missing.
fn entry(name: &str) -> Option<&'static Entry> {
    let found = ENTRIES.iter().find(|entry| entry.name == name);
    assert!(found.is_some() || name.starts_with("unknown"), "no test key is called {name}");
    found
}

/// The id of the key that vectors call `name`.
pub fn id(name: &str) -> KeyId {
    KeyId::parse(&digits(&format!("id of {name}"), 10)).expect("hex digits are base62 digits")
}

fn digits(text: &str, count: usize) -> String {
    let mut digits = filter::hex::encode(&<[u8; 32]>::from(Sha256::digest(text)));
    digits.truncate(count);
    digits
}

fn secret(name: &str) -> [u8; 32] {
    digits(&format!("secret of {name}"), 32).into_bytes().try_into().expect("32 digits")
}

/// The text of the key that vectors call `name`. After a colon it says what is wrong with it:
/// `good:wrong-secret`, `good:wrong-checksum`, `good:other-environment`.
///
/// # Panics
/// If no key has this name.
pub fn text(name: &str) -> String {
    let (name, fault) = name.split_once(':').unwrap_or((name, ""));
    if let Some(text) = entry(name).and_then(|entry| entry.imported.clone()) {
        return text;
    }
    let compose = |environment, secret: [u8; 32]| {
        ApiKey::compose(environment, &id(name), &secret).expect("a test secret").to_string()
    };
    let environment = entry(name).and_then(|entry| entry.environment).unwrap_or(ENVIRONMENT);
    let text = compose(environment, secret(name));
    match fault {
        "" => text,
        "wrong-secret" => compose(environment, secret("somebody else")),
        "other-environment" => compose(Environment::Live, secret(name)),
        "wrong-checksum" => {
            let last = if text.ends_with('0') { '1' } else { '0' };
            text[..text.len() - 1].to_owned() + &last.to_string()
        }
        _ => panic!("{fault} is not one of the faults that a key can have"),
    }
}

/// The algorithm that the key called `name` signs with.
pub fn algorithm(name: &str) -> Algorithm {
    signing_entry(name).map_or(Algorithm::HmacSha256, |signing| signing.algorithm)
}

/// The name of the key pair of the key called `name`.
pub fn pair(name: &str) -> Option<&'static str> {
    signing_entry(name)?.pair.as_deref()
}

/// The secret that the owner of the key called `name` signs with under `scheme`.
pub fn signing_secret(name: &str, scheme: Scheme) -> [u8; 32] {
    let (version, number) =
        signing_entry(name).map_or((1, 1), |signing| (signing.realm, signing.secret));
    let key = REALM_KEYS.iter().find(|(known, _)| *known == version);
    let key = key.map_or(LOST_REALM_KEY, |(_, key)| *key);
    *RealmKey::new(version, key).client_secret(&id(name), number, scheme)
}

fn signing_entry(name: &str) -> Option<&'static SigningEntry> {
    entry(name)?.signing.as_ref()
}

/// The records of all keys, as they are `now`.
pub fn records(now: UnixMillis) -> Vec<KeyRecord> {
    ENTRIES.iter().map(|entry| record(entry, now)).collect()
}

/// The record of one key.
///
/// # Panics
/// If no key has this name.
pub fn record_of(name: &str, now: UnixMillis) -> KeyRecord {
    record(entry(name).expect("a key with a record"), now)
}

fn record(entry: &Entry, now: UnixMillis) -> KeyRecord {
    let text = entry.imported.as_ref().map(|text| text.clone().into_bytes());
    let text = text.unwrap_or_else(|| secret(&entry.name).to_vec());
    let verifier = Pepper::new(PEPPER).verifier(&text);
    let moment = |seconds: i64| now.0.saturating_add_signed(seconds * 1000);
    KeyRecord {
        imported: entry.imported.is_some(),
        principal: entry.principal.clone().unwrap_or_else(|| entry.name.clone()),
        scopes: entry.scopes.clone().unwrap_or_else(|| vec!["background-removal".to_owned()]),
        tier: entry.tier.clone().unwrap_or_else(|| "free".to_owned()),
        not_before: entry.not_before.map(moment),
        expires: entry.expires.map(moment),
        revoked: entry.revoked,
        signing: entry.signing.as_ref().map(|signing| Signing {
            scheme: signing.scheme,
            algorithm: signing.algorithm,
            required: signing.required,
            realm: signing.realm,
            secret: signing.secret,
            public_key: signing.pair.as_deref().map(private::public),
        }),
        clients: entry.clients.clone(),
        routes: entry.routes.clone(),
        ..KeyRecord::new(id(&entry.name), entry.environment.unwrap_or(ENVIRONMENT), verifier)
    }
}

/// The tokens that were revoked before their time.
pub fn revoked_tokens() -> Vec<TokenId> {
    vec![TokenId::of("login", "revoked-1")]
}

/// The identity of every gate of the tests, under the name `gate`.
pub fn identity(gate: &str) -> GateIdentity {
    let (name, secret) = TOKEN_SECRET;
    GateIdentity {
        gate: gate.to_owned(),
        audience: "tests".to_owned(),
        environment: ENVIRONMENT,
        pepper: Pepper::new(PEPPER),
        permit_key: PermitKey::new(gate, 1, PERMIT_KEY),
        realm_keys: REALM_KEYS.map(|(version, key)| RealmKey::new(version, key)).into(),
        token_secrets: TokenSecrets::new([(name.to_owned(), Zeroizing::new(secret.to_vec()))]),
    }
}
