//! A key as the database holds it.

use filter::address::AddressList;
use filter::key::{Signing, Standing, hash_at_rest};
use filter::{ApiKey, Environment, KeyId, KeyRecord, Pepper, UnixMillis};
use rusqlite::Row;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

use super::{Rights, RightsError, StoreError, signing};

/// The columns of a key, in the order of [`StoredKey::read`].
pub(super) const COLUMNS: &str = "id, secret_sha256, principal, scopes, tier, environment, \
     not_before, expires, revoked, version, created, replaced_by, label, imported, signing, \
     clients, routes";

/// What is stored of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredKey {
    /// The public half.
    pub id: KeyId,
    /// SHA-256 of the secret; of the whole key, where it was made elsewhere.
    hash: [u8; 32],
    /// Whether it was made elsewhere.
    pub imported: bool,
    /// Whom it acts for and what it may do.
    pub rights: Rights,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Not valid before this time.
    pub not_before: Option<UnixMillis>,
    /// Not valid from this time on.
    pub expires: Option<UnixMillis>,
    /// How requests are signed with it, if they are.
    pub signing: Option<Signing>,
    /// From where it may be used.
    pub clients: AddressList,
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
        let damaged = |column| StoreError::Damaged {
            record: "key",
            id: id.escape_debug().to_string(),
            column,
        };
        let time = |column: &'static str| -> Result<Option<UnixMillis>, StoreError> {
            let millis: Option<i64> = row.get(column)?;
            let check = |millis| u64::try_from(millis).map_err(|_| damaged(column));
            Ok(millis.map(check).transpose()?.map(UnixMillis))
        };
        let names = |column: &'static str| -> Result<Vec<String>, StoreError> {
            json(&row.get::<_, String>(column)?).ok_or_else(|| damaged(column))
        };
        let (scopes, routes) = (names("scopes")?, names("routes")?);
        let rights = Rights::new(row.get("principal")?, scopes, row.get("tier")?)
            .and_then(|rights| rights.on_routes(routes))
            .map_err(|error| match error {
                RightsError::Name { what, .. } => damaged(what),
                RightsError::TooManyScopes(_) => damaged("scopes"),
                RightsError::TooManyRoutes(_) => damaged("routes"),
            })?;
        let signing: Option<String> = row.get("signing")?;
        let signing = signing
            .map(|text| json(&text).filter(signing::fits).ok_or_else(|| damaged("signing")))
            .transpose()?;
        let clients: String = row.get("clients")?;
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
            imported: row.get("imported")?,
            rights,
            environment,
            not_before: time("not_before")?,
            expires: time("expires")?,
            signing,
            clients: json(&clients).ok_or_else(|| damaged("clients"))?,
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
        !self.imported
            && self.id == *key.id()
            && bool::from(hash_at_rest(key.secret()).ct_eq(&self.hash))
    }

    fn record_without_verifier(&self) -> KeyRecord {
        KeyRecord {
            id: self.id.clone(),
            verifier: [0; 32],
            imported: self.imported,
            principal: self.rights.principal().to_owned(),
            scopes: self.rights.scopes().to_vec(),
            tier: self.rights.tier().to_owned(),
            environment: self.environment,
            not_before: self.not_before.map(|time| time.0),
            expires: self.expires.map(|time| time.0),
            revoked: self.revoked.is_some(),
            signing: self.signing.clone(),
            clients: self.clients.clone(),
            routes: self.rights.routes().to_vec(),
            version: self.version,
        }
    }
}

/// A value in the form in which gates get it.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
