//! Every metric's name and help, in one place. Labels come from closed sets: codes, never keys,
//! paths or addresses.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use filter::Format;
use filter::image::Extras;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Who gave an answer, and what it was.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Answer {
    /// `gate` or `node`.
    by: &'static str,
    /// The public code; `ok` for a result.
    code: String,
}

/// What an image that was inspected is.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Image {
    /// The format's name.
    format: &'static str,
}

/// What was recognised beside an image.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Beside {
    /// Its name.
    extra: &'static str,
}

/// The counts of one process.
pub struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    images: Family<Image, Counter>,
    extras: Family<Beside, Counter>,
    queued: Histogram,
    ran: Histogram,
}

/// Something whose value is read when the metrics are.
type Reading = Box<dyn Fn() -> u64 + Send + Sync>;

/// A value that is only known by asking for it.
pub struct Watched {
    /// The metric's name, without unit or prefix.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Whether it only grows.
    pub grows: bool,
    /// Asks.
    pub read: Reading,
}

impl Metrics {
    /// Registers everything.
    pub fn new(watched: Vec<Watched>) -> Self {
        let mut registry = Registry::with_prefix("lunette");
        let answers = Family::default();
        registry.register(
            "answers",
            "Requests answered, by who answered and code",
            answers.clone(),
        );
        let images = Family::default();
        registry.register("images", "Images that passed the inspection, by format", images.clone());
        let extras = Family::default();
        registry.register(
            "image_extras",
            "What was recognised beside images and not decoded, such as gain maps and films",
            extras.clone(),
        );
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let (queued, ran) = (seconds(), seconds());
        registry.register_with_unit(
            "queue",
            "Time jobs waited for the device",
            Unit::Seconds,
            queued.clone(),
        );
        registry.register_with_unit("inference", "Time the model ran", Unit::Seconds, ran.clone());
        registry.register_collector(Box::new(Watch(Arc::new(watched))));
        Self { registry, answers, images, extras, queued, ran }
    }

    /// Counts an answer.
    pub fn answer(&self, by: &'static str, code: &str) {
        self.answers.get_or_create(&Answer { by, code: code.to_owned() }).inc();
    }

    /// Counts an image that passed the inspection.
    pub fn image(&self, format: Format, extras: Extras) {
        let format = format.media_type().trim_start_matches("image/");
        self.images.get_or_create(&Image { format }).inc();
        for extra in extras.iter() {
            self.extras.get_or_create(&Beside { extra: extra.name() }).inc();
        }
    }

    /// Counts a finished job.
    pub fn inference(&self, queued: Duration, ran: Duration) {
        self.queued.observe(queued.as_secs_f64());
        self.ran.observe(ran.as_secs_f64());
    }

    /// The metrics page, in the `OpenMetrics` text format.
    pub fn render(&self) -> String {
        let mut page = String::new();
        if encode(&mut page, &self.registry).is_err() {
            // Writing to a string does not fail; a half page must not look whole.
            page.clear();
            let _ = writeln!(page, "# the metrics could not be written");
        }
        page
    }
}

struct Watch(Arc<Vec<Watched>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl prometheus_client::collector::Collector for Watch {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeMetric as _;
        for watched in self.0.iter() {
            let value = (watched.read)();
            if watched.grows {
                let counter: Counter<u64, AtomicU64> = Counter::default();
                counter.inc_by(value);
                let kind = counter.metric_type();
                counter.encode(encoder.encode_descriptor(
                    watched.name,
                    watched.help,
                    None,
                    kind,
                )?)?;
            } else {
                let gauge: Gauge<u64, AtomicU64> = Gauge::default();
                gauge.set(value);
                let kind = gauge.metric_type();
                gauge.encode(encoder.encode_descriptor(
                    watched.name,
                    watched.help,
                    None,
                    kind,
                )?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_was_counted() {
        let watched =
            Watched { name: "uploads_reserved", help: "h", grows: false, read: Box::new(|| 7) };
        let metrics = Metrics::new(vec![watched]);
        metrics.answer("gate", "invalid-key");
        metrics.answer("gate", "invalid-key");
        metrics.inference(Duration::from_millis(3), Duration::from_secs(1));
        let page = metrics.render();
        for line in [
            r#"lunette_answers_total{by="gate",code="invalid-key"} 2"#,
            "lunette_inference_seconds_count 1",
            "lunette_inference_seconds_sum 1.0",
            "lunette_uploads_reserved 7",
            "# EOF",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
