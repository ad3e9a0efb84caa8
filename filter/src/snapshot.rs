//! How policy and key records travel from the node to its gates.
//!
//! A host keeps three kinds of entries in its shared data:
//!
//! | key | value |
//! |---|---|
//! | [`EPOCH`] | the epoch, 8 bytes, little endian; absent means that nothing was published yet |
//! | [`POLICY`] | the policy file of that epoch |
//! | [`bucket_name`] | the key records whose ids fall into that bucket, as a JSON array |
//!
//! Records lie in a fixed number of buckets, so that a gate reads a handful of records for a
//! request, whatever the number of keys, and the shared data never grows.

use sha2::{Digest as _, Sha256};

use crate::key::{KeyId, KeyRecord};

/// Where the epoch is.
pub const EPOCH: &str = "lunette.epoch";
/// Where the policy file is.
pub const POLICY: &str = "lunette.policy";
/// The number of buckets that key records are spread over.
pub const BUCKETS: u16 = 4096;

/// The bucket of a key id.
pub fn bucket_of(id: &KeyId) -> u16 {
    let digest = Sha256::digest(id.as_str());
    let head = digest.first_chunk::<2>().copied().unwrap_or_default();
    u16::from_be_bytes(head) % BUCKETS
}

/// Where the records of a bucket are.
pub fn bucket_name(bucket: u16) -> String {
    format!("lunette.keys.{bucket}")
}

/// Writes the records of one bucket.
pub fn write_bucket<'a>(records: impl IntoIterator<Item = &'a KeyRecord>) -> Vec<u8> {
    let records: Vec<_> = records.into_iter().collect();
    // Strings and numbers always serialise.
    serde_json::to_vec(&records).unwrap_or_default()
}

/// Finds a record in a bucket; `None` if the bucket cannot be read at all.
pub fn find_in_bucket(bucket: &[u8], id: &KeyId) -> Option<Option<KeyRecord>> {
    let records: Vec<KeyRecord> = serde_json::from_slice(bucket).ok()?;
    Some(records.into_iter().find(|record| record.id == *id))
}
