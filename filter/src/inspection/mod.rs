//! The order of the checks, and nothing else.
//!
//! Each state is a struct that holds only what its successors need, and each transition consumes its
//! state. Every transition of the crate is in this folder: [`NeedsHead`] runs the checks of the head
//! in `head.rs`, [`NeedsAnswer`] goes on with what the host's store says in `answer.rs`,
//! [`NeedsPrefix`] judges the beginning of the body in `prefix.rs`, and [`Tail`] its rest in
//! `tail.rs`. [`Deferred`] is for hosts whose store is far away: it asks once where the others ask
//! twice.

mod answer;
mod deferred;
mod head;
mod prefix;
mod tail;

use std::sync::Arc;

use crate::checks::admission;
use crate::checks::credential::{Authenticated, By};
use crate::findings::{Findings, Refused};
use crate::gate::GateIdentity;
use crate::permit::{Credential, PermitId};
use crate::policy::{Mode, OnStoreFailure};
use crate::store::{Lookup, Store};
use crate::verdict::Release;
use crate::{Clock, Policy, Rejection, Route};

pub use answer::NeedsAnswer;
pub use deferred::{Asking, Deferred, Next};
pub use head::NeedsHead;
pub use prefix::NeedsPrefix;
pub use tail::Tail;

use answer::Then;
use head::Plain;

/// A policy and a gate's identity, ready to inspect requests. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    policy: Arc<Policy>,
    gate: Arc<GateIdentity>,
    epoch: u64,
}

impl Filter {
    /// A filter that judges by `policy`, which was published as `epoch`.
    pub fn new(policy: Policy, gate: impl Into<Arc<GateIdentity>>, epoch: u64) -> Self {
        Self { policy: Arc::new(policy), gate: gate.into(), epoch }
    }

    /// The gate this filter judges for.
    pub fn gate(&self) -> &Arc<GateIdentity> {
        &self.gate
    }

    /// The policy this filter judges by.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Starts inspecting one request at the host's time. The 16 random bytes `seed` become the
    /// permit's id and the request id.
    pub fn begin(&self, clock: Clock, seed: [u8; 16]) -> NeedsHead {
        let findings =
            Findings::new(PermitId(seed), clock.unix, Arc::clone(&self.gate), self.epoch);
        NeedsHead::new(Inspection { filter: self.clone(), clock, findings: Box::new(findings) })
    }
}

/// What the host must do next.
#[must_use]
pub enum Step {
    /// Resolve [`NeedsAnswer::lookup`], then call [`NeedsAnswer::answer`]; or let [`drive`] do it.
    NeedsAnswer(NeedsAnswer),
    /// Show the next bytes of the body with [`NeedsPrefix::chunk`], and hold them back.
    NeedsPrefix(NeedsPrefix),
    /// Send the head on with the permit, then what was held, then the rest through [`Tail`].
    Release(Release),
    /// Answer the request here.
    Reject(Refused),
}

/// Answers lookups until the filter needs something else, for hosts that need not wait.
pub fn drive(mut step: Step, store: &impl Store, clock: Clock) -> Step {
    while let Step::NeedsAnswer(waiting) = step {
        let answer = store.resolve(waiting.lookup(), clock);
        step = waiting.answer(answer);
    }
    step
}

/// What every state carries.
#[derive(Clone)]
struct Inspection {
    filter: Filter,
    clock: Clock,
    findings: Box<Findings>,
}

impl Inspection {
    fn by<'a>(&'a self, plain: &'a Plain) -> By<'a> {
        let Filter { policy, gate, .. } = &self.filter;
        By { policy, route: &plain.route, gate, now: self.clock.unix }
    }

    /// Whether failures of the kinds that may be reported are, here and now.
    fn reports(&self, route: &Route) -> bool {
        self.filter.policy.mode(route, self.clock.unix) == Mode::Report
    }

    /// Whether a quota that is used up is only reported. Those whom nobody vouches for have one that
    /// is not.
    fn reports_quota(&self, error: &admission::Error, route: &Route, who: &Authenticated) -> bool {
        error.is_a_quota() && who.is_verified() && self.reports(route)
    }

    /// Whether a store that fails is passed over: by the policy's leave, and only where it was asked
    /// about quotas and nothing else, of somebody who is known.
    fn passes_over(&self, error: &admission::Error, lookup: &Lookup, who: &Authenticated) -> bool {
        let by_leave = self.filter.policy.on_store_failure == OnStoreFailure::Allow;
        by_leave
            && error.is_of_the_store()
            && !lookup.has_nonce()
            && who.credential != Credential::Unverified
    }

    fn ask(self, lookup: Lookup, then: Then) -> Step {
        Step::NeedsAnswer(NeedsAnswer::new(self, lookup, then))
    }

    fn refuse(self, rejection: Rejection) -> Step {
        Step::Reject(self.findings.refused(rejection))
    }
}

/// Hosts move inspections between threads and hold them across `.await`.
const _: fn() = || {
    fn send<T: Send>() {}
    send::<Filter>();
    send::<Step>();
};
