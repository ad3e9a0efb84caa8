//! What must exist before serving: a root secret and a key.
//!
//! Production refuses to start and names everything that is missing at once. Development makes it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use filter::key::{SCOPES_MAX, Standing};
use filter::signature::Scheme;
use filter::{ApiKey, UnixMillis};
use zeroize::Zeroizing;

use crate::config::{Config, Mode};
use crate::keys::{NewKey, Rights, RightsError, Store, StoreError, signing};
use crate::secrets::{self, RootSecret, TokenSecrets};
use crate::tls::development;
use crate::{clock, private_file};

/// The file of the development key, in the data folder.
const DEVELOPMENT_KEY: &str = "development.key";
/// More than a key and a line end.
const KEY_FILE_MAX: u64 = 1024;

/// What is there now.
pub struct Provisions {
    /// The root secret.
    pub root: RootSecret,
    /// The secrets that issuers of tokens share with the gates.
    pub token_secrets: TokenSecrets,
    /// The file that holds the text of the development key; `None` in production.
    pub development_key: Option<PathBuf>,
}

/// Why the node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Production lacks something.
    #[error("production needs {}", missing.join("; and "))]
    Missing {
        /// Everything that is missing, with what to do about it.
        missing: Vec<String>,
    },
    /// The policy names a secret that there is no file for.
    #[error(
        "token_secrets: the policy's issuer {issuer:?} shares a secret {secret:?}: name its file \
         under [token_secrets] in lunette.toml"
    )]
    TokenSecret {
        /// The issuer.
        issuer: String,
        /// The secret's name.
        secret: String,
    },
    /// A secret cannot be used.
    #[error(transparent)]
    Secret(#[from] secrets::Error),
    /// The key store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The development key's file cannot be used.
    #[error("development key: {0}")]
    File(#[from] private_file::Error),
    /// The development certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] development::Error),
    /// The policy's scopes are none that a key can hold.
    #[error("development key: {0}")]
    Rights(#[from] RightsError),
}

/// Makes sure that a root secret and a key exist.
pub fn provision(config: &Config) -> Result<Provisions, ProvisionError> {
    let token_secrets = token_secrets(config)?;
    match config.mode {
        Mode::Production => {
            let root = RootSecret::load(config.root_secret_file.as_deref())?;
            let has_key = has_valid_key(config, clock::now())?;
            match (root, has_key) {
                (Some(root), true) => Ok(Provisions { root, token_secrets, development_key: None }),
                (root, has_key) => Err(missing(config, root.is_none(), !has_key)),
            }
        }
        Mode::Development => {
            tracing::warn!(
                data = %config.data.display(),
                "development mode: secrets are random and kept in the data folder; \
                 for others, set mode = \"production\""
            );
            let root = root_secret(config)?;
            let development_key = Some(development_key(config, clock::now())?);
            if let (true, Some(tls)) = (config.dev_certificate, &config.tls) {
                development::ensure(tls)?;
            }
            Ok(Provisions { root, token_secrets, development_key })
        }
    }
}

/// The secrets that issuers of tokens share with the gates: each that the policy names.
pub fn token_secrets(config: &Config) -> Result<TokenSecrets, ProvisionError> {
    for issuer in &config.policy.policy.issuers {
        if let Some(secret) = &issuer.hmac_secret
            && !config.token_secrets.contains_key(secret)
        {
            let (issuer, secret) = (issuer.name.clone(), secret.clone());
            return Err(ProvisionError::TokenSecret { issuer, secret });
        }
    }
    Ok(TokenSecrets::read(&config.token_secrets)?)
}

/// The root secret alone; in development a new one, if there is none.
pub fn root_secret(config: &Config) -> Result<RootSecret, ProvisionError> {
    match (RootSecret::load(config.root_secret_file.as_deref())?, config.mode) {
        (Some(root), _) => Ok(root),
        (None, Mode::Development) => Ok(RootSecret::development(&config.data)?),
        (None, Mode::Production) => Err(missing(config, true, false)),
    }
}

fn missing(config: &Config, root: bool, key: bool) -> ProvisionError {
    let root = root.then(|| {
        format!(
            "a root secret: set {} or root_secret_file to 64 hex digits from `openssl rand -hex 32`",
            secrets::VARIABLE
        )
    });
    let key = key.then(|| {
        let environment = config.environment.as_str();
        format!("a valid {environment} key: make one with `lunette keys new`")
    });
    ProvisionError::Missing { missing: root.into_iter().chain(key).collect() }
}

fn has_valid_key(config: &Config, now: UnixMillis) -> Result<bool, StoreError> {
    let keys = Store::open(&config.data)?.list()?;
    Ok(keys
        .iter()
        .any(|key| key.environment == config.environment && key.standing(now) == Standing::Valid))
}

/// The file of the development key. A key is made if there is no file, or if the file's key is not
/// one of this store; a key that was revoked on purpose is not brought back.
fn development_key(config: &Config, now: UnixMillis) -> Result<PathBuf, ProvisionError> {
    let path = config.data.join(DEVELOPMENT_KEY);
    let mut store = Store::open(&config.data)?;
    let known = match read_key(&path)? {
        Some(key) if key.environment() == config.environment => match store.find(key.id()) {
            Ok(stored) if stored.is(&key) => Some(stored),
            Ok(_) | Err(StoreError::Unknown(_)) => None,
            Err(error) => return Err(error.into()),
        },
        _ => None,
    };
    if let Some(known) = known {
        if known.standing(now) != Standing::Valid {
            tracing::warn!(
                id = %known.id,
                "the development key is not valid: delete {} to get a new one", path.display()
            );
        }
        return Ok(path);
    }
    let scopes = config.policy.scopes().into_iter().take(SCOPES_MAX).map(str::to_owned);
    let rights = Rights::new("developer".to_owned(), scopes, "free".to_owned())?;
    let created = store.create(
        &NewKey {
            // So that `lunette sign` can be tried at once.
            signing: Some(signing::with_secret(Scheme::Rfc9421, config.newest_realm(), false)),
            label: Some("made at the first start".to_owned()),
            ..NewKey::new(rights, config.environment)
        },
        now,
    )?;
    let text = Zeroizing::new(format!("{}\n", created.text.as_str()));
    private_file::replace(&path, text.as_bytes())?;
    tracing::info!(id = %created.key.id, file = %path.display(), "made a development key");
    Ok(path)
}

/// The key in a file; `None` if there is no file or no key in it.
fn read_key(path: &Path) -> Result<Option<ApiKey>, private_file::Error> {
    let file = match private_file::open(path) {
        Err(error) if error.is_not_found() => return Ok(None),
        result => result?,
    };
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    file.take(KEY_FILE_MAX)
        .read_to_end(&mut text)
        .map_err(|source| private_file::Error::Io { path: path.to_owned(), source })?;
    Ok(ApiKey::parse(text.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{CommonFlags, ServeFlags};

    fn config(data: &Path, mode: Mode) -> Config {
        let common =
            CommonFlags { data: Some(data.to_owned()), mode: Some(mode), ..CommonFlags::default() };
        Config::load(&common, &ServeFlags::default()).unwrap()
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn development_makes_a_private_key_for_every_route_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("data"), Mode::Development);
        let path = provision(&config).unwrap().development_key.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = text(&path);
        let key = ApiKey::parse(first.trim().as_bytes()).unwrap();
        let stored = Store::open(&config.data).unwrap().find(key.id()).unwrap();
        assert!(stored.is(&key));
        assert_eq!(stored.rights.principal(), "developer");
        assert_eq!(stored.rights.scopes(), ["background-removal", "ocr"]);
        assert!(stored.signing.is_some_and(|signing| !signing.required));

        provision(&config).unwrap();
        assert_eq!(text(&path), first);
        assert_eq!(Store::open(&config.data).unwrap().list().unwrap().len(), 1);
    }

    #[test]
    fn a_development_key_that_was_revoked_stays_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("data"), Mode::Development);
        let path = provision(&config).unwrap().development_key.unwrap();
        let first = text(&path);
        let mut store = Store::open(&config.data).unwrap();
        let id = store.list().unwrap().remove(0).id;
        store.revoke(&id, clock::now()).unwrap();
        provision(&config).unwrap();
        assert_eq!(text(&path), first);
        fs::remove_file(&path).unwrap();
        provision(&config).unwrap();
        assert_ne!(text(&path), first);
    }

    #[test]
    fn a_development_key_that_this_store_does_not_know_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("data"), Mode::Development);
        let path = provision(&config).unwrap().development_key.unwrap();
        let first = text(&path);
        fs::remove_file(Store::path(&config.data)).unwrap();
        provision(&config).unwrap();
        assert_ne!(text(&path), first);
    }

    #[test]
    fn production_makes_nothing_and_accepts_only_a_key_that_is_valid_now() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder.path().join("data"), Mode::Production);
        let problem = |config: &Config| provision(config).err().unwrap().to_string();
        let both = problem(&config);
        assert!(both.contains("a root secret") && both.contains("a valid live key"), "{both}");

        let secret = folder.path().join("secret");
        private_file::replace(&secret, "0123456789abcdef".repeat(4).as_bytes()).unwrap();
        config.root_secret_file = Some(secret);
        let one = problem(&config);
        assert!(!one.contains("a root secret") && one.contains("a valid live key"), "{one}");

        let mut store = Store::open(&config.data).unwrap();
        let rights = Rights::new("acme".into(), [], "free".into()).unwrap();
        let new = |environment| NewKey::new(rights.clone(), environment);
        store.create(&new(filter::Environment::Test), clock::now()).unwrap();
        assert!(provision(&config).is_err(), "a key of another environment is none");
        let id = store.create(&new(filter::Environment::Live), clock::now()).unwrap().key.id;
        assert!(provision(&config).unwrap().development_key.is_none());
        store.revoke(&id, clock::now()).unwrap();
        assert!(provision(&config).is_err(), "a revoked key is none");
        assert!(!config.data.join(DEVELOPMENT_KEY).exists());
    }
}
