//! Where a gate finds key records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{KeyId, KeyRecord, TokenId};

/// Where a gate finds key records.
///
/// A ring that cannot tell must answer `Err`: the request is then refused with 503. Answering that a
/// key does not exist only turns an owner away; answering a record that was withdrawn, or that a
/// token is good which was revoked, lets a stranger in.
pub trait KeyRing {
    /// The record of `id`, if there is one.
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable>;

    /// The record of the imported key with this verifier, if there is one.
    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable>;

    /// Whether a token was revoked before its time.
    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable>;
}

impl<K: KeyRing + ?Sized> KeyRing for Arc<K> {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        (**self).find(id)
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        (**self).find_imported(verifier)
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        (**self).is_revoked(token)
    }
}

/// The records cannot be read now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unavailable;

/// Key records and revoked tokens in memory.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    records: BTreeMap<KeyId, KeyRecord>,
    imported: BTreeMap<[u8; 32], KeyId>,
    revoked: BTreeSet<TokenId>,
}

impl Keys {
    /// The same with one more revoked token.
    #[must_use]
    pub fn with_revoked(mut self, token: TokenId) -> Self {
        self.revoked.insert(token);
        self
    }
}

impl FromIterator<KeyRecord> for Keys {
    fn from_iter<I: IntoIterator<Item = KeyRecord>>(records: I) -> Self {
        let mut keys = Self::default();
        for record in records {
            if record.imported {
                keys.imported.insert(record.verifier, record.id.clone());
            }
            keys.records.insert(record.id.clone(), record);
        }
        keys
    }
}

impl KeyRing for Keys {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        Ok(self.records.get(id).cloned())
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        Ok(self.imported.get(verifier).and_then(|id| self.records.get(id)).cloned())
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        Ok(self.revoked.contains(token))
    }
}
