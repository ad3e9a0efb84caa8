//! What the host's store says, and what follows from it.

use super::head::{Judged, Plain};
use super::prefix::{Body, NeedsPrefix};
use super::{Inspection, Step};
use crate::Rejection;
use crate::checks::credential::Claimed;
use crate::checks::{admission, backoff, image};
use crate::findings::Findings;
use crate::store::{Answer, Lookup};

/// Waiting for the host's memory.
#[must_use]
pub struct NeedsAnswer {
    inspection: Inspection,
    lookup: Lookup,
    then: Then,
}

/// What an answer decides.
pub(super) enum Then {
    /// Whether a costly verification must be taken from the ration.
    Ration(Box<(Plain, Claimed)>),
    /// Whether it may begin.
    Settle(Box<(Plain, Claimed)>),
    /// Whether the request goes on to its body.
    Admit(Box<Judged>),
    /// Whether the image may be paid for.
    Pay(Box<Body>, image::Within),
    /// Whether a signature that verified only with the body was never used.
    Record(Box<Body>),
    /// How a failure is answered.
    Refuse(Box<Rejection>),
}

impl NeedsAnswer {
    pub(super) fn new(inspection: Inspection, lookup: Lookup, then: Then) -> Self {
        Self { inspection, lookup, then }
    }

    /// What was found out so far.
    pub fn findings(&self) -> &Findings {
        &self.inspection.findings
    }

    /// The same state once more, if it is whether a request goes on to its body that is asked.
    pub(super) fn at_the_body(&self) -> Option<Self> {
        let Then::Admit(judged) = &self.then else { return None };
        let then = Then::Admit(judged.clone());
        Some(Self { inspection: self.inspection.clone(), lookup: self.lookup.clone(), then })
    }

    /// What the host must find out.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Goes on with what the host found out.
    pub fn answer(self, answer: Answer) -> Step {
        let Self { mut inspection, lookup, then } = self;
        match then {
            Then::Ration(waiting) => {
                let ration = backoff::ration(&inspection.filter.policy.failures, &waiting.0.client);
                match ration.filter(|_| backoff::is_failing(&answer)) {
                    Some(lookup) => inspection.ask(lookup, Then::Settle(waiting)),
                    None => inspection.settle(waiting.0, waiting.1, None),
                }
            }
            Then::Settle(waiting) => match backoff::check_ration(&answer) {
                Ok(()) => inspection.settle(waiting.0, waiting.1, None),
                Err(error) => inspection.refuse(error.into()),
            },
            Then::Admit(judged) => {
                // A quota that is used up refuses before the nonce is.
                let admitted = admission::check(answer, false);
                match inspection.findings.saw("admission", admitted) {
                    Ok(admitted) => inspection.admitted(*judged, admitted),
                    Err(error) if inspection.passes_over(&error, &lookup, &judged.1) => {
                        inspection.findings.passed_over(error.into());
                        inspection.admitted(*judged, admission::Admitted::default())
                    }
                    Err(error) if inspection.reports_quota(&error, &judged.0.route, &judged.1) => {
                        inspection.findings.report(error.into());
                        match lookup.nonce_alone() {
                            // Replay is never only reported.
                            Some(lookup) => inspection.ask(lookup, Then::Admit(judged)),
                            None => inspection.admitted(*judged, admission::Admitted::default()),
                        }
                    }
                    Err(error) => inspection.refuse(error.into()),
                }
            }
            Then::Pay(body, within) => {
                let paid = admission::check(answer, body.evidence.has_nonce());
                match inspection.findings.saw("price", paid) {
                    Ok(paid) => {
                        let (Lookup::Take { charges } | Lookup::Admit { charges, .. }) = lookup;
                        NeedsPrefix::new(inspection, body).paid(within, charges, paid)
                    }
                    Err(error) if inspection.passes_over(&error, &lookup, &body.evidence.who) => {
                        inspection.findings.passed_over(error.into());
                        let unpaid = admission::Admitted::default();
                        NeedsPrefix::new(inspection, body).paid(within, vec![], unpaid)
                    }
                    Err(error)
                        if inspection.reports_quota(&error, &body.route, &body.evidence.who) =>
                    {
                        inspection.findings.report(error.into());
                        let unpaid = admission::Admitted::default();
                        NeedsPrefix::new(inspection, body).paid(within, vec![], unpaid)
                    }
                    Err(error) => inspection.refuse(error.into()),
                }
            }
            Then::Record(body) => {
                let recorded = admission::check(answer, true);
                match inspection.findings.saw("admission", recorded) {
                    Ok(_) => NeedsPrefix::new(inspection, body).go_on(),
                    Err(error) => inspection.refuse(error.into()),
                }
            }
            Then::Refuse(rejection) => match backoff::after_failure(&answer) {
                Ok(()) => inspection.refuse(*rejection),
                Err(error) => inspection.refuse(error.into()),
            },
        }
    }
}
