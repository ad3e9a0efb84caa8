//! What became of all requests, counted while they come.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::answer::{Answer, Failure};

/// The longest latency that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;
/// How many kinds of refusal are told apart, and how many wrong answers are shown.
const KINDS: usize = 64;
const EXAMPLES: usize = 5;

/// What the loops tell.
pub(super) enum Event {
    /// No client was free when a request was due.
    NotSent,
    /// A request is over.
    Outcome(Outcome),
}

/// What became of one request.
pub(super) struct Outcome {
    took: Duration,
    sent: u64,
    pub(super) end: End,
    /// What is wrong with the answer.
    pub(super) wrong: Option<String>,
}

/// How a request ended.
pub(super) enum End {
    /// With an answer of so many bytes.
    Answered { status: u16, code: Option<String>, received: u64 },
    /// Without one.
    Failed(Failure),
}

impl Outcome {
    pub(super) fn failed(took: Duration, sent: u64, failure: Failure) -> Self {
        Self { took, sent, end: End::Failed(failure), wrong: None }
    }

    pub(super) fn answered(took: Duration, sent: u64, answer: &Answer) -> Self {
        let (status, received) = (answer.status, answer.body.len() as u64);
        let code = if status < 400 { None } else { answer.code() };
        Self { took, sent, end: End::Answered { status, code, received }, wrong: None }
    }
}

/// The sums.
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) not_sent: u64,
    pub(super) failed: BTreeMap<Failure, u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Refusals, by the code of their problem.
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) wrong: u64,
    pub(super) wrong_examples: Vec<String>,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    /// Microseconds of answers with a status below 400, and of the others.
    pub(super) good: Histogram<u64>,
    pub(super) refused: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that are sound");
        Self {
            sent: 0,
            not_sent: 0,
            failed: BTreeMap::new(),
            statuses: BTreeMap::new(),
            codes: BTreeMap::new(),
            wrong: 0,
            wrong_examples: Vec::new(),
            sent_bytes: 0,
            received_bytes: 0,
            good: histogram(),
            refused: histogram(),
        }
    }
}

impl Tally {
    /// Counts until nobody tells any more; says each second on a terminal how far it is.
    pub(super) async fn collect(mut events: Receiver<Event>, start: Instant, shown: bool) -> Self {
        let mut tally = Self::default();
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => tally.count(event),
                    None => break,
                },
                _ = ticks.tick(), if shown => tally.show(start.elapsed()),
            }
        }
        if shown {
            // Progress that nobody can read is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        tally
    }

    pub(super) fn count(&mut self, event: Event) {
        let Event::Outcome(outcome) = event else {
            self.not_sent += 1;
            return;
        };
        self.sent += 1;
        self.sent_bytes += outcome.sent;
        if let Some(wrong) = outcome.wrong {
            self.wrong += 1;
            if self.wrong_examples.len() < EXAMPLES {
                self.wrong_examples.push(wrong);
            }
        }
        match outcome.end {
            End::Failed(failure) => *self.failed.entry(failure).or_default() += 1,
            End::Answered { status, code, received } => {
                self.received_bytes += received;
                *self.statuses.entry(status).or_default() += 1;
                let micros = u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX);
                if status < 400 {
                    self.good.saturating_record(micros.max(1));
                } else {
                    self.refused.saturating_record(micros.max(1));
                    let code = code.unwrap_or_else(|| "no-code".to_owned());
                    if self.codes.len() < KINDS || self.codes.contains_key(&code) {
                        *self.codes.entry(code).or_default() += 1;
                    }
                }
            }
        }
    }

    fn show(&self, elapsed: Duration) {
        let failed: u64 = self.failed.values().sum();
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{:>4} s  {} sent  {} good  {} refused  {failed} failed  {} not sent  p50 {:.0} ms  p99 {:.0} ms",
            elapsed.as_secs(),
            self.sent,
            self.good.len(),
            self.refused.len(),
            self.not_sent,
            millis(self.good.value_at_quantile(0.5)),
            millis(self.good.value_at_quantile(0.99)),
        );
    }
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e3
}
