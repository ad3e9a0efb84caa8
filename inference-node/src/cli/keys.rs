//! `lunette keys`.

mod import;
mod printed;
mod rotate;
mod show;
pub(super) mod wanted;

use base64ct::{Base64, Encoding as _};
use clap::{Args, Subcommand};
use filter::key::Signing;
use filter::{KeyId, UnixMillis};
use zeroize::Zeroizing;

use super::{Error, changes, output};
use crate::clock::{self, millis};
use crate::config::{CommonFlags, Config, Span};
use crate::keys::{Store, StoredKey};
use crate::provision::root_secret;
use printed::Printed;
use rotate::Rotate;
use wanted::Wanted;

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it, this one time
    #[command(after_help = "Examples:
  lunette keys new --principal acme --scope background-removal
  lunette keys new --principal acme --scope background-removal --expires-in 90d --label \"CI\"
  lunette keys new --principal acme --scope background-removal --allow 192.0.2.0/24
  KEY=$(lunette keys new --principal acme --scope background-removal)
  lunette keys new --principal acme --scope background-removal --signing > client.env &&
      chmod 600 client.env
  lunette keys new --principal acme --scope background-removal \\
      --public-key client.pub.pem --signature-required

Everything but the result goes to standard error. Standard output has the key alone; for a key that
signs, it has lines for the client's environment:
  LUNETTE_KEY_ID=…            names the key in signatures
  LUNETTE_KEY=…               the key itself, unless it is of no use without its private key
  LUNETTE_SIGNING_SECRET=…    the secret in base64, unless the client has a private key")]
    New(Wanted),
    /// Take in a key that was made elsewhere
    #[command(after_help = "Examples:
  lunette keys import --principal acme --scope background-removal --entropy-bits 128 < old.key
  lunette keys import --file old.key --principal acme --scope background-removal --entropy-bits 128

Clients go on using it as before, in `Authorization: Bearer` or `X-API-Key`. Only its SHA-256 is
kept. Standard output has the id that it is called by from now on; `lunette keys rotate` replaces it
by a key of ours, and it lives on for the overlap.")]
    Import(import::Import),
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
  lunette keys rotate Ab3dE5gH1j --overlap 0s --expires-in 90d
  lunette keys rotate Ab3dE5gH1j --public-key next.pub.pem

The new key has an id, a key and a signing secret of its own, and prints them as `lunette keys new`
does. Until the overlap ends, requests may be signed with either.")]
    Rotate(Rotate),
    /// Print the signing secret of a key again
    #[command(after_help = "Examples:
  lunette keys secret Ab3dE5gH1j
  SECRET=$(lunette keys secret Ab3dE5gH1j)

The secret, 32 bytes in base64, is stored nowhere: it is derived from the root secret each time.")]
    Secret {
        #[command(flatten)]
        key: Named,
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
        parse_id(&self.id)
    }
}

/// Reads a key id, and does not repeat what is none.
pub(super) fn parse_id(text: &str) -> Result<KeyId, Error> {
    KeyId::parse(text).ok_or_else(|| {
        Error::Argument(
            "that is no key id: expected ten letters and digits, the part behind lun_live_ or \
             lun_test_, and not the whole key"
                .to_owned(),
        )
    })
}

impl KeysCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load_for_tools(common)?;
        let now = clock::now();
        // What was asked for is checked before a database is made for it.
        match self {
            Self::New(wanted) => new(wanted, &config, now),
            Self::Import(import) => import.run(&config, now),
            Self::List { json } => show::list(&Store::open(&config.data)?, json, now),
            Self::Show { key } => {
                let id = key.id()?;
                show::one(&Store::open(&config.data)?.find(&id)?, key.json, now)
            }
            Self::Rotate(rotate) => rotate.run(&config, now),
            Self::Secret { key } => {
                let stored = Store::open(&config.data)?.find(&key.id()?)?;
                let secret = stored_secret(&stored, &config)?;
                if key.json {
                    return show::secret(&stored, &secret);
                }
                Ok(output::line(&secret)?)
            }
            Self::Revoke { key } => {
                let id = key.id()?;
                let mut store = Store::open(&config.data)?;
                let news = store.revoke(&id, now)?;
                changes::let_gates_notice();
                if key.json {
                    return show::one(&store.find(&id)?, true, now);
                }
                let before = if news { "" } else { "already " };
                Ok(output::line(&format!("{id} is {before}revoked."))?)
            }
            Self::Prune { ended_before, json } => {
                let cutoff = UnixMillis(now.0.saturating_sub(millis(ended_before.0)));
                let pruned = Store::open(&config.data)?.prune(cutoff, now)?;
                changes::print_pruned(pruned, json)
            }
        }
    }
}

fn new(wanted: Wanted, config: &Config, now: UnixMillis) -> Result<(), Error> {
    let json = wanted.json;
    let new = wanted.key(config, now)?;
    require_root(new.signing.as_ref(), config)?;
    let created = Store::open(&config.data)?.create(&new, now)?;
    changes::let_gates_notice();
    let secret = signing_secret(&created.key, config)?;
    Printed::created(&created, secret, None).print(json, now)
}

/// Makes sure that a secret can be derived, before a key is made that needs it.
fn require_root(signing: Option<&Signing>, config: &Config) -> Result<(), Error> {
    if signing.is_some_and(|signing| signing.public_key.is_none()) {
        root_secret(config)?;
    }
    Ok(())
}

/// The secret that a key of this machine signs with, in base64.
pub(super) fn stored_secret(key: &StoredKey, config: &Config) -> Result<Zeroizing<String>, Error> {
    let id = &key.id;
    let realm = key.signing.as_ref().map(|signing| signing.realm).filter(|&realm| realm > 0);
    if let Some(realm) = realm.filter(|realm| !config.signing_realms.contains(realm)) {
        output::remark(&format!(
            "Note: gates no longer have version {realm} of the realm key (signing_realms): \
             rotate the key."
        ))?;
    }
    signing_secret(key, config)?.ok_or_else(|| {
        Error::Argument(match key.signing {
            Some(_) => format!("key {id} signs with a private key, which only its owner has"),
            None => format!("key {id} does not sign: `keys new --signing` makes one that does"),
        })
    })
}

/// The secret that a key signs with, in base64; `None` if it has none.
fn signing_secret(key: &StoredKey, config: &Config) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(signing) = key.signing.as_ref().filter(|signing| signing.public_key.is_none()) else {
        return Ok(None);
    };
    let realm = root_secret(config)?.realm_key(key.environment, signing.realm);
    let secret = realm.client_secret(&key.id, signing.secret, signing.scheme);
    Ok(Some(Zeroizing::new(Base64::encode_string(secret.as_slice()))))
}

fn later(now: UnixMillis, span: Span) -> UnixMillis {
    UnixMillis(now.0.saturating_add(millis(span.0)))
}
