//! Every binding and variable of the Worker, by name.

use filter::snapshot::{SnapshotKey, Trust};
use filter::{Environment, GateIdentity, Pepper, PermitKey, RealmKey, TokenSecrets, hex};
use worker::Env;
use zeroize::Zeroizing;

/// The Durable Object namespace of what a principal has used.
pub(crate) const PRINCIPALS: &str = "PRINCIPALS";
/// The Durable Object namespace of the snapshot.
pub(crate) const SNAPSHOTS: &str = "SNAPSHOTS";
/// The KV namespace in which a new isolate finds the snapshot.
pub(crate) const SNAPSHOT_KV: &str = "SNAPSHOT";
/// The queue that inspection events go to. Optional.
pub(crate) const EVENTS: &str = "EVENTS";
/// The mTLS certificate that the node is spoken to with. Optional.
pub(crate) const NODE: &str = "NODE";
/// Where the node gives its snapshot.
pub(crate) const SNAPSHOT_URL: &str = "LUNETTE_SNAPSHOT_URL";
/// The secret that the node gives it for.
pub(crate) const GATE_TOKEN: &str = "LUNETTE_GATE_TOKEN";

/// What an isolate's memory depends on, in the order in which [`Raw`] keeps it.
const TEXTS: [&str; 10] = [
    "LUNETTE_GATE",
    "LUNETTE_AUDIENCE",
    "LUNETTE_ENVIRONMENT",
    "LUNETTE_UPSTREAM",
    "LUNETTE_SNAPSHOT_KEY",
    "LUNETTE_PERMIT_KEY_VERSION",
    "LUNETTE_PERMIT_KEY",
    "LUNETTE_PEPPER",
    "LUNETTE_REALM_KEYS",
    "LUNETTE_TOKEN_SECRETS",
];

/// Variables and secrets as they are bound, to see whether they have changed: the platform may bind
/// others to an isolate that goes on. No `Debug`.
#[derive(Eq, PartialEq)]
pub(crate) struct Raw([Zeroizing<String>; TEXTS.len()]);

/// What the Worker is told.
pub(crate) struct Config {
    pub(crate) identity: GateIdentity,
    pub(crate) trust: Trust,
    /// Where accepted requests go: scheme, host and port of the node.
    pub(crate) upstream: String,
}

impl Raw {
    /// What is bound now; what is missing is empty.
    pub(crate) fn read(env: &Env) -> Self {
        Self(TEXTS.map(|name| Zeroizing::new(text(env, name).unwrap_or_default())))
    }

    /// What it means; an error names what is missing or wrong.
    pub(crate) fn parse(&self) -> Result<Config, String> {
        let [gate, audience, environment, upstream, snapshot_key, version, permit, pepper, ..] =
            self.0.each_ref().map(|text| text.as_str());
        let [.., realms, tokens] = self.0.each_ref().map(|text| text.as_str());
        if gate.is_empty() || audience.is_empty() || upstream.is_empty() {
            return Err("LUNETTE_GATE, LUNETTE_AUDIENCE and LUNETTE_UPSTREAM are needed".to_owned());
        }
        let version = version.parse().map_err(|_| expected(5, "a number"))?;
        let permit = hex::decode(permit).ok_or_else(|| expected(6, "64 hex digits"))?;
        let pepper = hex::decode(pepper).ok_or_else(|| expected(7, "64 hex digits"))?;
        let trust = trust(audience, environment, snapshot_key)?;
        let identity = GateIdentity {
            gate: gate.to_owned(),
            audience: audience.to_owned(),
            environment: trust.environment,
            pepper: Pepper::new(pepper),
            permit_key: PermitKey::new(gate, version, permit),
            realm_keys: realm_keys(realms)
                .ok_or_else(|| expected(8, "VERSION:64 hex digits, two at most"))?,
            token_secrets: token_secrets(tokens).ok_or_else(|| expected(9, "NAME:hex digits"))?,
        };
        Ok(Config { identity, trust, upstream: upstream.trim_end_matches('/').to_owned() })
    }
}

/// Whom the Durable Object of the snapshot believes.
pub(crate) fn trust_of(env: &Env) -> Result<Trust, String> {
    let text = |name| text(env, name).unwrap_or_default();
    trust(&text("LUNETTE_AUDIENCE"), &text("LUNETTE_ENVIRONMENT"), &text("LUNETTE_SNAPSHOT_KEY"))
}

/// A variable or secret.
pub(crate) fn text(env: &Env, name: &str) -> Option<String> {
    // Not `Env::var`, which throws where workerd binds `null`.
    let value = js_sys::Reflect::get(env.as_ref(), &name.into()).ok()?;
    value.as_string().filter(|text| !text.is_empty())
}

fn trust(audience: &str, environment: &str, key: &str) -> Result<Trust, String> {
    let environment = match environment {
        "live" => Environment::Live,
        "test" => Environment::Test,
        _ => return Err(expected(2, "live or test")),
    };
    let key = SnapshotKey::parse(key)
        .ok_or_else(|| expected(4, "the 64 hex digits that `lunette gates secrets` prints"))?;
    Ok(Trust { key, audience: audience.to_owned(), environment })
}

fn expected(index: usize, what: &str) -> String {
    format!("{} is missing or not {what}", TEXTS.get(index).unwrap_or(&"a variable"))
}

/// `VERSION:HEX`, two at most. Without any, no signature with a derived secret verifies.
fn realm_keys(text: &str) -> Option<Vec<RealmKey>> {
    let keys: Option<Vec<_>> = listed(text)
        .map(|(version, key)| Some(RealmKey::new(version.parse().ok()?, hex::decode(key)?)))
        .collect();
    keys.filter(|keys| keys.len() <= 2)
}

fn token_secrets(text: &str) -> Option<TokenSecrets> {
    let secrets: Option<Vec<_>> = listed(text)
        .map(|(name, secret)| Some((name.to_owned(), Zeroizing::new(hex::decode_vec(secret)?))))
        .collect();
    secrets.map(TokenSecrets::new)
}

/// `NAME:VALUE`, separated by commas. An entry without a colon has a name that nothing is called.
fn listed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| entry.split_once(':').unwrap_or((entry, "?")))
}
