//! `lunette keys`.

use std::thread;

use clap::{Args, Subcommand};
use filter::key::Standing;
use filter::{KeyId, UnixMillis};
use serde::Serialize;

use super::{Error, output};
use crate::clock::{self, millis};
use crate::config::{CommonFlags, Config, Span};
use crate::keys::{CHECK_EVERY, Created, NewKey, Rights, Store, StoredKey};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it, this one time
    #[command(after_help = "Examples:
  lunette keys new --principal acme --scope background-removal
  lunette keys new --principal acme --scope background-removal --expires-in 90d --label \"CI\"
  KEY=$(lunette keys new --principal acme --scope background-removal)

The key alone goes to standard output, everything else to standard error.")]
    New(New),
    /// List all keys, the newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  lunette keys list
  lunette keys list --json | jq -r '.[] | select(.standing == \"valid\") | .id'"
    )]
    List {
        /// Print JSON; times are Unix milliseconds
        #[arg(long)]
        json: bool,
    },
    /// Show one key's record
    #[command(after_help = "Examples:
  lunette keys show Ab3dE5gH1j
  lunette keys show Ab3dE5gH1j --json")]
    Show {
        #[command(flatten)]
        key: Named,
    },
    /// Make a key with the same rights, and let the old one live on for a while
    #[command(after_help = "Examples:
  lunette keys rotate Ab3dE5gH1j
  lunette keys rotate Ab3dE5gH1j --overlap 7d
  lunette keys rotate Ab3dE5gH1j --overlap 0s --expires-in 90d")]
    Rotate {
        #[command(flatten)]
        key: Named,
        /// How long the old key lives on
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Span,
        /// When the new key ends [default: when the old one would have]
        #[arg(long, value_name = "TIME")]
        expires_in: Option<Span>,
    },
    /// Withdraw a key for good, at once
    #[command(after_help = "Examples:
  lunette keys revoke Ab3dE5gH1j")]
    Revoke {
        #[command(flatten)]
        key: Named,
    },
    /// Delete the records of keys that ended long ago
    #[command(after_help = "Examples:
  lunette keys prune --ended-before 90d")]
    Prune {
        /// How long ago a key must have been revoked or have expired
        #[arg(long, value_name = "TIME", default_value = "90d")]
        ended_before: Span,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct New {
    /// Whom the key acts for
    #[arg(long, value_name = "NAME")]
    principal: String,
    /// What it may do; give several with commas or several flags
    #[arg(long = "scope", value_name = "NAME", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Which quotas apply
    #[arg(long, value_name = "NAME", default_value = "free")]
    tier: String,
    /// When it ends [default: never]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME")]
    starts_in: Option<Span>,
    /// A note for yourself, at most 200 characters
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Print JSON; times are Unix milliseconds
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Named {
    /// The key's id: the ten letters and digits behind `lun_live_` or `lun_test_`
    // Parsed later: clap would repeat a whole key, pasted here by mistake, in its message.
    id: String,
    /// Print JSON; times are Unix milliseconds
    #[arg(long)]
    json: bool,
}

impl Named {
    fn id(&self) -> Result<KeyId, Error> {
        KeyId::parse(&self.id).ok_or_else(|| {
            Error::Argument(
                "that is no key id: expected ten letters and digits, the part behind lun_live_ or \
                 lun_test_, and not the whole key"
                    .to_owned(),
            )
        })
    }
}

/// A key as `--json` shows it.
#[derive(Serialize)]
struct Shown<'a> {
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
    replaced_by: Option<&'a KeyId>,
    label: Option<&'a str>,
}

/// A new key as `--json` shows it, this one time.
#[derive(Serialize)]
struct ShownOnce<'a> {
    key: &'a str,
    #[serde(flatten)]
    record: Shown<'a>,
    /// The key it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Shown<'a>>,
}

impl KeysCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load_for_tools(common)?;
        let now = clock::now();
        // What was asked for is checked before a database is made for it.
        match self {
            Self::New(new) => new.run(&config, now),
            Self::List { json } => list(&Store::open(&config.data)?, json, now),
            Self::Show { key } => {
                let id = key.id()?;
                show(&Store::open(&config.data)?.find(&id)?, key.json, now)
            }
            Self::Rotate { key, overlap, expires_in } => {
                let id = key.id()?;
                let mut store = Store::open(&config.data)?;
                let end = expires_in.map(|span| later(now, span));
                let (old, created) = store.rotate(&id, overlap.0, end, now)?;
                let_gates_notice();
                print_once(&created, Some(&old), key.json, now)
            }
            Self::Revoke { key } => {
                let id = key.id()?;
                let mut store = Store::open(&config.data)?;
                let news = store.revoke(&id, now)?;
                let_gates_notice();
                if key.json {
                    return show(&store.find(&id)?, true, now);
                }
                let before = if news { "" } else { "already " };
                Ok(output::line(&format!("{id} is {before}revoked."))?)
            }
            Self::Prune { ended_before, json } => {
                let cutoff = UnixMillis(now.0.saturating_sub(millis(ended_before.0)));
                let pruned = Store::open(&config.data)?.prune(cutoff, now)?;
                if json {
                    return Ok(output::json(&serde_json::json!({ "pruned": pruned }))?);
                }
                Ok(output::line(&format!("{pruned} records deleted."))?)
            }
        }
    }
}

impl New {
    fn run(self, config: &Config, now: UnixMillis) -> Result<(), Error> {
        let new = NewKey {
            rights: Rights::new(self.principal, self.scopes, self.tier)?,
            environment: config.environment,
            not_before: self.starts_in.map(|span| later(now, span)),
            expires: self.expires_in.map(|span| later(now, span)),
            label: self.label,
        };
        let asked_for = config.policy.scopes();
        for scope in new.rights.scopes() {
            if !asked_for.contains(&scope.as_str()) {
                let scopes = asked_for.join(", ");
                output::remark(&format!(
                    "Note: no route of the policy asks for the scope {scope:?}; it has: {scopes}."
                ))?;
            }
        }
        let created = Store::open(&config.data)?.create(&new, now)?;
        let_gates_notice();
        print_once(&created, None, self.json, now)
    }
}

/// Waits until every gate on this machine has seen the change: a request asks the database if the
/// last answer is older than [`CHECK_EVERY`]. Whoever revokes a key may rely on it when the command
/// returns.
fn let_gates_notice() {
    thread::sleep(2 * CHECK_EVERY);
}

fn print_once(
    created: &Created,
    replaced: Option<&StoredKey>,
    json: bool,
    now: UnixMillis,
) -> Result<(), Error> {
    if json {
        let once = ShownOnce {
            key: &created.text,
            record: shown(&created.key, now),
            replaces: replaced.map(|key| shown(key, now)),
        };
        return Ok(output::json(&once)?);
    }
    let key = &created.key;
    output::remark(&format!(
        "Key {} for {}, {}. It is shown only now: keep it safe.",
        key.id,
        key.rights.principal(),
        until(key.expires, "without an end"),
    ))?;
    if let Some(old) = replaced {
        output::remark(&format!("Key {} lives on {}.", old.id, until(old.expires, "")))?;
    }
    Ok(output::line(&created.text)?)
}

fn list(store: &Store, json: bool, now: UnixMillis) -> Result<(), Error> {
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
            key.expires.map_or_else(|| "never".to_owned(), clock::display),
            key.label.clone().unwrap_or_default(),
        ]
    });
    let heading = ["ID", "ENV", "STANDING", "PRINCIPAL", "TIER", "SCOPES", "EXPIRES", "LABEL"];
    Ok(output::table(heading, rows)?)
}

fn show(key: &StoredKey, json: bool, now: UnixMillis) -> Result<(), Error> {
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

fn shown(key: &StoredKey, now: UnixMillis) -> Shown<'_> {
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

fn until(end: Option<UnixMillis>, never: &str) -> String {
    end.map_or_else(|| never.to_owned(), |end| format!("until {}", clock::display(end)))
}

fn later(now: UnixMillis, span: Span) -> UnixMillis {
    UnixMillis(now.0.saturating_add(millis(span.0)))
}
