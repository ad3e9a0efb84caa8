//! What is to be told of requests, and how many of them are only counted.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many refusals are told in a second, and at once after a quiet time.
pub(super) const REFUSALS: u64 = 100;
const AT_ONCE: u64 = 5 * REFUSALS;
/// Events that wait at most, of 8 KiB at most each.
const WAITING_MAX: usize = 1_000;
/// What a batch of the queue holds: the platform takes 100 messages and 256 KB.
const BATCH_MAX: usize = 100;
const BATCH_BYTES: usize = 200_000;
/// After how long whoever sends events is taken to be gone, in milliseconds: the platform may end a request
/// with all that it does beside.
const GONE: u64 = 15_000;

/// An event, and the code by which it would be counted.
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) text: String,
}

/// What one isolate has to tell. Its memory is bounded; nothing is left out that is not counted.
#[derive(Default)]
pub(crate) struct Tally {
    waiting: VecDeque<Told>,
    /// How many requests were not told, by code. There are as many codes as the filter has.
    counts: BTreeMap<&'static str, u64>,
    /// When the first of them was counted.
    since: u64,
    /// How many thousandths of a refusal may be told, and when that was so.
    allowance: u64,
    at: u64,
    /// When whoever sends was last seen at it.
    sending: Option<u64>,
}

/// What is told of requests that were only counted.
#[derive(Serialize)]
struct Counted<'a> {
    version: u32,
    gate: &'a str,
    since: u64,
    until: u64,
    #[serde(rename = "counted")]
    codes: &'a BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Whether one more refusal may be told.
    pub(super) fn allows(&mut self, now: u64) -> bool {
        // Thousandths of a refusal for each millisecond are refusals for each second.
        let more = now.saturating_sub(self.at).saturating_mul(REFUSALS);
        self.allowance = self.allowance.saturating_add(more).min(AT_ONCE * 1000);
        self.at = now;
        let rest = self.allowance.checked_sub(1000);
        self.allowance = rest.unwrap_or(self.allowance);
        rest.is_some()
    }

    /// Has it told, if there is room for it.
    pub(super) fn tell(&mut self, told: Told, now: u64) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(told);
        } else {
            self.count(told.code, now);
        }
    }

    /// Has it counted only.
    pub(super) fn count(&mut self, code: &'static str, now: u64) {
        if self.counts.is_empty() {
            self.since = now;
        }
        *self.counts.entry(code).or_default() += 1;
    }

    /// Whether this request is the one that sends what waits: nobody else is at it.
    pub(super) fn begin(&mut self, now: u64) -> bool {
        let free = self.sending.is_none_or(|seen| now.saturating_sub(seen) > GONE);
        if free {
            self.sending = Some(now);
        }
        free
    }

    /// The next events to send, which may be none.
    pub(super) fn batch(&mut self, now: u64) -> Vec<Told> {
        self.sending = Some(now);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_MAX
            && let Some(told) =
                self.waiting.pop_front_if(|told| bytes + told.text.len() <= BATCH_BYTES)
        {
            bytes += told.text.len();
            batch.push(told);
        }
        batch
    }

    /// What was counted so far, if anything was; it is told once.
    pub(super) fn counted(&mut self, gate: &str, now: u64) -> Option<(String, Counts)> {
        let counts = std::mem::take(&mut self.counts);
        let (since, until) = (self.since, now);
        let counted = Counted { version: 1, gate, since, until, codes: &counts };
        let text = serde_json::to_string(&counted).ok().filter(|_| !counts.is_empty())?;
        Some((text, Counts { since, counts }))
    }

    /// Whether there is anything to tell yet.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.counts.is_empty()
    }

    /// Counts what could not be sent.
    pub(super) fn lost(&mut self, events: &[Told], counts: Option<Counts>, now: u64) {
        for told in events {
            self.count(told.code, now);
        }
        if let Some(Counts { since, counts }) = counts {
            for (code, count) in counts {
                *self.counts.entry(code).or_default() += count;
            }
            self.since = since;
        }
    }

    /// Whoever sent has ended.
    pub(super) fn end(&mut self) {
        self.sending = None;
    }
}

/// Counts that are on their way.
pub(super) struct Counts {
    since: u64,
    counts: BTreeMap<&'static str, u64>,
}
