//! The beginning of the body: the image header, what it costs, and when the request goes on.

use std::sync::Arc;

use super::answer::Then;
use super::{Inspection, Step, Tail};
use crate::address::Client;
use crate::checks::arrival::{self, Arrival, Complete};
use crate::checks::content::Content;
use crate::checks::image;
use crate::checks::{admission, length};
use crate::findings::{Findings, Refused};
use crate::policy::BodyRule;
use crate::quota::Charge;
use crate::signature::BodyMac;
use crate::store::{FirstUse, Lookup};
use crate::verdict::{AnswerFields, HeadEvidence, Paid, Permit, Release};
use crate::{ImageHeader, Rejection, Route};

/// Waiting for the beginning of the body, up to the end of the image header; on a route that holds
/// bodies back, for all of it.
#[must_use]
pub struct NeedsPrefix {
    inspection: Inspection,
    body: Box<Body>,
}

/// A body, and what its head promised of it.
pub(super) struct Body {
    pub(super) evidence: HeadEvidence,
    pub(super) route: Arc<Route>,
    client: Client,
    /// The image header, once it was judged and paid for.
    paid: Option<(Paid, Vec<Charge>)>,
    arrival: Arrival,
    /// What the bytes so far amount to. A fault of the whole body is told only once the image
    /// header was judged and paid for, so that where the body is cut makes no difference.
    arrived: Result<Option<Complete>, arrival::Error>,
    hold: bool,
    /// The nonce of a signature that verifies only with the body, until it is recorded.
    unrecorded: Option<FirstUse>,
}

impl NeedsPrefix {
    /// Waits for the body of a head that was judged, with a MAC of the body itself if its signature
    /// is one; where there is no body, the request goes on at once.
    pub(super) fn after(
        inspection: Inspection,
        evidence: HeadEvidence,
        route: Arc<Route>,
        client: Client,
        length: length::Budget,
        mac: Option<BodyMac>,
    ) -> Step {
        let header_bytes = inspection.filter.policy.header_bytes;
        let nothing = evidence.media.no_body();
        let content = nothing.is_none().then(|| Content::new(&route, evidence.media, header_bytes));
        let digest = evidence.who.signed.as_ref().and_then(|signed| signed.digest);
        let hold = route.body == BodyRule::Hold || mac.is_some();
        let policy = &inspection.filter.policy;
        let unrecorded = mac.as_ref().and_then(|_| admission::first_use_by(policy, &evidence.who));
        let body = Body {
            evidence,
            route,
            client,
            paid: nothing.map(|nothing| (Paid::Nothing(nothing), Vec::new())),
            arrival: Arrival::new(length, content, digest, mac),
            arrived: Ok(None),
            hold,
            unrecorded,
        };
        let mut waiting = Self::new(inspection, Box::new(body));
        if nothing.is_none() {
            return Step::NeedsPrefix(waiting);
        }
        // What is signed of a body that is not there is judged now: there is nothing to wait for.
        waiting.body.arrived = waiting.body.arrival.chunk(&[]);
        waiting.go_on()
    }

    pub(super) fn new(inspection: Inspection, body: Box<Body>) -> Self {
        Self { inspection, body }
    }

    /// What was found out so far.
    pub fn findings(&self) -> &Findings {
        &self.inspection.findings
    }

    /// Inspects the next piece of the body. Where it is cut makes no difference.
    pub fn chunk(mut self, chunk: &[u8]) -> Step {
        let Body { paid, arrival, arrived, .. } = &mut *self.body;
        if arrived.is_ok() {
            *arrived = arrival.chunk(chunk);
        }
        match (arrival.header(), &*arrived) {
            (Some(header), _) if paid.is_none() => self.judged(header),
            (None, Err(arrival::Error::Content(error))) => {
                let error = error.clone();
                let _: Result<(), _> = self.inspection.findings.saw("image", Err(&error));
                self.inspection.refuse(error.into())
            }
            _ => self.go_on(),
        }
    }

    /// The body ended before it was released.
    pub fn end(self) -> Refused {
        let Self { mut inspection, body } = self;
        let rejection: Rejection = match (body.arrived, body.arrival.end()) {
            (Err(error), _) | (Ok(_), Err(error)) => error.into(),
            // A whole body has been released, or refused.
            (Ok(_), Ok(_)) => arrival::Error::AfterEnd.into(),
        };
        let _: Result<(), _> = inspection.findings.saw("body", Err(&rejection));
        inspection.findings.refused(rejection)
    }

    /// The image header is known: is it within limits, and what does it cost?
    fn judged(self, header: ImageHeader) -> Step {
        let Self { mut inspection, body } = self;
        let within = image::within(header, &body.route.image);
        let within = match inspection.findings.saw("image", within) {
            Ok(within) => within,
            Err(error) => return inspection.refuse(error.into()),
        };
        let pixels = within.cost_pixels().saturating_mul(body.route.weight.into());
        inspection.findings.image(header, pixels);
        let (policy, who) = (&inspection.filter.policy, &body.evidence.who);
        let free = match admission::price(policy, who, &body.client, pixels) {
            Ok(charges) if charges.is_empty() => Ok(admission::Admitted::default()),
            Ok(charges) => {
                return inspection.ask(Lookup::Take { charges }, Then::Pay(body, within));
            }
            Err(error) => Err(error),
        };
        match inspection.findings.saw("price", free) {
            Ok(paid) => Self { inspection, body }.paid(within, vec![], paid),
            Err(error) => inspection.refuse(error.into()),
        }
    }

    pub(super) fn paid(
        mut self,
        within: image::Within,
        charges: Vec<Charge>,
        paid: admission::Admitted,
    ) -> Step {
        self.inspection.findings.admitted(&paid);
        self.body.evidence.admitted.extend(paid);
        self.body.paid = Some((Paid::Image(within), charges));
        self.go_on()
    }

    /// Releases the request once everything that it waits for is there.
    pub(super) fn go_on(self) -> Step {
        let Self { mut inspection, mut body } = self;
        match (&body.arrived, &body.paid) {
            (Err(error), _) => {
                let error = error.clone();
                let _: Result<(), _> = inspection.findings.saw("body", Err(&error));
                // What is signed was judged by its digest first.
                let known = matches!(error, arrival::Error::Content(_));
                let name = known.then(|| {
                    body.evidence.who.remembered_name(&body.route, inspection.filter.epoch)
                });
                let refused = inspection.findings.refused(error.into());
                return Step::Reject(refused.of_body(name.flatten()));
            }
            (Ok(None), _) if body.hold => {}
            (Ok(_), None) => {}
            (Ok(_), Some(_)) if body.unrecorded.is_some() => {
                let lookup = Lookup::Admit { nonce: body.unrecorded.take(), charges: Vec::new() };
                return inspection.ask(lookup, Then::Record(body));
            }
            (Ok(_), Some((paid, charges))) => {
                let (paid, charges) = (*paid, charges.clone());
                return Step::Release(inspection.release(*body, paid, charges));
            }
        }
        Step::NeedsPrefix(Self { inspection, body })
    }
}

impl Inspection {
    fn release(self, body: Body, paid: Paid, charges: Vec<Charge>) -> Release {
        let Body { evidence, arrival, route, .. } = body;
        let name = evidence.who.remembered_name(&route, self.filter.epoch);
        let policy = &self.filter.policy;
        let permit = Permit::new(&evidence, paid, &arrival, policy, &self.findings);
        let (quotas, sharing) = (evidence.admitted.fields(), self.findings.sharing().fields());
        let fields = AnswerFields { quotas, sharing };
        let findings = self.findings;
        Release { permit, fields, tail: Tail::new(Box::new(arrival), findings, charges, name) }
    }
}
