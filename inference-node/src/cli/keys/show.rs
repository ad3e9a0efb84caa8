//! What is shown of keys.

use filter::address::AddressList;
use filter::key::{Signing, Standing};
use filter::{KeyId, UnixMillis};
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::{Error, output};
use crate::clock;
use crate::keys::{Store, StoredKey};

/// A key as `--json` shows it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: &'a KeyId,
    principal: &'a str,
    scopes: &'a [String],
    tier: &'a str,
    environment: filter::Environment,
    standing: &'static str,
    not_before: Option<u64>,
    expires: Option<u64>,
    revoked: Option<u64>,
    version: u32,
    created: u64,
    imported: bool,
    signing: Option<ShownSigning<'a>>,
    clients: &'a AddressList,
    routes: &'a [String],
    replaced_by: Option<&'a KeyId>,
    label: Option<&'a str>,
}

/// How a key signs, as `--json` shows it.
#[derive(Serialize)]
struct ShownSigning<'a> {
    scheme: &'static str,
    algorithm: Option<&'static str>,
    required: bool,
    /// What derives the secret; without one, there is a public key.
    realm: Option<u32>,
    secret: Option<u32>,
    public_key: Option<&'a str>,
}

impl<'a> ShownSigning<'a> {
    fn of(signing: &'a Signing) -> Self {
        let public_key = signing.public_key.as_deref();
        let derived = |number| public_key.is_none().then_some(number);
        Self {
            scheme: signing.scheme.as_str(),
            algorithm: signing.algorithm.http_name(),
            required: signing.required,
            realm: derived(signing.realm),
            secret: derived(signing.secret),
            public_key,
        }
    }
}

/// The signing secret of a key as `--json` shows it.
pub(super) fn secret(key: &StoredKey, secret: &Zeroizing<String>) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Again<'a> {
        id: &'a KeyId,
        signing: Option<ShownSigning<'a>>,
        signing_secret: &'a str,
    }
    let signing = key.signing.as_ref().map(ShownSigning::of);
    let secret = Again { id: &key.id, signing, signing_secret: secret };
    Ok(output::json(&secret)?)
}

pub(super) fn list(store: &Store, json: bool, now: UnixMillis) -> Result<(), Error> {
    let keys = store.list()?;
    if json {
        return Ok(output::json(&keys.iter().map(|key| shown(key, now)).collect::<Vec<_>>())?);
    }
    if keys.is_empty() {
        return Ok(output::remark("There are no keys: make one with `lunette keys new`.")?);
    }
    let rows = keys.iter().map(|key| {
        [
            key.id.to_string(),
            key.environment.as_str().to_owned(),
            standing(key, now).to_owned(),
            key.rights.principal().to_owned(),
            key.rights.tier().to_owned(),
            key.rights.scopes().join(","),
            key.signing.as_ref().map_or("-", |signing| signing.scheme.as_str()).to_owned(),
            routes(key),
            clients(&key.clients),
            key.expires.map_or_else(|| "never".to_owned(), clock::display),
            key.label.clone().unwrap_or_default(),
        ]
    });
    let heading = [
        "ID",
        "ENV",
        "STANDING",
        "PRINCIPAL",
        "TIER",
        "SCOPES",
        "SIGNING",
        "ROUTES",
        "CLIENTS",
        "EXPIRES",
        "LABEL",
    ];
    Ok(output::table(heading, rows)?)
}

pub(super) fn one(key: &StoredKey, json: bool, now: UnixMillis) -> Result<(), Error> {
    if json {
        return Ok(output::json(&shown(key, now))?);
    }
    let optional = |name, time: Option<UnixMillis>| time.map(|time| (name, clock::display(time)));
    let fields = [
        Some(("id", key.id.to_string())),
        Some(("standing", standing(key, now).to_owned())),
        Some(("environment", key.environment.as_str().to_owned())),
        Some(("principal", key.rights.principal().to_owned())),
        Some(("scopes", key.rights.scopes().join(", "))),
        Some(("tier", key.rights.tier().to_owned())),
        Some(("routes", routes(key))),
        Some(("clients", clients(&key.clients))),
        Some(("signing", describe(key.signing.as_ref()))),
        key.imported.then(|| ("imported", "yes".to_owned())),
        Some(("created", clock::display(key.created))),
        optional("not before", key.not_before),
        Some(("expires", key.expires.map_or_else(|| "never".to_owned(), clock::display))),
        optional("revoked", key.revoked),
        key.replaced_by.as_ref().map(|id| ("replaced by", id.to_string())),
        key.label.clone().map(|label| ("label", label)),
        Some(("version", key.version.to_string())),
    ];
    Ok(output::fields(fields.into_iter().flatten())?)
}

pub(super) fn shown(key: &StoredKey, now: UnixMillis) -> Shown<'_> {
    let millis = |time: Option<UnixMillis>| time.map(|time| time.0);
    Shown {
        id: &key.id,
        principal: key.rights.principal(),
        scopes: key.rights.scopes(),
        tier: key.rights.tier(),
        environment: key.environment,
        standing: standing(key, now),
        not_before: millis(key.not_before),
        expires: millis(key.expires),
        revoked: millis(key.revoked),
        version: key.version,
        created: key.created.0,
        imported: key.imported,
        signing: key.signing.as_ref().map(ShownSigning::of),
        clients: &key.clients,
        routes: key.rights.routes(),
        replaced_by: key.replaced_by.as_ref(),
        label: key.label.as_deref(),
    }
}

fn standing(key: &StoredKey, now: UnixMillis) -> &'static str {
    match key.standing(now) {
        Standing::Valid => "valid",
        Standing::Revoked => "revoked",
        Standing::Expired => "expired",
        Standing::NotYetValid => "not-yet-valid",
    }
}

fn routes(key: &StoredKey) -> String {
    if key.rights.routes().is_empty() { "all".to_owned() } else { key.rights.routes().join(",") }
}

/// From where a key may be used, on one line.
fn clients(list: &AddressList) -> String {
    let lists = serde_json::to_value(list).unwrap_or_default();
    let networks = |name: &str| {
        let networks = lists[name].as_array().into_iter().flatten();
        networks.filter_map(|network| network.as_str()).collect::<Vec<_>>().join(",")
    };
    match (networks("allow"), networks("deny")) {
        (allow, deny) if allow.is_empty() && deny.is_empty() => "all".to_owned(),
        (allow, deny) if allow.is_empty() => format!("all but {deny}"),
        (allow, deny) if deny.is_empty() => allow,
        (allow, deny) => format!("{allow} but {deny}"),
    }
}

/// How a key signs, on one line.
fn describe(signing: Option<&Signing>) -> String {
    let Some(signing) = signing else { return "no".to_owned() };
    let algorithm = signing.algorithm.http_name().unwrap_or_default();
    let whose = match signing.public_key {
        Some(_) => "private key of its owner".to_owned(),
        None => format!("secret {} of realm {}", signing.secret, signing.realm),
    };
    let required = if signing.required { "required" } else { "not required" };
    format!("{}, {algorithm}, {whose}, {required}", signing.scheme.as_str())
}

pub(super) fn until(end: Option<UnixMillis>, never: &str) -> String {
    end.map_or_else(|| never.to_owned(), |end| format!("until {}", clock::display(end)))
}
