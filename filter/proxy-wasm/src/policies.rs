//! The policy and the keys a gate judges by: fixed at start, or shared and followed live.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use filter::snapshot::{self, Bucket};
use filter::{
    Filter, GateIdentity, KeyId, KeyRecord, KeyRing, Keys, Policy, PolicyError, TokenId,
    Unavailable,
};

use crate::host;

/// Where a gate's policy and keys come from.
pub(crate) struct Policies {
    gate: Arc<GateIdentity>,
    source: Source,
}

enum Source {
    /// Given with the plugin configuration.
    Fixed { filter: Filter, keys: Keys },
    /// The host's shared data; what was parsed is kept for as long as its epoch lasts.
    Shared { parsed: RefCell<Option<Parsed>> },
}

/// What was read of one epoch. Every request asks the host for the epoch before it looks here.
struct Parsed {
    epoch: u64,
    filter: Filter,
    /// Records that requests were found to name, [`RECORDS_MAX`] at most.
    records: BTreeMap<KeyId, KeyRecord>,
}

/// The most records a VM keeps parsed.
const RECORDS_MAX: usize = 1024;

impl Policies {
    /// Follows the snapshot in the host's shared data.
    pub(crate) fn shared(gate: GateIdentity) -> Self {
        Self { gate: Arc::new(gate), source: Source::Shared { parsed: RefCell::new(None) } }
    }

    /// Judges by one policy and one set of keys until the next configuration.
    pub(crate) fn fixed(
        gate: GateIdentity,
        epoch: u64,
        policy: &[u8],
        keys: Keys,
    ) -> Result<Self, PolicyError> {
        let gate = Arc::new(gate);
        let filter = Filter::new(Policy::parse(policy)?, Arc::clone(&gate), epoch);
        Ok(Self { gate, source: Source::Fixed { filter, keys } })
    }

    /// The gate that judges.
    pub(crate) fn gate(&self) -> &GateIdentity {
        &self.gate
    }

    /// The filter to judge the next request by; nothing without a policy.
    pub(crate) fn filter(&self) -> Result<Filter, Unavailable> {
        match &self.source {
            Source::Fixed { filter, .. } => Ok(filter.clone()),
            Source::Shared { parsed } => {
                let epoch = host::shared(snapshot::EPOCH).ok_or(Unavailable)?;
                let epoch = u64::from_le_bytes(epoch.try_into().map_err(|_| Unavailable)?);
                let mut parsed = parsed.try_borrow_mut().map_err(|_| Unavailable)?;
                if let Some(known) = &*parsed
                    && known.epoch == epoch
                {
                    return Ok(known.filter.clone());
                }
                let policy = host::shared(snapshot::POLICY).ok_or(Unavailable)?;
                let policy = Policy::parse(&policy).map_err(|error| {
                    host::log(proxy_wasm::types::LogLevel::Error, &error.to_string());
                    Unavailable
                })?;
                let filter = Filter::new(policy, Arc::clone(&self.gate), epoch);
                *parsed = Some(Parsed { epoch, filter: filter.clone(), records: BTreeMap::new() });
                Ok(filter)
            }
        }
    }
}

impl KeyRing for Policies {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.find(id),
            Source::Shared { parsed } => {
                let mut parsed = parsed.try_borrow_mut().map_err(|_| Unavailable)?;
                let records = &mut parsed.as_mut().ok_or(Unavailable)?.records;
                if let Some(record) = records.get(id) {
                    return Ok(Some(record.clone()));
                }
                let found = find(snapshot::keys(id), id.as_str().as_bytes())?;
                if let Some(record) = &found {
                    // Beginning anew is cheap, and needs no order among them.
                    if records.len() >= RECORDS_MAX {
                        records.clear();
                    }
                    records.insert(id.clone(), record.clone());
                }
                Ok(found)
            }
        }
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.find_imported(verifier),
            Source::Shared { .. } => find(snapshot::imported(verifier), verifier),
        }
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.is_revoked(token),
            Source::Shared { .. } => match host::shared(&snapshot::tokens(token).name()) {
                None => Ok(false),
                Some(bucket) => snapshot::contains(&bucket, token).map_err(|_| Unavailable),
            },
        }
    }
}

fn find(bucket: Bucket, found_by: &[u8]) -> Result<Option<KeyRecord>, Unavailable> {
    match host::shared(&bucket.name()) {
        None => Ok(None),
        Some(bucket) => snapshot::find(&bucket, found_by).map_err(|_| Unavailable),
    }
}
