//! The counters and gauges that filters define, one set for all VMs, readable by name from outside.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proxy_wasm_host::abi::v0_2_1::MetricId;
use proxy_wasm_host::abi::v0_2_1::types::{MetricType, Status};

/// The most metrics, and the most bytes of a name.
const METRICS_MAX: usize = 64;
const NAME_MAX: usize = 128;

/// Metrics in the order of their definition; the id of one is its place, counted from 1.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Vec<Metric>>);

struct Metric {
    name: Vec<u8>,
    value: u64,
}

impl Metrics {
    /// The id of a metric; the same name has the same id in every VM. Histograms are not kept.
    pub(crate) fn define(&self, kind: MetricType, name: &[u8]) -> Result<MetricId, Status> {
        if kind == MetricType::Histogram || name.len() > NAME_MAX {
            return Err(Status::BadArgument);
        }
        let mut metrics = self.lock();
        let known = metrics.iter().position(|metric| metric.name == name);
        let place = match known {
            Some(place) => place,
            None if metrics.len() >= METRICS_MAX => return Err(Status::InternalFailure),
            None => {
                metrics.push(Metric { name: name.to_vec(), value: 0 });
                metrics.len() - 1
            }
        };
        let id = u32::try_from(place + 1).map_err(|_| Status::InternalFailure)?;
        MetricId::try_from(id).map_err(|_| Status::InternalFailure)
    }

    /// Changes the value of a metric, and says what it is then.
    pub(crate) fn update(
        &self,
        id: MetricId,
        change: impl FnOnce(u64) -> Option<u64>,
    ) -> Result<u64, Status> {
        let place = usize::try_from(id.get()).map_err(|_| Status::NotFound)?;
        let mut metrics = self.lock();
        let metric = place.checked_sub(1).and_then(|place| metrics.get_mut(place));
        let metric = metric.ok_or(Status::NotFound)?;
        metric.value = change(metric.value).ok_or(Status::BadArgument)?;
        Ok(metric.value)
    }

    /// The values of all metrics by name.
    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        let named =
            |metric: &Metric| (String::from_utf8_lossy(&metric.name).into_owned(), metric.value);
        self.lock().iter().map(named).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Metric>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_metric_for_all_vms() {
        let metrics = Metrics::default();
        let one = metrics.define(MetricType::Counter, b"a").unwrap();
        let other = metrics.define(MetricType::Counter, b"b").unwrap();
        assert_eq!(metrics.define(MetricType::Counter, b"a"), Ok(one));
        assert_eq!(metrics.update(one, |value| Some(value + 2)), Ok(2));
        assert_eq!(metrics.update(other, Some), Ok(0));
        assert_eq!(metrics.all(), BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)]));
    }

    #[test]
    fn metrics_are_bounded() {
        let metrics = Metrics::default();
        for n in 0..METRICS_MAX {
            assert!(metrics.define(MetricType::Gauge, n.to_string().as_bytes()).is_ok());
        }
        assert_eq!(metrics.define(MetricType::Gauge, b"more"), Err(Status::InternalFailure));
        assert_eq!(metrics.define(MetricType::Gauge, &[b'x'; 129]), Err(Status::BadArgument));
        let unknown = MetricId::try_from(1000).unwrap();
        assert_eq!(metrics.update(unknown, Some), Err(Status::NotFound));
    }
}
