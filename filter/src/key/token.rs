//! The name of one token.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of one token (RFC 7519 §4.1.7): a digest of its issuer and its `jti`, so that names of
/// any length take the same room and say nothing in a log.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// The token `jti` of the issuer that the policy calls `issuer`.
    pub fn of(issuer: &str, jti: &str) -> Self {
        let length = (issuer.len() as u64).to_be_bytes();
        let digest =
            Sha256::new().chain_update(length).chain_update(issuer).chain_update(jti).finalize();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// The digest.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl TryFrom<String> for TokenId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        crate::hex::decode(&text).map(Self).ok_or("a token id is 32 hex digits")
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        crate::hex::encode(&id.0)
    }
}
