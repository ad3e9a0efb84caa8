//! What the gate is told when it starts: its identity, from the plugin configuration, and its
//! secrets, only ever from the environment of its VM.

use std::time::Duration;

use filter::snapshot::{News, Refused, SnapshotKey, Trust};
use filter::{Environment, GateIdentity, Pepper, PermitKey, RealmKey, TokenSecrets};
use proxy_wasm::types::Status;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::host;
use crate::policies::Policies;
use crate::pull::Pull;

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
/// The node's public key, 64 hex digits, for gates that are told by a snapshot.
const SNAPSHOT_KEY: &str = "LUNETTE_SNAPSHOT_KEY";
/// What a gate that asks the node shows to be told: 64 hex digits.
const GATE_TOKEN: &str = "LUNETTE_GATE_TOKEN";
/// How often the node is asked, in milliseconds: a revoked key must be refused within 5 seconds.
const EVERY_DEFAULT: u64 = 1000;
const EVERY_MIN: u64 = 100;
const EVERY_MAX: u64 = 4000;
/// The most realm keys: the current one, and the one before it.
const REALM_KEYS_MAX: usize = 2;

/// Why the gate does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the host gives no plugin configuration")]
    Missing,
    #[error("plugin configuration: {0}")]
    Json(#[from] serde_json::Error),
    #[error("snapshot: {0}")]
    Snapshot(#[from] Refused),
    #[error("snapshot and pull: a gate is told in one way, and not in two")]
    Both,
    #[error("pull.every_ms: expected {EVERY_MIN} to {EVERY_MAX}")]
    Every,
    #[error("environment: {0} is missing or not {1}")]
    Secret(&'static str, &'static str),
    #[error("the host's clock cannot be read")]
    Clock,
}

impl From<Status> for Error {
    fn from(_: Status) -> Self {
        Self::Clock
    }
}

/// How a gate is kept up to date, beside its secrets.
pub(crate) struct Config {
    pub(crate) policies: Policies,
    /// Whom to ask; nothing where the host tells the gate by itself.
    pub(crate) pull: Option<Pull>,
    /// Whether the host is told of each request's event.
    pub(crate) events: bool,
    /// Whether refusals wait for short bodies.
    pub(crate) keep_connections: bool,
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
    /// A signed snapshot, which holds until the next configuration, or until it expires.
    snapshot: Option<String>,
    /// Where the node gives its snapshot. With neither, the host's shared data tells the gate.
    pull: Option<RawPull>,
    /// Whether the host is told the inspection event of each request, as `lunette.event`.
    #[serde(default)]
    events: bool,
    /// Whether a refusal waits for a short body, since this host ends connections that it answers sooner.
    #[serde(default)]
    keep_connections: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPull {
    /// The host's name of the node's operator listener.
    cluster: String,
    /// The `Host` of the requests.
    authority: String,
    /// Rounded up to a multiple of [`TICK`](crate::TICK).
    every_ms: Option<u64>,
}

/// Reads the plugin configuration and the secrets.
pub(crate) fn read(json: &[u8]) -> Result<Config, Error> {
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
    let (events, keep_connections) = (raw.events, raw.keep_connections);
    let (policies, pull) = match (raw.snapshot, raw.pull) {
        (Some(_), Some(_)) => return Err(Error::Both),
        (None, None) => (Policies::shared(gate), None),
        (Some(snapshot), None) => {
            match trust(&gate)?.judge(snapshot.as_bytes(), None, host::now()?)? {
                News::Changed(statement, content) => {
                    (Policies::fixed(gate, &statement, *content), None)
                }
                // Only of a snapshot that the gate has already.
                News::Nothing | News::Renewed(_) => return Err(Refused::Content.into()),
            }
        }
        (None, Some(RawPull { cluster, authority, every_ms })) => {
            let every = every_ms.unwrap_or(EVERY_DEFAULT);
            if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
                return Err(Error::Every);
            }
            let token = variable(GATE_TOKEN).filter(|token| !token.is_empty());
            let token = token.ok_or(Error::Secret(GATE_TOKEN, "64 hex digits"))?;
            let every = Duration::from_millis(every);
            let pull = Pull::new(trust(&gate)?, cluster, authority, &token, every);
            (Policies::pulled(gate), Some(pull))
        }
    };
    Ok(Config { policies, pull, events, keep_connections })
}

/// Whom the gate believes.
fn trust(gate: &GateIdentity) -> Result<Trust, Error> {
    let key = variable(SNAPSHOT_KEY).and_then(|digits| SnapshotKey::parse(digits.trim()));
    Ok(Trust {
        key: key
            .ok_or(Error::Secret(SNAPSHOT_KEY, "the 64 hex digits of an Ed25519 public key"))?,
        audience: gate.audience.clone(),
        environment: gate.environment,
    })
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
