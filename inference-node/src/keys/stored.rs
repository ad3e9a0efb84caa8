//! A key as the database holds it.

use filter::key::{Standing, hash_at_rest};
use filter::{ApiKey, Environment, KeyId, KeyRecord, Pepper, UnixMillis};
use rusqlite::Row;
use subtle::ConstantTimeEq as _;

use super::{Rights, RightsError, StoreError};

/// The columns of a key, in the order of [`StoredKey::read`].
pub(super) const COLUMNS: &str = "id, secret_sha256, principal, scopes, tier, environment, \
     not_before, expires, revoked, version, created, replaced_by, label";

/// What is stored of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredKey {
    /// The public half.
    pub id: KeyId,
    /// SHA-256 of the secret.
    hash: [u8; 32],
    /// Whom it acts for and what it may do.
    pub rights: Rights,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Not valid before this time.
    pub not_before: Option<UnixMillis>,
    /// Not valid from this time on.
    pub expires: Option<UnixMillis>,
    /// When it was withdrawn, if it was.
    pub revoked: Option<UnixMillis>,
    /// Grows with every change of the record.
    pub version: u32,
    /// When it was made.
    pub created: UnixMillis,
    /// The key that a rotation put in its place.
    pub replaced_by: Option<KeyId>,
    /// A note for people; any characters at all.
    pub label: Option<String>,
}

impl StoredKey {
    /// Reads a row of [`COLUMNS`]. What is not as it was written is an error: half a record could
    /// let a stranger in.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let damaged = |column| StoreError::Damaged { id: id.escape_debug().to_string(), column };
        let time = |column: &'static str| -> Result<Option<UnixMillis>, StoreError> {
            let millis: Option<i64> = row.get(column)?;
            let check = |millis| u64::try_from(millis).map_err(|_| damaged(column));
            Ok(millis.map(check).transpose()?.map(UnixMillis))
        };
        let scopes: String = row.get("scopes")?;
        let scopes: Vec<String> = serde_json::from_str(&scopes).map_err(|_| damaged("scopes"))?;
        let rights =
            Rights::new(row.get("principal")?, scopes, row.get("tier")?).map_err(|error| {
                match error {
                    RightsError::Name { what, .. } => damaged(what),
                    RightsError::TooManyScopes(_) => damaged("scopes"),
                }
            })?;
        let environment: String = row.get("environment")?;
        let environment = [Environment::Live, Environment::Test]
            .into_iter()
            .find(|known| known.as_str() == environment)
            .ok_or_else(|| damaged("environment"))?;
        let replaced_by: Option<String> = row.get("replaced_by")?;
        let replaced_by = replaced_by
            .map(|id| KeyId::parse(&id).ok_or_else(|| damaged("replaced_by")))
            .transpose()?;
        Ok(Self {
            hash: row.get("secret_sha256")?,
            rights,
            environment,
            not_before: time("not_before")?,
            expires: time("expires")?,
            revoked: time("revoked")?,
            version: row.get("version")?,
            created: time("created")?.ok_or_else(|| damaged("created"))?,
            replaced_by,
            label: row.get("label")?,
            id: KeyId::parse(&id).ok_or_else(|| damaged("id"))?,
        })
    }

    /// What gates are told of the key.
    pub fn record(&self, pepper: &Pepper) -> KeyRecord {
        KeyRecord {
            verifier: pepper.verifier_of_hash(&self.hash),
            ..self.record_without_verifier()
        }
    }

    /// Whether the key may be used at `now`.
    pub fn standing(&self, now: UnixMillis) -> Standing {
        self.record_without_verifier().standing(now)
    }

    /// Whether `key` is this key, secret and all.
    pub fn is(&self, key: &ApiKey) -> bool {
        self.id == *key.id() && bool::from(hash_at_rest(key.secret()).ct_eq(&self.hash))
    }

    fn record_without_verifier(&self) -> KeyRecord {
        KeyRecord {
            id: self.id.clone(),
            verifier: [0; 32],
            principal: self.rights.principal().to_owned(),
            scopes: self.rights.scopes().to_vec(),
            tier: self.rights.tier().to_owned(),
            environment: self.environment,
            not_before: self.not_before.map(|time| time.0),
            expires: self.expires.map(|time| time.0),
            revoked: self.revoked.is_some(),
            version: self.version,
        }
    }
}
