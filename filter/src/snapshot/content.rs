//! The second line of a snapshot: policy, key records and revoked tokens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Policy;
use crate::key::{KeyRecord, Keys, TokenId};

/// The most bytes of a content.
pub const LENGTH_MAX: u64 = 16 << 20;
/// The most key records in a content.
pub const KEYS_MAX: usize = 50_000;

/// What a gate judges by, until the next epoch.
#[derive(Clone, Debug)]
pub struct Content {
    /// The policy file, as the operator wrote it.
    pub policy_text: String,
    /// The policy.
    pub policy: Arc<Policy>,
    /// The records of all keys of the environment.
    pub keys: Vec<KeyRecord>,
    /// The tokens that ended before their time.
    pub revoked_tokens: Vec<TokenId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    policy: Box<RawValue>,
    keys: Vec<KeyRecord>,
    revoked_tokens: Vec<TokenId>,
}

impl Content {
    /// Reads a content; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, super::Refused> {
        let Raw { policy, keys, revoked_tokens } =
            serde_json::from_slice(bytes).map_err(|_| super::Refused::Malformed("its content"))?;
        if keys.len() > KEYS_MAX {
            return Err(super::Refused::Malformed("its number of keys"));
        }
        let policy_text = policy.get().to_owned();
        let policy = Policy::parse(policy_text.as_bytes())
            .map_err(|error| super::Refused::Policy(error.to_string()))?;
        Ok(Self { policy_text, policy: Arc::new(policy), keys, revoked_tokens })
    }

    /// Keys and revoked tokens, to be searched in this process.
    pub fn into_keys(self) -> Keys {
        let keys = self.keys.into_iter().collect();
        self.revoked_tokens.into_iter().fold(keys, Keys::with_revoked)
    }
}

/// Writes a content as one line, without its line end.
///
/// # Errors
/// If `policy` is not JSON.
pub fn write_content<'a>(
    policy: &[u8],
    keys: impl Iterator<Item = &'a KeyRecord>,
    revoked_tokens: impl Iterator<Item = &'a TokenId>,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        // Through a value, because the policy is written on many lines.
        policy: serde_json::Value,
        keys: Vec<&'a KeyRecord>,
        revoked_tokens: Vec<&'a TokenId>,
    }
    serde_json::to_string(&Written {
        policy: serde_json::from_slice(policy)?,
        keys: keys.collect(),
        revoked_tokens: revoked_tokens.collect(),
    })
}
