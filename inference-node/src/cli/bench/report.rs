//! The result, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::super::output;
use super::Bench;
use super::tally::{Tally, millis};

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    url: String,
    r#loop: &'static str,
    /// Requests a second that were wished for, in an open loop.
    rate: Option<f64>,
    clients: Option<u16>,
    /// From the first request to the last answer.
    seconds: f64,
    sent: u64,
    /// Due while every connection was busy; no latency has them.
    not_sent: u64,
    sent_per_second: f64,
    /// Answers with a status below 400, a second.
    good_per_second: f64,
    statuses: BTreeMap<u16, u64>,
    /// Refusals, by the code of their problem.
    codes: BTreeMap<String, u64>,
    /// Requests without an answer.
    failed: BTreeMap<&'static str, u64>,
    /// Whether answers were checked, and how many were wrong.
    verified: bool,
    pub(super) wrong: u64,
    wrong_examples: Vec<String>,
    sent_bytes: u64,
    received_bytes: u64,
    /// Of answers with a status below 400.
    good_ms: Latency,
    /// Of the others.
    refused_ms: Latency,
    /// What this program itself took of the processors.
    generator_cpu_seconds: f64,
}

/// Milliseconds, from when a request was due.
#[derive(Serialize)]
struct Latency {
    count: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            mean: histogram.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: millis(histogram.max()),
        }
    }
}

impl Report {
    pub(super) fn new(asked: &Bench, tally: &Tally, lasted: Duration, busy: Duration) -> Self {
        let seconds = lasted.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
        let per_second = |count: u64| count as f64 / seconds;
        Self {
            url: asked.url.clone(),
            r#loop: if asked.rate.is_some() { "open" } else { "closed" },
            rate: asked.rate,
            clients: asked.clients.map(u16::from),
            seconds,
            sent: tally.sent,
            not_sent: tally.not_sent,
            sent_per_second: per_second(tally.sent),
            good_per_second: per_second(tally.good.len()),
            statuses: tally.statuses.clone(),
            codes: tally.codes.clone(),
            failed: tally.failed.iter().map(|(why, count)| (why.as_str(), *count)).collect(),
            verified: asked.verify,
            wrong: tally.wrong,
            wrong_examples: tally.wrong_examples.clone(),
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            good_ms: Latency::from(&tally.good),
            refused_ms: Latency::from(&tally.refused),
            generator_cpu_seconds: busy.as_secs_f64(),
        }
    }

    pub(super) fn print(&self) -> std::io::Result<()> {
        let sent =
            format!("{} in {:.1} s, {:.2} a second", self.sent, self.seconds, self.sent_per_second);
        let mut fields = vec![("sent", sent)];
        if self.rate.is_some() {
            fields.push(("not sent", format!("{}, with every connection busy", self.not_sent)));
        }
        fields.push(("answered well", format!("{:.2} a second", self.good_per_second)));
        if self.verified {
            fields.push(("wrong", self.wrong.to_string()));
            fields.extend(self.wrong_examples.iter().map(|example| ("", example.clone())));
        }
        fields
            .push(("bytes", format!("{} sent, {} received", self.sent_bytes, self.received_bytes)));
        fields.push(("own CPU", format!("{:.2} s", self.generator_cpu_seconds)));
        output::fields(fields)?;
        output::line("")?;
        let statuses =
            self.statuses.iter().map(|(status, count)| [status.to_string(), count.to_string()]);
        let codes = self.codes.iter().map(|(code, count)| [format!("  {code}"), count.to_string()]);
        let failed = self.failed.iter().map(|(why, count)| [(*why).to_owned(), count.to_string()]);
        output::table(["ANSWER", "COUNT"], statuses.chain(codes).chain(failed))?;
        output::line("")?;
        let latencies = [("below 400", &self.good_ms), ("refused", &self.refused_ms)];
        let rows =
            latencies.into_iter().filter(|(_, latency)| latency.count > 0).map(|(name, it)| {
                let [p50, p90, p99, p999, max] =
                    [it.p50, it.p90, it.p99, it.p999, it.max].map(|value| format!("{value:.2}"));
                [name.to_owned(), p50, p90, p99, p999, max]
            });
        output::table(["MILLISECONDS", "p50", "p90", "p99", "p99.9", "MAX"], rows)
    }
}
