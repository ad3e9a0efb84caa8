//! What the rejection cache counts, and how current the policy is, as the host's metrics.

use std::cell::Cell;

use filter::rejection_cache::Counters;
use filter::snapshot::Statement;
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

/// How current policy and keys are.
pub(crate) struct SnapshotMetrics {
    taken: Option<u32>,
    ignored: Option<u32>,
    unreachable: Option<u32>,
    epoch: Option<u32>,
    expires_at: Option<u32>,
}

impl SnapshotMetrics {
    /// Makes the metrics known to the host.
    pub(crate) fn define() -> Self {
        let define = |kind, name| hostcalls::define_metric(kind, name).ok();
        Self {
            taken: define(MetricType::Counter, "lunette.snapshot.taken"),
            ignored: define(MetricType::Counter, "lunette.snapshot.ignored"),
            unreachable: define(MetricType::Counter, "lunette.snapshot.unreachable"),
            epoch: define(MetricType::Gauge, "lunette.snapshot.epoch"),
            expires_at: define(MetricType::Gauge, "lunette.snapshot.expires_at_seconds"),
        }
    }

    /// A snapshot was taken, or the one that is there renewed.
    pub(crate) fn taken(&self, statement: &Statement) {
        count(self.taken);
        set(self.epoch, statement.epoch);
        set(self.expires_at, statement.expires_at.0 / 1000);
    }

    /// A snapshot was ignored: it is not what the node would sign, or older.
    pub(crate) fn ignored(&self) {
        count(self.ignored);
    }

    /// The node could not be asked, or did not answer.
    pub(crate) fn unreachable(&self) {
        count(self.unreachable);
    }
}

fn count(metric: Option<u32>) {
    if let Some(id) = metric {
        let _ = hostcalls::increment_metric(id, 1);
    }
}

fn set(metric: Option<u32>, value: u64) {
    if let Some(id) = metric {
        let _ = hostcalls::record_metric(id, value);
    }
}
