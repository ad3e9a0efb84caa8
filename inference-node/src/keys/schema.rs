//! The database's tables, and how an older database becomes a current one.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StoreError;

/// Each step of the schema, in order; `user_version` counts the steps taken. A step that was
/// released is never changed: a new one follows it.
const STEPS: [&str; 2] = [
    // `changed` is the epoch of the last change. `publication` is one row: the epoch; the epoch
    // since which records were deleted; and a digest of what else gates are told, so that a changed
    // policy gets an epoch of its own.
    "CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY,
        secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
        principal TEXT NOT NULL,
        scopes TEXT NOT NULL,
        tier TEXT NOT NULL,
        environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
        not_before INTEGER,
        expires INTEGER,
        revoked INTEGER,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        replaced_by TEXT,
        label TEXT,
        changed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_changed ON keys (changed);
    CREATE TABLE publication (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        epoch INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        terms BLOB
    ) STRICT;
    INSERT INTO publication VALUES (1, 0, 0, NULL);",
    // `signing`, `clients` and `routes` are JSON, in the form in which gates get them. An imported
    // key is found by its hash, so no two may have the same. A token is named by a digest of its
    // issuer and its `jti`.
    "ALTER TABLE keys ADD COLUMN imported INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1));
    ALTER TABLE keys ADD COLUMN signing TEXT;
    ALTER TABLE keys ADD COLUMN clients TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE keys ADD COLUMN routes TEXT NOT NULL DEFAULT '[]';
    CREATE UNIQUE INDEX keys_imported ON keys (secret_sha256) WHERE imported = 1;
    CREATE TABLE tokens (
        id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 32),
        issuer TEXT NOT NULL,
        until INTEGER NOT NULL,
        revoked INTEGER NOT NULL,
        label TEXT,
        changed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_changed ON tokens (changed);",
];

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets the connection up and takes the steps that are missing. Two processes may do so at once.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A revocation that was reported must survive a power failure.
    connection.pragma_update(None, "synchronous", "FULL")?;
    if steps_taken(connection)? < STEPS.len() {
        write_ahead(connection)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Counted again: another process may have been faster.
        for step in &STEPS[steps_taken(&transaction)?..] {
            transaction.execute_batch(step)?;
        }
        transaction.execute_batch(&format!("PRAGMA user_version = {}", STEPS.len()))?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses a database that is not as this program writes it.
pub(super) fn require_current(connection: &Connection) -> Result<(), StoreError> {
    match steps_taken(connection)? {
        taken if taken == STEPS.len() => Ok(()),
        taken => Err(other_schema(i64::try_from(taken).unwrap_or(i64::MAX))),
    }
}

/// Steps that the database has behind it; at most those that are known here.
fn steps_taken(connection: &Connection) -> Result<usize, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = usize::try_from(found).ok().filter(|&taken| taken <= STEPS.len());
    taken.ok_or_else(|| other_schema(found))
}

fn other_schema(found: i64) -> StoreError {
    StoreError::OtherSchema { found, known: STEPS.len() }
}

/// Switches to a write-ahead log, with which readers and a writer do not wait for each other.
/// `SQLite` does not apply the busy timeout to this switch, so it is tried again here.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let begin = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::DatabaseBusy && begin.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return Ok(result?),
        }
    }
}
