//! The rest of the body, and what the node answers.

use crate::checks::arrival::Arrival;
use crate::checks::remembered;
use crate::findings::Findings;
use crate::quota::Charge;
use crate::rejection_cache::RejectionCache;
use crate::store::Store;
use crate::{Clock, Rejection, Reply, permit};

/// Judges the rest of the body as it passes.
#[must_use]
pub struct Tail {
    arrival: Box<Arrival>,
    findings: Box<Findings>,
    charges: Vec<Charge>,
    name: Option<remembered::Name>,
}

impl Tail {
    pub(super) fn new(
        arrival: Box<Arrival>,
        findings: Box<Findings>,
        charges: Vec<Charge>,
        name: Option<remembered::Name>,
    ) -> Self {
        Self { arrival, findings, charges, name }
    }

    /// Judges the next bytes, before they are sent on.
    pub fn chunk(&mut self, chunk: &[u8]) -> Result<(), Rejection> {
        self.arrival.chunk(chunk)?;
        Ok(())
    }

    /// Counts the next bytes, on a host that does not see them; the node judges what they are.
    pub fn skip(&mut self, len: usize) -> Result<(), Rejection> {
        Ok(self.arrival.skip(len)?)
    }

    /// The body ended.
    pub fn end(&self) -> Result<(), Rejection> {
        self.arrival.end()?;
        Ok(())
    }

    /// The complete answer, if the body is refused now.
    pub fn reply(&self, rejection: &Rejection) -> Reply {
        self.findings.reply(rejection)
    }

    /// What was found out about the request, for the event.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Remembers that this body was refused with `rejection`, if it is one that would be refused again:
    /// one whose signed digest was verified first.
    pub fn remember(&self, rejection: &Rejection, cache: &mut RejectionCache, clock: Clock) {
        if let Some(name) = &self.name {
            remembered::remember(name, rejection.code(), cache, clock);
        }
    }

    /// Does what the node asks of its gate with `verdict`, the value of
    /// [`permit::VERDICT_HEADER`](crate::permit::VERDICT_HEADER) in its answer: gives back what an
    /// image cost that was refused unseen, or remembers a malformed one. To be called once.
    pub fn settle(
        self,
        verdict: &str,
        store: &impl Store,
        cache: &mut RejectionCache,
        clock: Clock,
    ) {
        if verdict == permit::VERDICT_REFUND {
            store.refund(&self.charges, clock);
        } else if let Some(name) = &self.name
            && let Some(code) = verdict.strip_prefix(permit::VERDICT_MALFORMED)
        {
            remembered::remember(name, code.trim(), cache, clock);
        }
    }
}
