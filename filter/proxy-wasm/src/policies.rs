//! The policy and the keys a gate judges by: fixed at start, or shared and followed live.

use std::cell::RefCell;
use std::sync::Arc;

use filter::snapshot;
use filter::{
    Filter, GateIdentity, KeyId, KeyRecord, KeyRing, Keys, Policy, PolicyError, Unavailable,
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
    /// The host's shared data; the policy is parsed once for each epoch.
    Shared { parsed: RefCell<Option<(u64, Filter)>> },
}

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
        keys: Vec<KeyRecord>,
    ) -> Result<Self, PolicyError> {
        let gate = Arc::new(gate);
        let filter = Filter::new(Policy::parse(policy)?, Arc::clone(&gate), epoch);
        let keys = keys.into_iter().collect();
        Ok(Self { gate, source: Source::Fixed { filter, keys } })
    }

    /// The filter to judge the next request by; nothing without a policy.
    pub(crate) fn filter(&self) -> Result<Filter, Unavailable> {
        match &self.source {
            Source::Fixed { filter, .. } => Ok(filter.clone()),
            Source::Shared { parsed } => {
                let epoch = host::shared(snapshot::EPOCH).ok_or(Unavailable)?;
                let epoch = u64::from_le_bytes(epoch.try_into().map_err(|_| Unavailable)?);
                let mut parsed = parsed.try_borrow_mut().map_err(|_| Unavailable)?;
                if let Some((known, filter)) = &*parsed
                    && *known == epoch
                {
                    return Ok(filter.clone());
                }
                let policy = host::shared(snapshot::POLICY).ok_or(Unavailable)?;
                let policy = Policy::parse(&policy).map_err(|error| {
                    host::log(proxy_wasm::types::LogLevel::Error, &error.to_string());
                    Unavailable
                })?;
                let filter = Filter::new(policy, Arc::clone(&self.gate), epoch);
                *parsed = Some((epoch, filter.clone()));
                Ok(filter)
            }
        }
    }
}

impl KeyRing for Policies {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.find(id),
            Source::Shared { .. } => {
                match host::shared(&snapshot::bucket_name(snapshot::bucket_of(id))) {
                    None => Ok(None),
                    Some(bucket) => snapshot::find_in_bucket(&bucket, id).ok_or(Unavailable),
                }
            }
        }
    }
}
