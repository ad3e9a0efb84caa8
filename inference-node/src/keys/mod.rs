//! API keys and revoked tokens: the records of this node, and how they reach its gates.
//!
//! ```text
//!  lunette keys … ──▶ Store (SQLite) ──▶ Publisher ──▶ Published ──▶ gates, the node's own check
//! ```
//!
//! A key's secret exists only in the text that is printed once; the store holds its SHA-256, and
//! what is published holds an HMAC of that under the pepper. A signing secret is derived from the
//! root secret whenever it is needed, and stored nowhere.

mod draw;
mod error;
mod imported;
mod new_key;
mod published;
mod publisher;
mod rights;
mod schema;
pub mod signing;
mod snapshots;
mod store;
mod stored;
mod tokens;

pub use error::StoreError;
pub use imported::{ENTROPY_BITS_MIN, ImportError, ImportedKey};
pub use new_key::{KEYS_MAX, LABEL_MAX, NewKey};
pub use published::Published;
pub use publisher::{CHECK_EVERY, Publisher};
pub use rights::{NAME_RULE, ROUTES_MAX, Rights, RightsError, is_name};
pub use snapshots::{Snapshot, Snapshots};
pub use store::{Created, Store, Successor};
pub use stored::StoredKey;
pub use tokens::{Revocation, RevokedToken, TOKENS_KEPT, TOKENS_MAX};
