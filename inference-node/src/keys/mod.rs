//! API keys: the records of this node, and how they reach its gates.
//!
//! ```text
//!  lunette keys … ──▶ Store (SQLite) ──▶ Publisher ──▶ Published ──▶ gates, the node's own check
//! ```
//!
//! A key's secret exists only in the text that is printed once; the store holds its SHA-256, and
//! what is published holds an HMAC of that under the pepper.

mod draw;
mod error;
mod published;
mod publisher;
mod rights;
mod schema;
mod store;
mod stored;

pub use error::StoreError;
pub use published::Published;
pub use publisher::{CHECK_EVERY, Publisher};
pub use rights::{NAME_RULE, Rights, RightsError, is_name};
pub use store::{Created, KEYS_MAX, LABEL_MAX, NewKey, Store};
pub use stored::StoredKey;
