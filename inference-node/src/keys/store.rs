//! The records of keys and revoked tokens, in an embedded `SQLite` database.
//!
//! Every change and the epoch it makes are one transaction. The epoch only grows, also when the
//! clock goes back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use filter::key::{Signing, Standing, hash_at_rest};
use filter::{ApiKey, KeyId, UnixMillis};
use rusqlite::{Connection, OpenFlags, Transaction, params};
use zeroize::Zeroizing;

use super::new_key::Hash;
use super::stored::COLUMNS;
use super::{ImportedKey, NewKey, StoreError, StoredKey, draw, schema};
use crate::clock::millis;
use crate::private_file;

/// The database's name in the data folder.
const FILE: &str = "keys.db";

/// The database of one data folder.
pub struct Store {
    connection: Connection,
}

/// A key that was just made. It has no `Debug`: it holds the secret.
pub struct Created {
    /// Its record.
    pub key: StoredKey,
    /// The key itself, which nobody can ever show again.
    pub text: Zeroizing<String>,
}

/// How the successor of a key differs from it.
#[derive(Clone, Debug, Default)]
pub struct Successor {
    /// When it ends, if not when its predecessor would have.
    pub expires: Option<UnixMillis>,
    /// How requests are signed with it, if they are.
    pub signing: Option<Signing>,
}

impl Store {
    /// Opens the database of a data folder; makes both if they are missing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        private_file::ensure_folder(folder)?;
        let path = Self::path(folder);
        // Made here and not by SQLite, so that it is private from the first moment. SQLite gives
        // its log files the same permissions.
        private_file::ensure(&path)?;
        let mut connection = connect(&path)?;
        schema::prepare(&mut connection)?;
        Ok(Self { connection })
    }

    /// Where the database of a data folder is.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Makes a key.
    pub fn create(&mut self, new: &NewKey, now: UnixMillis) -> Result<Created, StoreError> {
        let transaction = self.write()?;
        let epoch = next_epoch(&transaction, now)?;
        let created = create(&transaction, new, now, epoch)?;
        transaction.commit()?;
        Ok(created)
    }

    /// Takes in a key that was made elsewhere.
    pub fn import(
        &mut self,
        new: &NewKey,
        key: &ImportedKey,
        now: UnixMillis,
    ) -> Result<StoredKey, StoreError> {
        let transaction = self.write()?;
        let epoch = next_epoch(&transaction, now)?;
        let stored = new.insert(&transaction, &Hash::Imported(key.hash()), now, epoch)?;
        transaction.commit()?;
        Ok(stored)
    }

    /// All keys, the newest first.
    pub fn list(&self) -> Result<Vec<StoredKey>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM keys ORDER BY created DESC, id");
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            keys.push(StoredKey::read(row)?);
        }
        Ok(keys)
    }

    /// The key of an id.
    pub fn find(&self, id: &KeyId) -> Result<StoredKey, StoreError> {
        find(&self.connection, id)
    }

    /// Makes a key with the rights, networks and end of another, which lives on for `overlap`.
    pub fn rotate(
        &mut self,
        id: &KeyId,
        overlap: Duration,
        successor: &Successor,
        now: UnixMillis,
    ) -> Result<(StoredKey, Created), StoreError> {
        let transaction = self.write()?;
        let old = find(&transaction, id)?;
        match (&old.replaced_by, old.standing(now)) {
            (_, Standing::Revoked) => return Err(StoreError::Revoked(id.clone())),
            (_, Standing::Expired) => return Err(StoreError::Expired(id.clone())),
            (Some(by), _) => {
                return Err(StoreError::Replaced { id: id.clone(), by: by.clone() });
            }
            (None, Standing::Valid | Standing::NotYetValid) => {}
        }
        let new = NewKey {
            rights: old.rights.clone(),
            environment: old.environment,
            not_before: old.not_before,
            expires: successor.expires.or(old.expires),
            signing: successor.signing.clone(),
            clients: old.clients.clone(),
            label: old.label.clone(),
        };
        let epoch = next_epoch(&transaction, now)?;
        let created = create(&transaction, &new, now, epoch)?;
        let end = now.0.saturating_add(millis(overlap));
        let end = old.expires.map_or(end, |expires| expires.0.min(end));
        transaction.execute(
            "UPDATE keys SET expires = ?2, replaced_by = ?3, version = version + 1, changed = ?4
             WHERE id = ?1",
            params![id.as_str(), column(end), created.key.id.as_str(), epoch],
        )?;
        let old = find(&transaction, id)?;
        transaction.commit()?;
        Ok((old, created))
    }

    /// Withdraws a key for good; `false` if it was withdrawn before.
    pub fn revoke(&mut self, id: &KeyId, now: UnixMillis) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        if find(&transaction, id)?.revoked.is_some() {
            return Ok(false);
        }
        let epoch = next_epoch(&transaction, now)?;
        transaction.execute(
            "UPDATE keys SET revoked = ?2, version = version + 1, changed = ?3 WHERE id = ?1",
            params![id.as_str(), column(now.0), epoch],
        )?;
        transaction.commit()?;
        Ok(true)
    }

    /// Deletes the keys that were revoked or have expired before `cutoff`, and says how many.
    pub fn prune(&mut self, cutoff: UnixMillis, now: UnixMillis) -> Result<usize, StoreError> {
        let transaction = self.write()?;
        let pruned = transaction.execute(
            "DELETE FROM keys WHERE revoked < ?1 OR expires < ?1",
            [column(cutoff.0.min(now.0))],
        )?;
        if pruned > 0 {
            let epoch = next_epoch(&transaction, now)?;
            transaction.execute("UPDATE publication SET deleted = ?1", [epoch])?;
        }
        transaction.commit()?;
        Ok(pruned)
    }

    /// The epoch of the last change; 0 before the first.
    pub fn epoch(&self) -> Result<u64, StoreError> {
        let epoch: i64 =
            self.connection.query_row("SELECT epoch FROM publication", [], |row| row.get(0))?;
        Ok(epoch.unsigned_abs())
    }

    /// Notes the digest of what is published besides the keys; where it is new, a new epoch begins.
    pub(super) fn publish_terms(
        &mut self,
        terms: &[u8; 32],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let transaction = self.write()?;
        let known: Option<Vec<u8>> =
            transaction.query_row("SELECT terms FROM publication", [], |row| row.get(0))?;
        if known.as_deref() != Some(terms) {
            next_epoch(&transaction, now)?;
            transaction.execute("UPDATE publication SET terms = ?1", [terms])?;
        }
        Ok(transaction.commit()?)
    }

    /// Begins a new epoch although nothing changed: gates in other processes may have seen a later one
    /// than this database, if it was restored from a copy.
    pub fn begin_epoch(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        let transaction = self.write()?;
        next_epoch(&transaction, now)?;
        Ok(transaction.commit()?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn write(&mut self) -> Result<Transaction<'_>, StoreError> {
        // A transaction that begins as a reader could not wait for another writer.
        Ok(self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?)
    }
}

/// Opens a database file that exists.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

pub(super) fn next_epoch(
    transaction: &Transaction<'_>,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    Ok(transaction.query_row(
        "UPDATE publication SET epoch = max(epoch + 1, ?1) RETURNING epoch",
        [column(now.0)],
        |row| row.get(0),
    )?)
}

fn create(
    transaction: &Transaction<'_>,
    new: &NewKey,
    now: UnixMillis,
    epoch: i64,
) -> Result<Created, StoreError> {
    let secret = draw::secret().map_err(StoreError::Random)?;
    let hash = hash_at_rest(secret.as_slice());
    let key = new.insert(transaction, &Hash::Drawn(&hash), now, epoch)?;
    let text =
        ApiKey::compose(new.environment, &key.id, &secret).expect("base62 digits were drawn");
    Ok(Created { key, text })
}

pub(super) fn find(connection: &Connection, id: &KeyId) -> Result<StoredKey, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM keys WHERE id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map_or_else(|| Err(StoreError::Unknown(id.clone())), StoredKey::read)
}

/// `SQLite`'s integers are signed; a time beyond them is as good as never.
pub(super) fn column(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
