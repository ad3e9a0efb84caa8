//! Why the key store could not do something, and what to do then.

use filter::KeyId;

use super::new_key::{KEYS_MAX, LABEL_MAX};
use super::tokens::TOKENS_MAX;
use crate::private_file;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or file cannot be used.
    #[error("key database: {0}")]
    File(#[from] private_file::Error),
    /// The database itself failed.
    #[error("key database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database was made by another version of Lunette.
    #[error(
        "key database: its schema is version {found}, and this lunette knows version {known}: \
         use the lunette that wrote it, or another data folder"
    )]
    OtherSchema {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: usize,
    },
    /// A value in the database is none that Lunette writes.
    #[error("key database: {record} {id}: {column} is damaged: restore the database from a backup")]
    Damaged {
        /// What it is a record of.
        record: &'static str,
        /// The key or token.
        id: String,
        /// Its column.
        column: &'static str,
    },
    /// The database holds an older state than was published before.
    #[error(
        "key database: it went back from epoch {published} to {found}: if you restored a backup \
         on purpose, restart lunette"
    )]
    WentBack {
        /// The epoch that was published.
        published: u64,
        /// The epoch found.
        found: u64,
    },
    /// No key has this id.
    #[error("no key has the id {0}: `lunette keys list` shows them all")]
    Unknown(KeyId),
    /// The key was withdrawn before.
    #[error("key {0} is revoked: make a new one with `lunette keys new`")]
    Revoked(KeyId),
    /// The key's time is over.
    #[error("key {0} has expired: make a new one with `lunette keys new`")]
    Expired(KeyId),
    /// The key was rotated before.
    #[error("key {id} was rotated before, to {by}: rotate that one")]
    Replaced {
        /// The key.
        id: KeyId,
        /// The key in its place.
        by: KeyId,
    },
    /// There are too many keys.
    #[error(
        "there are {KEYS_MAX} keys, the most a store holds: \
         `lunette keys prune` deletes those that were revoked or have expired"
    )]
    Full,
    /// The same text was imported before.
    #[error("this key was imported before: it is {0}")]
    ImportedBefore(KeyId),
    /// There are too many revoked tokens.
    #[error(
        "{TOKENS_MAX} tokens are revoked and have not expired, the most a store holds: \
         revoke the issuer's key instead, by taking it out of the policy"
    )]
    TokensFull,
    /// The new key would never be valid.
    #[error("the key would expire before it becomes valid")]
    NeverValid,
    /// The label is too long.
    #[error("label: expected at most {LABEL_MAX} characters")]
    LongLabel,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}
