//! The gate that the configuration of this machine describes, and that has seen no request yet.

use filter::{Clock, Environment, Filter, GateIdentity, Keys, Pepper, PermitKey, TokenSecrets};
use zeroize::Zeroizing;

use super::super::super::{Error, output};
use super::inspection::{Explained, Node};
use super::request::Described;
use crate::config::{Config, EMBEDDED_GATE};
use crate::keys::Store;
use crate::provision::{root_secret, token_secrets};
use crate::secrets::{GateSecrets, RootSecret};

/// The variable in which a gate finds the secrets of issuers, as `NAME:hex digits` between commas.
const TOKEN_SECRETS: &str = "LUNETTE_TOKEN_SECRETS";

/// A gate, and the node behind it. It has no `Debug`: it holds secrets.
pub(super) struct Gate {
    filter: Filter,
    keys: Keys,
    node: Node,
}

impl Gate {
    /// The first of the gates that `config` names, with the keys of this machine. Nothing is written:
    /// to be explained is not to be published.
    pub(super) fn of_this_machine(config: &Config) -> Result<Self, Error> {
        let database = Store::path(&config.data);
        let (root, keys, epoch) = if database.exists() {
            let root = root_secret(config)?;
            let store = Store::open(&config.data)?;
            let keys = keys(&store, config.environment, &root.pepper(config.environment))?;
            (root, keys, store.epoch()?)
        } else {
            // Without a key, nothing is compared with what is derived from it.
            (RootSecret::new([0; 32]), Keys::default(), 0)
        };
        let policy = config.policy.policy.clone();
        let filter = Filter::new(policy, identity(config, &root)?, epoch);
        if !database.exists() {
            let missing = database.display();
            output::remark(&format!("No key is known: there is no database {missing}."))?;
        }
        let node = Node { accept_report: config.accept_report };
        Ok(Self { filter, keys, node })
    }

    /// Judges the request at `clock`.
    pub(super) fn explain(&self, described: &Described, clock: Clock) -> Explained {
        Explained::of(described, &self.filter, &self.keys, &self.node, clock)
    }
}

fn keys(store: &Store, environment: Environment, pepper: &Pepper) -> Result<Keys, Error> {
    let stored = store.list()?.into_iter().filter(|key| key.environment == environment);
    let records: Keys = stored.map(|key| key.record(pepper)).collect();
    Ok(store.tokens()?.into_iter().map(|token| token.id).fold(records, Keys::with_revoked))
}

fn identity(config: &Config, root: &RootSecret) -> Result<GateIdentity, Error> {
    let named = config.permit_keys(root).into_iter().next();
    let permit_key = named.unwrap_or_else(|| root.permit_key(EMBEDDED_GATE, 1));
    let (environment, realms) = (config.environment, &config.signing_realms);
    Ok(GateIdentity {
        gate: permit_key.gate().to_owned(),
        audience: config.audience.clone(),
        environment,
        pepper: root.pepper(environment),
        realm_keys: realms.iter().map(|&realm| root.realm_key(environment, realm)).collect(),
        token_secrets: secrets_of_issuers(config, root, &permit_key)?,
        permit_key,
    })
}

/// The secrets of issuers, read as a gate reads them.
fn secrets_of_issuers(
    config: &Config,
    root: &RootSecret,
    key: &PermitKey,
) -> Result<TokenSecrets, Error> {
    let tokens = token_secrets(config)?;
    let (environment, realms) = (config.environment, &config.signing_realms);
    let secrets =
        GateSecrets::derive(root, key.gate(), key.version(), environment, realms, &tokens);
    let variable = secrets.variables().find(|(name, _)| *name == TOKEN_SECRETS);
    let listed = variable.map(|(_, text)| text.as_str()).unwrap_or_default();
    let secrets = listed.split(',').filter_map(|entry| {
        let (name, digits) = entry.split_once(':')?;
        Some((name.to_owned(), Zeroizing::new(filter::hex::decode_vec(digits)?)))
    });
    Ok(TokenSecrets::new(secrets))
}
