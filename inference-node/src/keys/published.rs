//! What gates are told: one epoch's policy, key records and revoked tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use filter::key::TokenId;
use filter::snapshot::{self, BUCKETS, Bucket, EPOCH, Kind, POLICY};
use filter::{KeyId, KeyRecord};

/// The policy, key records and revoked tokens of one epoch. Unchanged buckets are shared with the
/// epoch before, so that one revoked key costs one bucket and not fifty thousand records.
#[derive(Clone, Debug)]
pub struct Published {
    epoch: u64,
    policy: Arc<[u8]>,
    by_id: Vec<Arc<Records>>,
    by_verifier: Vec<Arc<Records>>,
    tokens: Vec<Arc<Tokens>>,
}

/// What is new since an epoch.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) records: Vec<KeyRecord>,
    pub(super) tokens: Vec<TokenId>,
}

/// A bucket of key records, in the order of what they are found by.
#[derive(Debug, Default)]
struct Records {
    records: Vec<Arc<KeyRecord>>,
    /// The records as [`snapshot::write`] leaves them.
    bytes: Vec<u8>,
}

/// A bucket of revoked tokens.
#[derive(Debug, Default)]
struct Tokens {
    tokens: Vec<TokenId>,
    /// One after the other.
    bytes: Vec<u8>,
}

impl Records {
    fn new(mut records: Vec<Arc<KeyRecord>>, kind: Kind) -> Arc<Self> {
        records.sort_by(|a, b| found_by(a, kind).cmp(found_by(b, kind)));
        let mut bytes = Vec::new();
        for record in &records {
            snapshot::write(&mut bytes, found_by(record, kind), record);
        }
        Arc::new(Self { records, bytes })
    }
}

fn found_by(record: &KeyRecord, kind: Kind) -> &[u8] {
    if kind == Kind::Imported { &record.verifier } else { record.id.as_str().as_bytes() }
}

impl Published {
    /// A policy, no keys and no tokens.
    pub(super) fn empty(policy: Arc<[u8]>) -> Self {
        let (records, buckets) = (vec![Arc::default(); BUCKETS.into()], BUCKETS.into());
        Self {
            epoch: 0,
            policy,
            by_id: records.clone(),
            by_verifier: records,
            tokens: vec![Arc::default(); buckets],
        }
    }

    /// The same with some records new or changed and some tokens revoked, as of `epoch`.
    pub(super) fn with(&self, epoch: u64, changes: Changes) -> Self {
        let mut next = Self { epoch, ..self.clone() };
        let records: Vec<_> = changes.records.into_iter().map(Arc::new).collect();
        let imported = records.iter().filter(|record| record.imported).cloned().collect();
        replace(&mut next.by_id, records, Kind::Keys);
        replace(&mut next.by_verifier, imported, Kind::Imported);
        let mut by_bucket: BTreeMap<u16, Vec<TokenId>> = BTreeMap::new();
        for token in changes.tokens {
            by_bucket.entry(snapshot::tokens(&token).number()).or_default().push(token);
        }
        for (number, mut tokens) in by_bucket {
            let bucket = &mut next.tokens[usize::from(number)];
            tokens.extend(&bucket.tokens);
            tokens.sort_unstable();
            tokens.dedup();
            let bytes = tokens.iter().flat_map(|token| *token.bytes()).collect();
            *bucket = Arc::new(Tokens { tokens, bytes });
        }
        next
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
        let bucket = self.by_id.get(usize::from(snapshot::keys(id).number()))?;
        bucket.records.iter().find(|record| record.id == *id).map(AsRef::as_ref)
    }

    /// The record of the imported key with this verifier.
    pub fn imported(&self, verifier: &[u8; 32]) -> Option<&KeyRecord> {
        let bucket = self.by_verifier.get(usize::from(snapshot::imported(verifier).number()))?;
        bucket.records.iter().find(|record| record.verifier == *verifier).map(AsRef::as_ref)
    }

    /// Whether a token was revoked before its time.
    pub fn is_revoked(&self, token: &TokenId) -> bool {
        let bucket = self.tokens.get(usize::from(snapshot::tokens(token).number()));
        bucket.is_some_and(|bucket| bucket.tokens.contains(token))
    }

    /// Every record, by bucket.
    pub fn records(&self) -> impl Iterator<Item = &KeyRecord> {
        self.by_id.iter().flat_map(|bucket| &bucket.records).map(AsRef::as_ref)
    }

    /// Every revoked token, by bucket.
    pub fn revoked_tokens(&self) -> impl Iterator<Item = &TokenId> {
        self.tokens.iter().flat_map(|bucket| &bucket.tokens)
    }

    /// The value that [`filter::snapshot`] places under `name`; `None` for a name it does not know.
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name == EPOCH.as_bytes() {
            return Some(self.epoch.to_le_bytes().to_vec());
        }
        if name == POLICY.as_bytes() {
            return Some(self.policy.to_vec());
        }
        let bucket = Bucket::parse(std::str::from_utf8(name).ok()?)?;
        let number = usize::from(bucket.number());
        match bucket.kind() {
            Kind::Keys => self.by_id.get(number).map(|bucket| bucket.bytes.clone()),
            Kind::Imported => self.by_verifier.get(number).map(|bucket| bucket.bytes.clone()),
            Kind::Tokens => self.tokens.get(number).map(|bucket| bucket.bytes.clone()),
        }
    }
}

/// Puts records into their buckets, each in the place of an older one of the same key.
fn replace(buckets: &mut [Arc<Records>], records: Vec<Arc<KeyRecord>>, kind: Kind) {
    let mut by_bucket: BTreeMap<u16, Vec<Arc<KeyRecord>>> = BTreeMap::new();
    for record in records {
        let bucket = match kind {
            Kind::Imported => snapshot::imported(&record.verifier),
            _ => snapshot::keys(&record.id),
        };
        by_bucket.entry(bucket.number()).or_default().push(record);
    }
    for (number, mut records) in by_bucket {
        let bucket = &mut buckets[usize::from(number)];
        let is_old = |old: &&Arc<KeyRecord>| records.iter().all(|record| record.id != old.id);
        let kept: Vec<_> = bucket.records.iter().filter(is_old).cloned().collect();
        records.extend(kept);
        *bucket = Records::new(records, kind);
    }
}

#[cfg(test)]
mod tests;
