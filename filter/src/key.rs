//! Keys: who a key belongs to and what it may do.

mod realm;
mod record;
mod ring;
mod token;
mod verifier;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use realm::RealmKey;
pub use record::{KeyRecord, Signing, Standing};
pub use ring::{KeyRing, Keys, Unavailable};
pub use token::TokenId;
pub use verifier::{KeyDigest, Pepper, hash_at_rest};
pub(crate) use verifier::{MacKey, hmac_sha256, keyed_hmac_sha256};

/// Digits of a key id.
const ID_LEN: usize = 10;
/// The longest principal, scope or tier name, in bytes; a permit carries them.
pub const NAME_MAX: usize = 64;
/// The most scopes one key may hold; a permit carries them.
pub const SCOPES_MAX: usize = 16;

/// The public half of a key: ten base62 digits.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// Reads an id; `None` unless it is ten base62 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == ID_LEN && text.bytes().all(|digit| digit.is_ascii_alphanumeric());
        valid.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a key id is ten base62 digits")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// Which world a key, a gate and a node belong to; they never mix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Paying customers.
    Live,
    /// Development and tests.
    Test,
}

impl Environment {
    /// The word used in keys, configuration and permits.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}
