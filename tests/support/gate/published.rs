//! A snapshot as the node would publish it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use filter::{KeyRecord, TokenId, snapshot};
use filter_wasmtime::SharedSource;

use crate::keys;
use crate::vectors::{self, Moment};

/// A snapshot as the node would publish it.
pub struct Published(BTreeMap<Vec<u8>, Vec<u8>>);

impl Published {
    /// The default policy and the keys of the vectors.
    pub fn of_vectors() -> Self {
        Self::with_policy("default")
    }

    /// The policy called `name` and the keys of the vectors, as they are now.
    pub fn with_policy(name: &str) -> Self {
        let records = keys::records(Moment::real().0);
        Self::new(1, &vectors::policy(name), &records).with_revoked(&keys::revoked_tokens())
    }

    /// One epoch.
    pub fn new(epoch: u64, policy: &str, records: &[KeyRecord]) -> Self {
        let mut data: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        data.insert(snapshot::EPOCH.into(), epoch.to_le_bytes().to_vec());
        data.insert(snapshot::POLICY.into(), policy.as_bytes().to_vec());
        for record in records {
            let bucket = data.entry(snapshot::keys(&record.id).name().into_bytes()).or_default();
            snapshot::write(bucket, record.id.as_str().as_bytes(), record);
            if record.imported {
                let name = snapshot::imported(&record.verifier).name().into_bytes();
                snapshot::write(data.entry(name).or_default(), &record.verifier, record);
            }
        }
        Self(data)
    }

    /// The same with revoked tokens.
    #[must_use]
    pub fn with_revoked(mut self, tokens: &[TokenId]) -> Self {
        for token in tokens {
            let bucket = self.0.entry(snapshot::tokens(token).name().into_bytes()).or_default();
            bucket.extend_from_slice(token.bytes());
        }
        self
    }
}

impl SharedSource for Published {
    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
        self.0.get(key).map(|value| (value.clone(), NonZeroU32::MIN))
    }
}

/// A snapshot that changes while gates read it.
#[derive(Clone)]
pub struct Live(Arc<Mutex<Published>>);

impl Live {
    /// What is published first.
    pub fn new(first: Published) -> Self {
        Self(Arc::new(Mutex::new(first)))
    }

    /// Publishes something else in its place.
    ///
    /// # Panics
    /// If another test thread panicked while it did.
    pub fn publish(&self, next: Published) {
        *self.0.lock().expect("a lock") = next;
    }
}

impl SharedSource for Live {
    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
        self.0.lock().expect("a lock").get(key)
    }
}
