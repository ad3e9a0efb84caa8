//! What a new key shall be, and how it enters the database.

use filter::address::AddressList;
use filter::key::Signing;
use filter::{Environment, KeyId, UnixMillis};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::store::{column, find};
use super::stored::COLUMNS;
use super::{Rights, StoreError, StoredKey, draw};

/// The most keys a store holds. What is published of them stays within 16 MiB, as long as few of
/// them have a public key or a list of networks.
pub const KEYS_MAX: u32 = 50_000;
/// The longest label, in characters.
pub const LABEL_MAX: usize = 200;

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct NewKey {
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
    /// A note for people.
    pub label: Option<String>,
}

/// The hash by which a key is recognised.
pub(super) enum Hash<'a> {
    /// Of the secret of a key that was drawn here.
    Drawn(&'a [u8; 32]),
    /// Of a whole key that was made elsewhere.
    Imported(&'a [u8; 32]),
}

impl NewKey {
    /// A key that is valid from now on without an end, from everywhere, and does not sign.
    pub fn new(rights: Rights, environment: Environment) -> Self {
        Self {
            rights,
            environment,
            not_before: None,
            expires: None,
            signing: None,
            clients: AddressList::default(),
            label: None,
        }
    }

    /// Writes the key as part of the change that makes `epoch`.
    pub(super) fn insert(
        &self,
        transaction: &Transaction<'_>,
        hash: &Hash<'_>,
        now: UnixMillis,
        epoch: i64,
    ) -> Result<StoredKey, StoreError> {
        self.check(now)?;
        let count: u32 =
            transaction.query_row("SELECT count(*) FROM keys", [], |row| row.get(0))?;
        if count >= KEYS_MAX {
            return Err(StoreError::Full);
        }
        let (hash, imported) = match hash {
            Hash::Drawn(hash) => (hash, false),
            Hash::Imported(hash) => (hash, true),
        };
        if imported && let Some(id) = imported_before(transaction, hash)? {
            return Err(StoreError::ImportedBefore(id));
        }
        let id = free_id(transaction)?;
        let json = |value: serde_json::Result<String>| value.expect("such values always serialise");
        transaction.execute(
            &format!(
                "INSERT INTO keys ({COLUMNS}, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
                 NULL, 1, ?9, NULL, ?10, ?11, ?12, ?13, ?14, ?15)"
            ),
            params![
                id.as_str(),
                hash,
                self.rights.principal(),
                json(serde_json::to_string(self.rights.scopes())),
                self.rights.tier(),
                self.environment.as_str(),
                self.not_before.map(|time| column(time.0)),
                self.expires.map(|time| column(time.0)),
                column(now.0),
                self.label,
                imported,
                self.signing.as_ref().map(|signing| json(serde_json::to_string(signing))),
                json(serde_json::to_string(&self.clients)),
                json(serde_json::to_string(self.rights.routes())),
                epoch,
            ],
        )?;
        find(transaction, &id)
    }

    fn check(&self, now: UnixMillis) -> Result<(), StoreError> {
        let begin = self.not_before.unwrap_or(now).max(now);
        if self.expires.is_some_and(|expires| expires <= begin) {
            return Err(StoreError::NeverValid);
        }
        check_label(self.label.as_deref())
    }
}

/// Refuses a label that is too long.
pub(super) fn check_label(label: Option<&str>) -> Result<(), StoreError> {
    let long = label.is_some_and(|label| label.chars().count() > LABEL_MAX);
    if long { Err(StoreError::LongLabel) } else { Ok(()) }
}

fn imported_before(
    transaction: &Transaction<'_>,
    hash: &[u8; 32],
) -> Result<Option<KeyId>, StoreError> {
    let id: Option<String> = transaction
        .query_row("SELECT id FROM keys WHERE imported = 1 AND secret_sha256 = ?1", [hash], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(id.and_then(|id| KeyId::parse(&id)))
}

fn free_id(transaction: &Transaction<'_>) -> Result<KeyId, StoreError> {
    loop {
        let id = draw::id().map_err(StoreError::Random)?;
        let taken: Option<bool> = transaction
            .query_row("SELECT 1 FROM keys WHERE id = ?1", [id.as_str()], |row| row.get(0))
            .optional()?;
        if taken.is_none() {
            return Ok(id);
        }
    }
}
