//! What the gate is told when it starts: its identity, from the plugin configuration, and its
//! secrets, only ever from the environment of its VM.

use filter::{Environment, GateIdentity, KeyRecord, Pepper, PermitKey, PolicyError};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::policies::Policies;

/// The key that seals permits: 64 hex digits.
const PERMIT_KEY: &str = "LUNETTE_PERMIT_KEY";
/// Which version of the permit key this is.
const PERMIT_KEY_VERSION: &str = "LUNETTE_PERMIT_KEY_VERSION";
/// The pepper of key verifiers: 64 hex digits.
const PEPPER: &str = "LUNETTE_PEPPER";

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
}

/// Reads the plugin configuration and the secrets.
pub(crate) fn read(json: &[u8]) -> Result<Policies, Error> {
    let raw: Raw = serde_json::from_slice(json)?;
    let version = variable(PERMIT_KEY_VERSION).and_then(|text| text.parse().ok());
    let version = version.ok_or(Error::Secret(PERMIT_KEY_VERSION, "a number"))?;
    let gate = GateIdentity {
        permit_key: PermitKey::new(&raw.gate, version, secret(PERMIT_KEY)?),
        pepper: Pepper::new(secret(PEPPER)?),
        gate: raw.gate,
        audience: raw.audience,
        environment: raw.environment,
    };
    match raw.snapshot {
        None => Ok(Policies::shared(gate)),
        Some(RawSnapshot { epoch, policy, keys }) => {
            Ok(Policies::fixed(gate, epoch, policy.get().as_bytes(), keys)?)
        }
    }
}

fn secret(name: &'static str) -> Result<[u8; 32], Error> {
    variable(name)
        .and_then(|text| filter::hex::decode(&text))
        .ok_or(Error::Secret(name, "64 hex digits"))
}

#[expect(clippy::disallowed_methods, reason = "the VM's environment is where its secrets are")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
