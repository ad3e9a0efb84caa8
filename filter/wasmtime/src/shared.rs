//! Shared data and metrics: what a filter reads and counts beyond one request.

use std::num::NonZeroU32;
use std::sync::Arc;

use proxy_wasm_host::abi::v0_2_1::types::{MetricType, Status};
use proxy_wasm_host::abi::v0_2_1::{Invocation, MetricId, SharedServices, SharedValue};

use crate::metrics::Metrics;
use crate::pages::Pages;

/// Where `proxy_get_shared_data` finds its answers, except for keys that begin with `lunette.store.`:
/// under those the filters of all VMs keep what they remember, in this process and within limits.
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

/// The host's side: data from the caller, read only; pages and metrics kept in memory for all VMs.
pub(crate) struct Shared {
    source: Arc<dyn SharedSource>,
    pages: Pages,
    metrics: Metrics,
}

impl Shared {
    pub(crate) fn new(source: Arc<dyn SharedSource>) -> Self {
        Self { source, pages: Pages::default(), metrics: Metrics::default() }
    }

    /// What filters have counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl SharedServices for Shared {
    fn get_shared_data(&self, _: Invocation, _: &[u8], key: &[u8]) -> Result<SharedValue, Status> {
        if let Some(page) = Pages::name(key) {
            return self.pages.get(page);
        }
        let (bytes, version) = self.source.get(key).ok_or(Status::NotFound)?;
        Ok(SharedValue::new(bytes, version))
    }

    /// Refuses what is not a page: the one status on which the Rust SDK does not panic is "someone
    /// else was faster".
    fn set_shared_data(
        &self,
        _: Invocation,
        _: &[u8],
        key: &[u8],
        value: &[u8],
        version: Option<u32>,
    ) -> Result<(), Status> {
        let page = Pages::name(key).ok_or(Status::CasMismatch)?;
        self.pages.set(page, value, version)
    }

    fn define_metric(
        &self,
        _: Invocation,
        _: &[u8],
        kind: MetricType,
        name: &[u8],
    ) -> Result<MetricId, Status> {
        self.metrics.define(kind, name)
    }

    fn record_metric(&self, _: Invocation, metric: MetricId, value: u64) -> Result<(), Status> {
        self.metrics.update(metric, |_| Some(value)).map(drop)
    }

    fn increment_metric(&self, _: Invocation, metric: MetricId, delta: i64) -> Result<(), Status> {
        self.metrics.update(metric, |value| value.checked_add_signed(delta)).map(drop)
    }

    fn get_metric(&self, _: Invocation, metric: MetricId) -> Result<u64, Status> {
        self.metrics.update(metric, Some)
    }
}

#[cfg(test)]
mod tests {
    use proxy_wasm_host::abi::v0_2_1::{ContextId, GuestId};

    use super::*;

    /// Has one value, and one under a name that is the filters' own.
    struct Published;

    impl SharedSource for Published {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
            let known = matches!(key, b"lunette.policy" | b"lunette.store.start");
            known.then(|| (b"published".to_vec(), NonZeroU32::MIN))
        }
    }

    fn call() -> Invocation {
        Invocation::new(GuestId::next(), ContextId::try_from(1).unwrap())
    }

    #[test]
    fn what_the_caller_publishes_cannot_be_written() {
        let shared = Shared::new(Arc::new(Published));
        for version in [None, Some(0), Some(1), Some(u32::MAX)] {
            for key in [b"lunette.policy".as_slice(), b"lunette.keys.1", b"lunette.store"] {
                let set = shared.set_shared_data(call(), b"vm", key, b"x", version);
                assert_eq!(set, Err(Status::CasMismatch), "{version:?}");
            }
        }
        let policy = shared.get_shared_data(call(), b"vm", b"lunette.policy").unwrap();
        assert_eq!(policy.bytes, b"published");
        let missing = shared.get_shared_data(call(), b"vm", b"lunette.keys.1");
        assert_eq!(missing.unwrap_err(), Status::NotFound);
    }

    #[test]
    fn pages_are_the_filters_own_and_one_for_all_vms() {
        let shared = Shared::new(Arc::new(Published));
        let key = b"lunette.store.start";
        let unseen = shared.get_shared_data(call(), b"vm", key);
        assert_eq!(unseen.unwrap_err(), Status::NotFound, "the caller has no say here");

        shared.set_shared_data(call(), b"vm-1", key, b"page", Some(u32::MAX)).unwrap();
        let seen = shared.get_shared_data(call(), b"vm-2", key).unwrap();
        assert_eq!(seen.bytes, b"page");
    }
}
