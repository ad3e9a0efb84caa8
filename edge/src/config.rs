//! Every binding and variable of the Worker, by name.

use filter::{
    Environment, Filter, GateIdentity, KeyRecord, Keys, Pepper, PermitKey, Policy, RealmKey,
    TokenId, TokenSecrets, hex,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use worker::Env;

/// What a request is judged and sent on with.
pub(crate) struct Config {
    pub(crate) filter: Filter,
    pub(crate) keys: Keys,
    /// Where accepted requests go: scheme, host and port of the node.
    pub(crate) upstream: String,
}

/// Policy and keys, as `lunette policy snapshot` writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    epoch: u64,
    policy: Box<RawValue>,
    keys: Vec<KeyRecord>,
    #[serde(default)]
    revoked_tokens: Vec<TokenId>,
}

impl Config {
    /// Reads variables and secrets; an error names the one that is missing or wrong.
    pub(crate) fn read(env: &Env) -> Result<Self, String> {
        let variable = |name: &str| match env.var(name) {
            Ok(value) => Ok(value.to_string()),
            Err(_) => Err(format!("variable {name} is missing")),
        };
        let secret = |name: &str| {
            let text = env.secret(name).ok().map(|value| value.to_string());
            let bytes = text.and_then(|text| hex::decode(&text));
            bytes.ok_or_else(|| format!("secret {name} is missing or not 64 hex digits"))
        };
        let snapshot: Snapshot = serde_json::from_str(&variable("LUNETTE_SNAPSHOT")?)
            .map_err(|error| format!("variable LUNETTE_SNAPSHOT: {error}"))?;
        let policy =
            Policy::parse(snapshot.policy.get().as_bytes()).map_err(|error| error.to_string())?;
        let environment = match variable("LUNETTE_ENVIRONMENT")?.as_str() {
            "live" => Environment::Live,
            "test" => Environment::Test,
            _ => return Err("variable LUNETTE_ENVIRONMENT: expected live or test".to_owned()),
        };
        let version = variable("LUNETTE_PERMIT_KEY_VERSION")?;
        let version =
            version.parse().map_err(|_| "LUNETTE_PERMIT_KEY_VERSION: expected a number")?;
        let gate = variable("LUNETTE_GATE")?;
        let identity = GateIdentity {
            permit_key: PermitKey::new(&gate, version, secret("LUNETTE_PERMIT_KEY")?),
            pepper: Pepper::new(secret("LUNETTE_PEPPER")?),
            realm_keys: realm_keys(env)?,
            token_secrets: TokenSecrets::default(),
            gate,
            audience: variable("LUNETTE_AUDIENCE")?,
            environment,
        };
        Ok(Self {
            filter: Filter::new(policy, identity, snapshot.epoch),
            keys: snapshot
                .revoked_tokens
                .into_iter()
                .fold(snapshot.keys.into_iter().collect(), Keys::with_revoked),
            upstream: variable("LUNETTE_UPSTREAM")?,
        })
    }
}

/// The secret `LUNETTE_REALM_KEYS`: `VERSION:HEX`, two at most and separated by a comma. Without it no
/// signature with a derived secret verifies.
fn realm_keys(env: &Env) -> Result<Vec<RealmKey>, String> {
    let text = env.secret("LUNETTE_REALM_KEYS").map(|value| value.to_string()).unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let keys = entries.map(|entry| {
        let (version, key) = entry.split_once(':')?;
        Some(RealmKey::new(version.parse().ok()?, hex::decode(key)?))
    });
    let keys: Option<Vec<_>> = keys.collect();
    keys.filter(|keys| keys.len() <= 2)
        .ok_or_else(|| "secret LUNETTE_REALM_KEYS is not VERSION:64 hex digits".to_owned())
}
