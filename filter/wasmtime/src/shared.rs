//! Shared data and metrics: what a filter reads and counts beyond one request.

use std::num::NonZeroU32;
use std::sync::Arc;

use proxy_wasm_host::abi::v0_2_1::types::{MetricType, Status};
use proxy_wasm_host::abi::v0_2_1::{
    InMemoryStore, Invocation, MetricId, SharedServices, SharedValue,
};

/// Where `proxy_get_shared_data` finds its answers.
///
/// Called from inside a filter's callback, so it must be quick and must not call the gate.
pub trait SharedSource: Send + Sync {
    /// The value of `key` with its version (a compare-and-set number, never zero), or `None`.
    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)>;
}

/// The source that holds nothing.
impl SharedSource for () {
    fn get(&self, _: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
        None
    }
}

/// The host's side: data from the caller, read only; metrics kept in memory for all VMs.
pub(crate) struct Shared {
    source: Arc<dyn SharedSource>,
    metrics: InMemoryStore,
}

impl Shared {
    pub(crate) fn new(source: Arc<dyn SharedSource>) -> Self {
        Self { source, metrics: InMemoryStore::new() }
    }
}

impl SharedServices for Shared {
    fn get_shared_data(&self, _: Invocation, _: &[u8], key: &[u8]) -> Result<SharedValue, Status> {
        let (bytes, version) = self.source.get(key).ok_or(Status::NotFound)?;
        Ok(SharedValue::new(bytes, version))
    }

    /// Refuses: the one status on which the Rust SDK does not panic is "someone else was faster".
    fn set_shared_data(
        &self,
        _: Invocation,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: Option<u32>,
    ) -> Result<(), Status> {
        Err(Status::CasMismatch)
    }

    fn define_metric(
        &self,
        call: Invocation,
        vm_id: &[u8],
        kind: MetricType,
        name: &[u8],
    ) -> Result<MetricId, Status> {
        self.metrics.define_metric(call, vm_id, kind, name)
    }

    fn record_metric(&self, call: Invocation, metric: MetricId, value: u64) -> Result<(), Status> {
        self.metrics.record_metric(call, metric, value)
    }

    fn increment_metric(
        &self,
        call: Invocation,
        metric: MetricId,
        delta: i64,
    ) -> Result<(), Status> {
        self.metrics.increment_metric(call, metric, delta)
    }

    fn get_metric(&self, call: Invocation, metric: MetricId) -> Result<u64, Status> {
        self.metrics.get_metric(call, metric)
    }
}
