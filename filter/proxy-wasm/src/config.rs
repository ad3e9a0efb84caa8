//! What the gate is told when it starts: its identity, from the plugin configuration, and its
//! secrets, only ever from the environment of its VM.

use filter::{
    Environment, GateIdentity, KeyRecord, Keys, Pepper, PermitKey, PolicyError, RealmKey, TokenId,
    TokenSecrets,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::policies::Policies;

/// The key that seals permits: 64 hex digits.
const PERMIT_KEY: &str = "LUNETTE_PERMIT_KEY";
/// Which version of the permit key this is.
const PERMIT_KEY_VERSION: &str = "LUNETTE_PERMIT_KEY_VERSION";
/// The pepper of key verifiers: 64 hex digits.
const PEPPER: &str = "LUNETTE_PEPPER";
/// The keys that derive signing secrets, as `VERSION:HEX`, two at most and separated by a comma.
const REALM_KEYS: &str = "LUNETTE_REALM_KEYS";
/// The secrets of issuers that sign with HS256, as `NAME:HEX`, separated by commas. Optional.
const TOKEN_SECRETS: &str = "LUNETTE_TOKEN_SECRETS";
/// The most realm keys: the current one, and the one before it.
const REALM_KEYS_MAX: usize = 2;

/// Why the gate does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the host gives no plugin configuration")]
    Missing,
    #[error("plugin configuration: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("environment: {0} is missing or not {1}")]
    Secret(&'static str, &'static str),
}

/// The plugin configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// The gate's name, as the node knows it.
    gate: String,
    /// The deployment it stands in front of.
    audience: String,
    /// The environment whose keys it takes.
    environment: Environment,
    /// Policy and keys, for a gate that is not kept up to date through shared data.
    snapshot: Option<RawSnapshot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSnapshot {
    epoch: u64,
    policy: Box<RawValue>,
    keys: Vec<KeyRecord>,
    #[serde(default)]
    revoked_tokens: Vec<TokenId>,
}

/// Reads the plugin configuration and the secrets.
pub(crate) fn read(json: &[u8]) -> Result<Policies, Error> {
    let raw: Raw = serde_json::from_slice(json)?;
    let version = variable(PERMIT_KEY_VERSION).and_then(|text| text.parse().ok());
    let version = version.ok_or(Error::Secret(PERMIT_KEY_VERSION, "a number"))?;
    let gate = GateIdentity {
        permit_key: PermitKey::new(&raw.gate, version, secret(PERMIT_KEY)?),
        realm_keys: realm_keys()?,
        token_secrets: token_secrets()?,
        pepper: Pepper::new(secret(PEPPER)?),
        gate: raw.gate,
        audience: raw.audience,
        environment: raw.environment,
    };
    match raw.snapshot {
        None => Ok(Policies::shared(gate)),
        Some(RawSnapshot { epoch, policy, keys, revoked_tokens }) => {
            let keys =
                revoked_tokens.into_iter().fold(keys.into_iter().collect(), Keys::with_revoked);
            Ok(Policies::fixed(gate, epoch, policy.get().as_bytes(), keys)?)
        }
    }
}

fn secret(name: &'static str) -> Result<[u8; 32], Error> {
    variable(name)
        .and_then(|text| filter::hex::decode(&text))
        .ok_or(Error::Secret(name, "64 hex digits"))
}

/// Without any, no signature with a derived secret verifies.
fn realm_keys() -> Result<Vec<RealmKey>, Error> {
    let error = Error::Secret(REALM_KEYS, "VERSION:64 hex digits, two at most");
    let text = variable(REALM_KEYS).unwrap_or_default();
    let keys = listed(&text).map(|(version, key)| {
        Some(RealmKey::new(version.parse().ok()?, filter::hex::decode(key)?))
    });
    let keys: Option<Vec<_>> = keys.collect();
    keys.filter(|keys| keys.len() <= REALM_KEYS_MAX).ok_or(error)
}

fn token_secrets() -> Result<TokenSecrets, Error> {
    let text = variable(TOKEN_SECRETS).unwrap_or_default();
    let secrets = listed(&text).map(|(name, secret)| {
        Some((name.to_owned(), Zeroizing::new(filter::hex::decode_vec(secret)?)))
    });
    let secrets: Option<Vec<_>> = secrets.collect();
    let secrets = secrets.ok_or(Error::Secret(TOKEN_SECRETS, "NAME:hex digits"))?;
    Ok(TokenSecrets::new(secrets))
}

/// `NAME:VALUE`, separated by commas. An entry without a colon has a name that nothing is called.
fn listed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| entry.split_once(':').unwrap_or((entry, "?")))
}

#[expect(clippy::disallowed_methods, reason = "the VM's environment is where its secrets are")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
