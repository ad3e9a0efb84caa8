//! What the rejection cache and the store count, as the host's metrics.

use std::cell::Cell;

use filter::rejection_cache::Counters;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

/// Counters of this VM, and what of them the host knows already. A host without metrics only shows
/// less.
pub(crate) struct Metrics {
    ids: [Option<u32>; COUNTED.len()],
    told: Cell<Counters>,
}

type Counted = (&'static str, fn(&Counters) -> u64);

const COUNTED: [Counted; 6] = [
    ("lunette.rejection_cache.hits", |counters| counters.hits),
    ("lunette.rejection_cache.inserts", |counters| counters.inserts),
    ("lunette.rejection_cache.evictions", |counters| counters.evictions),
    ("lunette.rejection_cache.dropped", |counters| counters.dropped),
    ("lunette.rejection_cache.epoch_flushes", |counters| counters.epoch_flushes),
    // The canary: above 0, a good request was refused from memory.
    ("lunette.rejection_cache.false_rejections", |counters| counters.false_rejections),
];

impl Metrics {
    /// Makes the metrics known to the host.
    pub(crate) fn define() -> Self {
        let define = |(name, _): Counted| hostcalls::define_metric(MetricType::Counter, name).ok();
        Self { ids: COUNTED.map(define), told: Cell::default() }
    }

    /// Tells the host what has changed.
    pub(crate) fn tell(&self, counters: Counters) {
        let told = self.told.replace(counters);
        if told == counters {
            return;
        }
        for (id, (_, read)) in self.ids.iter().zip(COUNTED) {
            let new = read(&counters).saturating_sub(read(&told));
            if let (Some(id), Ok(new)) = (id, i64::try_from(new))
                && new > 0
            {
                let _ = hostcalls::increment_metric(*id, new);
            }
        }
    }
}
