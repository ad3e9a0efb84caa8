//! Every metric's name and help, in one place. Labels come from closed sets: codes, never keys,
//! paths or addresses.

pub mod process;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use filter::Format;
use filter::image::Extras;
use filter::policy::Priority;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Who gave an answer, and what it was.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Answer {
    /// `gate` or `node`.
    by: &'static str,
    /// The public code; `ok` for a result.
    code: String,
}

/// What a request was for, and the status of its answer.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Request {
    /// The name of the policy's route; `none` where there is none.
    route: String,
    /// The status.
    status: u64,
}

/// What a request was for.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct To {
    /// The name of the policy's route; `none` where there is none.
    route: String,
}

/// A part of the work on a request.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Part {
    /// `upload`, `inspect`, `decode` or `encode`; waiting and inference have metrics of their own.
    stage: &'static str,
}

/// Whose images go first.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Rank {
    /// `low`, `normal` or `high`.
    priority: &'static str,
}

/// Why no model ran on an image, or a request did not get so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dropped {
    /// Its key has as many requests under way as its tier allows.
    Concurrent,
    /// As many wait as may.
    Full,
    /// It waited too long.
    Deadline,
    /// Its client left.
    Left,
}

/// The same, as a label.
#[derive(Clone, Debug, Eq, EncodeLabelSet, Hash, PartialEq)]
struct Why {
    /// The word.
    reason: &'static str,
}

/// What serves.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Build {
    /// The version of this program.
    version: &'static str,
    /// The model.
    model: String,
}

/// Bounds of every histogram of seconds: 1 ms, doubled to 33 s.
const SECONDS: (f64, f64, u16) = (0.001, 2.0, 16);
/// Bounds of the pixels of images: 4,096, fourfold to 67 million.
const PIXELS: (f64, f64, u16) = (4096.0, 4.0, 8);
/// Bounds of the images of a batch: 1, doubled to 64.
const IMAGES: (f64, f64, u16) = (1.0, 2.0, 7);

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
    requests: Family<Request, Counter>,
    took: Family<To, Histogram, fn() -> Histogram>,
    stages: Family<Part, Histogram, fn() -> Histogram>,
    queued: Family<Rank, Histogram, fn() -> Histogram>,
    dropped: Family<Why, Counter>,
    ran: Histogram,
    pixels: Histogram,
    batch: Histogram,
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
    /// Registers everything; `model` is the one that is served.
    pub fn new(model: &str, watched: Vec<Watched>) -> Self {
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
        let requests = Family::default();
        registry.register(
            "requests",
            "Requests answered, by the policy's route and status",
            requests.clone(),
        );
        let took = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "request",
            "Time from a request's head to the head of its answer",
            Unit::Seconds,
            took.clone(),
        );
        let stages = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "stage",
            "Time of a part of the work on a request",
            Unit::Seconds,
            stages.clone(),
        );
        let ran = seconds();
        let (pixels, batch) = (histogram(PIXELS), histogram(IMAGES));
        registry.register(
            "image_pixels",
            "Pixels of images that passed the inspection",
            pixels.clone(),
        );
        registry.register("batch_images", "Images that the model ran on at once", batch.clone());
        let build = Build { version: env!("CARGO_PKG_VERSION"), model: model.to_owned() };
        registry.register("build", "What serves", Info::new(build));
        let queued = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "queue",
            "Time jobs waited for their turn and for the device, by priority",
            Unit::Seconds,
            queued.clone(),
        );
        let dropped = Family::<Why, Counter>::default();
        for why in Dropped::ALL {
            drop(dropped.get_or_create(&why.label()));
        }
        registry.register(
            "jobs_dropped",
            "Requests with an image that no model ran on, by reason",
            dropped.clone(),
        );
        registry.register_with_unit("inference", "Time the model ran", Unit::Seconds, ran.clone());
        registry.register_collector(Box::new(Watch(Arc::new(watched))));
        Self {
            registry,
            answers,
            images,
            extras,
            requests,
            took,
            stages,
            queued,
            dropped,
            ran,
            pixels,
            batch,
        }
    }

    /// Counts a request to a route of the policy, or to `none`.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let of = Request { route: route.to_owned(), status: status.into() };
        self.requests.get_or_create(&of).inc();
        self.took.get_or_create(&To { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// Counts a part of the work on a request.
    pub fn stage(&self, stage: &'static str, took: Duration) {
        self.stages.get_or_create(&Part { stage }).observe(took.as_secs_f64());
    }

    /// Counts an answer.
    pub fn answer(&self, by: &'static str, code: &str) {
        self.answers.get_or_create(&Answer { by, code: code.to_owned() }).inc();
    }

    /// Counts an image that passed the inspection.
    pub fn image(&self, format: Format, (width, height): (u32, u32), extras: Extras) {
        self.pixels.observe(f64::from(width) * f64::from(height));
        let format = format.media_type().trim_start_matches("image/");
        self.images.get_or_create(&Image { format }).inc();
        for extra in extras.iter() {
            self.extras.get_or_create(&Beside { extra: extra.name() }).inc();
        }
    }

    /// Counts a finished job.
    pub fn inference(&self, priority: Priority, queued: Duration, ran: Duration) {
        let rank = Rank { priority: priority.as_str() };
        self.queued.get_or_create(&rank).observe(queued.as_secs_f64());
        self.ran.observe(ran.as_secs_f64());
    }

    /// Counts a run of the model on so many images.
    pub fn batch(&self, images: usize) {
        self.batch.observe(u32::try_from(images).map_or(f64::MAX, f64::from));
    }

    /// Counts a request that no model ran on.
    pub fn dropped(&self, why: Dropped) {
        self.dropped.get_or_create(&why.label()).inc();
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

impl Dropped {
    const ALL: [Self; 4] = [Self::Concurrent, Self::Full, Self::Deadline, Self::Left];

    fn label(self) -> Why {
        let reason = match self {
            Self::Concurrent => "concurrent",
            Self::Full => "full",
            Self::Deadline => "deadline",
            Self::Left => "left",
        };
        Why { reason }
    }
}

fn seconds() -> Histogram {
    histogram(SECONDS)
}

fn histogram((first, factor, bounds): (f64, f64, u16)) -> Histogram {
    Histogram::new(exponential_buckets(first, factor, bounds))
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
        let metrics = Metrics::new("u2netp", vec![watched]);
        metrics.request("background-removal", 401, Duration::from_millis(2));
        metrics.stage("decode", Duration::from_millis(3));
        metrics.answer("gate", "invalid-key");
        metrics.answer("gate", "invalid-key");
        metrics.inference(Priority::High, Duration::from_millis(3), Duration::from_secs(1));
        metrics.dropped(Dropped::Left);
        let page = metrics.render();
        for line in [
            r#"lunette_answers_total{by="gate",code="invalid-key"} 2"#,
            r#"lunette_requests_total{route="background-removal",status="401"} 1"#,
            r#"lunette_request_seconds_bucket{le="0.002",route="background-removal"} 1"#,
            r#"lunette_stage_seconds_sum{stage="decode"} 0.003"#,
            r#"lunette_build_info{version=""#,
            r#"lunette_queue_seconds_bucket{le="0.004",priority="high"} 1"#,
            r#"lunette_jobs_dropped_total{reason="left"} 1"#,
            r#"lunette_jobs_dropped_total{reason="full"} 0"#,
            "lunette_inference_seconds_count 1",
            "lunette_inference_seconds_sum 1.0",
            "lunette_uploads_reserved 7",
            "# EOF",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
