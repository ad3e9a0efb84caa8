//! Keeps what is published in step with the database while the node serves.
//!
//! A change by `lunette keys` in another process is noticed when a request asks, at most
//! [`CHECK_EVERY`] after it was committed. If the database cannot be read, nothing is published and
//! every request is refused: keys that were valid once may be revoked by now.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use filter::key::TokenId;
use filter::{Environment, KeyId, KeyRecord, KeyRing, Pepper, Unavailable};
use rusqlite::{Connection, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::published::Changes;
use super::store::connect;
use super::stored::COLUMNS;
use super::{Published, RevokedToken, Store, StoreError, StoredKey, schema};
use crate::{clock, private_file};

/// The longest time for which a change may go unnoticed.
pub const CHECK_EVERY: Duration = Duration::from_millis(5);
/// How soon a database that could not be read is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// How long a request may wait for the database. Readers of a write-ahead log wait only while it is
/// being recovered.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Answers gates and the node with the current policy, key records and revoked tokens. It has no `Debug`: it holds
/// the pepper.
pub struct Publisher {
    database: PathBuf,
    environment: Environment,
    pepper: Pepper,
    policy: Arc<[u8]>,
    state: Mutex<State>,
}

struct State {
    source: Option<Source>,
    /// The last that was published, for the records that have not changed since.
    last: Arc<Published>,
    /// Whether `last` is current, as far as the last check could tell.
    readable: bool,
    next_check: Instant,
}

/// A connection, and what it showed last.
struct Source {
    connection: Connection,
    /// Device and inode: a database that was deleted or exchanged is not this one any more.
    file: (u64, u64),
    /// The count of commits by others (`PRAGMA data_version`).
    data_version: i64,
}

impl Publisher {
    /// Begins to publish `policy` and the keys of `environment` in the data folder `folder`.
    pub fn open(
        folder: &Path,
        policy: &[u8],
        environment: Environment,
        pepper: Pepper,
    ) -> Result<Self, StoreError> {
        Store::open(folder)?.publish_terms(&terms(policy, environment), clock::now())?;
        let policy: Arc<[u8]> = policy.into();
        let state = State {
            source: None,
            last: Arc::new(Published::empty(Arc::clone(&policy))),
            readable: true,
            next_check: Instant::now() + CHECK_EVERY,
        };
        let database = Store::path(folder);
        let publisher = Self { database, environment, pepper, policy, state: Mutex::new(state) };
        if let Ok(mut state) = publisher.state.lock() {
            publisher.read(&mut state)?;
        }
        Ok(publisher)
    }

    /// What is published now.
    ///
    /// # Errors
    /// If the database cannot be read; then nothing may be accepted.
    pub fn current(&self) -> Result<Arc<Published>, Unavailable> {
        // A lock that a panic left behind guards a state nobody vouches for.
        let mut state = self.state.lock().map_err(|_| Unavailable)?;
        // Taken before the database is asked, so that a commit during the asking is noticed in time.
        let now = Instant::now();
        if now >= state.next_check {
            let was_readable = state.readable;
            let result = self.read(&mut state);
            state.readable = result.is_ok();
            state.next_check = now + if result.is_ok() { CHECK_EVERY } else { RETRY_EVERY };
            match result {
                Err(error) => {
                    state.source = None;
                    if was_readable {
                        tracing::error!(%error, "every request is refused: keys cannot be read");
                    }
                }
                Ok(()) if !was_readable => tracing::info!("keys can be read again"),
                Ok(()) => {}
            }
        }
        if state.readable { Ok(Arc::clone(&state.last)) } else { Err(Unavailable) }
    }

    /// The value of an entry of the gates' shared data, as [`filter::snapshot`] names them, and a
    /// number that is not 0 and tells values of different epochs apart. `None` for an unknown name,
    /// and for every name while the database cannot be read.
    pub fn get(&self, shared_data_key: &[u8]) -> Option<(Vec<u8>, u32)> {
        let published = self.current().ok()?;
        let [a, b, c, d, ..] = published.epoch().to_le_bytes();
        let count = u32::from_le_bytes([a, b, c, d]).max(1);
        Some((published.get(shared_data_key)?, count))
    }

    fn read(&self, state: &mut State) -> Result<(), StoreError> {
        let file = self.file()?;
        let known = state.source.take().filter(|source| source.file == file);
        let mut source = match known {
            Some(source) => source,
            None => Source { connection: self.connect()?, file, data_version: -1 },
        };
        // Read before the records: a commit in between is seen again, and not lost.
        let data_version =
            source.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if source.data_version != data_version {
            state.last = Arc::new(self.changes(&mut source, &state.last)?);
            source.data_version = data_version;
        }
        state.source = Some(source);
        Ok(())
    }

    fn file(&self) -> Result<(u64, u64), StoreError> {
        let metadata = fs::metadata(&self.database)
            .map_err(|source| private_file::Error::Io { path: self.database.clone(), source })?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = connect(&self.database)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    /// What was published before, with everything that changed since.
    fn changes(&self, source: &mut Source, last: &Published) -> Result<Published, StoreError> {
        let transaction = source.connection.transaction()?;
        // A newer lunette may have taken the database further while this one serves.
        schema::require_current(&transaction)?;
        let (epoch, deleted): (i64, i64) =
            transaction.query_row("SELECT epoch, deleted FROM publication", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let (epoch, deleted) = (epoch.unsigned_abs(), deleted.unsigned_abs());
        if epoch < last.epoch() {
            return Err(StoreError::WentBack { published: last.epoch(), found: epoch });
        }
        // What another file holds, what is left after a deletion, and what some other tool changed
        // without a new epoch is read from the beginning.
        let afresh = source.data_version == -1 || deleted > last.epoch() || epoch == last.epoch();
        let since = if afresh { -1 } else { i64::try_from(last.epoch()).unwrap_or(i64::MAX) };
        let changes = Changes {
            records: self.records(&transaction, since)?,
            tokens: tokens(&transaction, since)?,
        };
        transaction.commit()?;
        Ok(if afresh {
            Published::empty(Arc::clone(&self.policy)).with(epoch, changes)
        } else {
            last.with(epoch, changes)
        })
    }

    fn records(
        &self,
        transaction: &Transaction<'_>,
        since: i64,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM keys WHERE environment = ?1 AND changed > ?2");
        let mut statement = transaction.prepare_cached(&query)?;
        let mut rows = statement.query(params![self.environment.as_str(), since])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(StoredKey::read(row)?.record(&self.pepper));
        }
        Ok(records)
    }
}

fn tokens(transaction: &Transaction<'_>, since: i64) -> Result<Vec<TokenId>, StoreError> {
    let mut statement = transaction.prepare_cached("SELECT * FROM tokens WHERE changed > ?1")?;
    let mut rows = statement.query([since])?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next()? {
        tokens.push(RevokedToken::read(row)?.id);
    }
    Ok(tokens)
}

impl KeyRing for Publisher {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        Ok(self.current()?.record(id).cloned())
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        Ok(self.current()?.imported(verifier).cloned())
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        Ok(self.current()?.is_revoked(token))
    }
}

/// A digest of what gates are told besides the keys; the length keeps its two parts apart.
fn terms(policy: &[u8], environment: Environment) -> [u8; 32] {
    Sha256::new()
        .chain_update((policy.len() as u64).to_be_bytes())
        .chain_update(policy)
        .chain_update(environment.as_str())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests;
