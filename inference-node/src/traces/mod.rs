//! Traces: a span for each request, and one below it for each stage of its work, over OTLP.
//!
//! They are sent as protobuf over HTTP, with or without TLS. Nothing waits for the collector: what does not
//! fit in the queue, and what it does not take, is dropped and counted.

pub mod context;
mod export;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::context::Context;
use crate::clock;
use crate::config::Otlp;
use crate::tls::TlsError;

/// Requests that may wait to be sent.
const QUEUE: usize = 2048;

/// Takes what happened. Cheap to clone.
#[derive(Clone)]
pub struct Tracer {
    queue: mpsc::Sender<Happened>,
    counts: Arc<Counts>,
    /// Trace ids below this one are recorded, where no caller has decided.
    recorded_below: u64,
}

/// How many requests were sent, and how many were not.
#[derive(Default)]
pub struct Counts {
    /// The collector has them.
    pub sent: AtomicU64,
    /// The queue was full, or the collector did not take them.
    pub dropped: AtomicU64,
}

/// One request.
pub struct Happened {
    /// Where it belongs.
    pub context: Context,
    /// The method.
    pub method: String,
    /// The name of the route.
    pub route: String,
    /// The answer's status.
    pub status: u16,
    /// Who answered.
    pub by: &'static str,
    /// The public code.
    pub code: String,
    /// The request's id.
    pub request_id: String,
    /// When it came.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The stages: name, how long after the request they began, and how long they took.
    pub stages: Vec<(&'static str, Duration, Duration)>,
}

impl Tracer {
    /// Starts to send to a collector, until `stop` and what is queued then.
    pub fn start(
        otlp: &Otlp,
        instance: &str,
        stop: watch::Receiver<bool>,
    ) -> Result<(Self, JoinHandle<()>), TlsError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let exporter = export::Exporter::new(otlp, instance, Arc::clone(&counts))?;
        let task = tokio::spawn(exporter.run(waiting, stop));
        Ok((Self { queue, counts, recorded_below: otlp.sample.part_of(u64::MAX) }, task))
    }

    /// Where a request belongs, by its `traceparent` or its own id; `None` if it is not recorded.
    pub fn context(&self, traceparent: Option<&str>, request_id: &str) -> Option<Context> {
        if let Some(context) = traceparent.and_then(Context::parse) {
            return context.sampled.then_some(context);
        }
        let trace = context::id(request_id).unwrap_or_else(|| clock::random_id().0);
        let drawn = trace.last_chunk().map_or(0, |half| u64::from_be_bytes(*half));
        (drawn <= self.recorded_below).then_some(Context { trace, parent: None, sampled: true })
    }

    /// Hands a request over, without waiting.
    pub fn record(&self, happened: Happened) {
        if self.queue.try_send(happened).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were sent and dropped.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}
