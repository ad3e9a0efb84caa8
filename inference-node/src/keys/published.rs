//! What gates are told: one epoch's policy and key records.

use std::collections::BTreeMap;
use std::sync::Arc;

use filter::snapshot::{BUCKETS, EPOCH, POLICY, bucket_name, bucket_of, write_bucket};
use filter::{KeyId, KeyRecord};

/// The policy and key records of one epoch. Unchanged buckets are shared with the epoch before, so
/// that one revoked key costs one bucket and not fifty thousand records.
#[derive(Clone, Debug)]
pub struct Published {
    epoch: u64,
    policy: Arc<[u8]>,
    buckets: Vec<Arc<Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    records: Vec<KeyRecord>,
    /// The records as [`filter::snapshot`] writes them.
    bytes: Vec<u8>,
}

impl Bucket {
    fn new(records: Vec<KeyRecord>) -> Arc<Self> {
        Arc::new(Self { bytes: write_bucket(&records), records })
    }
}

impl Published {
    /// A policy and no keys.
    pub(super) fn empty(policy: Arc<[u8]>) -> Self {
        Self { epoch: 0, policy, buckets: vec![Bucket::new(Vec::new()); BUCKETS.into()] }
    }

    /// The same with some records new or changed, as of `epoch`.
    pub(super) fn with(&self, epoch: u64, changed: Vec<KeyRecord>) -> Self {
        let mut by_bucket: BTreeMap<u16, Vec<KeyRecord>> = BTreeMap::new();
        for record in changed {
            by_bucket.entry(bucket_of(&record.id)).or_default().push(record);
        }
        let mut buckets = self.buckets.clone();
        for (bucket, mut records) in by_bucket {
            let bucket = &mut buckets[usize::from(bucket)];
            let is_new = |old: &&KeyRecord| records.iter().all(|record| record.id != old.id);
            let kept: Vec<_> = bucket.records.iter().filter(is_new).cloned().collect();
            records.extend(kept);
            records.sort_by(|a, b| a.id.cmp(&b.id));
            *bucket = Bucket::new(records);
        }
        Self { epoch, policy: Arc::clone(&self.policy), buckets }
    }

    /// The epoch; it only grows.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The policy file.
    pub fn policy(&self) -> &[u8] {
        &self.policy
    }

    /// The record of a key.
    pub fn record(&self, id: &KeyId) -> Option<&KeyRecord> {
        let bucket = self.buckets.get(usize::from(bucket_of(id)))?;
        bucket.records.iter().find(|record| record.id == *id)
    }

    /// Every record, by bucket.
    pub fn records(&self) -> impl Iterator<Item = &KeyRecord> {
        self.buckets.iter().flat_map(|bucket| &bucket.records)
    }

    /// The value that [`filter::snapshot`] places under `name`; `None` for a name it does not know.
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name == EPOCH.as_bytes() {
            return Some(self.epoch.to_le_bytes().to_vec());
        }
        if name == POLICY.as_bytes() {
            return Some(self.policy.to_vec());
        }
        let digits = name.rsplit(|&byte| byte == b'.').next()?;
        let number: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if bucket_name(number).as_bytes() != name {
            return None;
        }
        self.buckets.get(usize::from(number)).map(|bucket| bucket.bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use filter::Environment;
    use filter::snapshot::find_in_bucket;

    use super::*;

    fn record(id: u32, version: u32) -> KeyRecord {
        KeyRecord {
            id: KeyId::parse(&format!("{id:010}")).unwrap(),
            verifier: [1; 32],
            principal: "p".into(),
            scopes: vec![],
            tier: "free".into(),
            environment: Environment::Test,
            not_before: None,
            expires: None,
            revoked: false,
            version,
        }
    }

    fn find(published: &Published, record: &KeyRecord) -> Option<KeyRecord> {
        let bucket = published.get(bucket_name(bucket_of(&record.id)).as_bytes()).unwrap();
        find_in_bucket(&bucket, &record.id).expect("a bucket can always be read")
    }

    #[test]
    fn a_gate_finds_every_record_in_its_bucket() {
        // More keys than buckets, so that some share one.
        let records: Vec<_> = (0..5000).map(|id| record(id, 1)).collect();
        let published = Published::empty(b"{}"[..].into()).with(7, records.clone());
        for record in &records {
            assert_eq!(find(&published, record).as_ref(), Some(record));
            assert_eq!(published.record(&record.id), Some(record));
        }
        assert_eq!(find(&published, &record(5000, 1)), None);
        assert_eq!(published.records().count(), 5000);
    }

    #[test]
    fn a_change_replaces_one_record_and_keeps_the_rest() {
        let before =
            Published::empty(b"{}"[..].into()).with(1, (0..5000).map(|id| record(id, 1)).collect());
        let after = before.with(2, vec![record(17, 2)]);
        assert_eq!(after.record(&record(17, 2).id).unwrap().version, 2);
        assert_eq!(before.record(&record(17, 2).id).unwrap().version, 1);
        assert_eq!(after.records().count(), 5000);
        let shared =
            before.buckets.iter().zip(&after.buckets).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, usize::from(BUCKETS) - 1);
    }

    #[test]
    fn names_are_those_of_the_snapshot_and_no_others() {
        let published = Published::empty(b"policy"[..].into()).with(0x0102, vec![]);
        assert_eq!(published.get(b"lunette.epoch").unwrap(), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(published.get(b"lunette.policy").unwrap(), b"policy");
        assert_eq!(published.get(b"lunette.keys.0").unwrap(), b"[]");
        assert_eq!(published.get(b"lunette.keys.4095").unwrap(), b"[]");
        for name in ["", "lunette", "lunette.keys.", "lunette.keys.4096", "lunette.keys.00", "x.0"]
        {
            assert_eq!(published.get(name.as_bytes()), None, "{name}");
        }
    }
}
