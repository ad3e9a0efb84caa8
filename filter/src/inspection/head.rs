//! The checks that need only the head, the cheapest first.

use std::sync::Arc;

use super::answer::Then;
use super::prefix::NeedsPrefix;
use super::{Inspection, Step};
use crate::address::{self, Client};
use crate::checks::credential::{self, Authenticated, Claimed};
use crate::checks::{
    admission, backoff, client, encoding, framing, length, media_type, permission, query,
    remembered, route, target,
};
use crate::cors;
use crate::key::KeyRing;
use crate::rejection_cache::{Entry, Hit, RejectionCache};
use crate::verdict::HeadEvidence;
use crate::{Rejection, RequestHead, Route};

/// Waiting for the request head.
#[must_use]
pub struct NeedsHead(Inspection);

impl NeedsHead {
    pub(super) fn new(inspection: Inspection) -> Self {
        Self(inspection)
    }

    /// Also records the outcome of each check, for [`trace`](crate::Findings::trace).
    pub fn traced(mut self) -> Self {
        self.0.findings.begin_trace();
        self
    }

    /// Runs every check that needs only the head.
    pub fn head(
        self,
        head: &RequestHead<'_>,
        keys: &impl KeyRing,
        cache: &mut RejectionCache,
    ) -> Step {
        let mut inspection = self.0;
        inspection.findings.describe(head, &inspection.filter.policy);
        // Free: the bytes are here already.
        match inspection.plain(head) {
            Ok(plain) if plain.route.anonymous => {
                inspection.authenticated(plain, Authenticated::anonymous())
            }
            Ok(plain) => inspection.credential(plain, head, keys, cache),
            Err(rejection) => inspection.refuse(rejection),
        }
    }
}

/// What costs nothing to know about a head.
#[derive(Clone)]
pub(super) struct Plain {
    pub(super) route: Arc<Route>,
    pub(super) client: Client,
    framed: framing::Framed,
    parameters: query::Parameters,
    identity: encoding::Plain,
    media: media_type::Declared,
    length: length::Budget,
    admitted: client::Admitted,
}

/// What the head is known to be once nothing but the store can object.
pub(super) type Judged = (Plain, Authenticated, permission::Authorised);

impl Inspection {
    fn plain(&mut self, head: &RequestHead<'_>) -> Result<Plain, Rejection> {
        let (policy, findings) = (&self.filter.policy, &mut self.findings);
        let framed = findings.saw("framing", framing::check(head))?;
        let target = findings.saw("path", target::check(head.target))?;
        if let Some(preflight) = cors::preflight(policy, head, target.path(), findings.sharing()) {
            return Err(preflight.into());
        }
        let route = findings.saw("route", route::check(policy, head.method, target))?;
        findings.route(route);
        let client = address::client(head.peer, head.headers, &policy.trusted_proxies);
        findings.client(client);
        let admitted = findings.saw("client", client::check(route, client.address))?;
        let parameters = findings.saw("query", query::check(route, target.query()))?;
        let identity = findings.saw("content-encoding", encoding::check(head.headers))?;
        let media = findings.saw("media-type", media_type::check(route, head.headers))?;
        let length = findings.saw("length", length::declared(route, media, framed))?;
        findings.length(length.declared());
        let route = Arc::clone(route);
        Ok(Plain { route, client, framed, parameters, identity, media, length, admitted })
    }

    /// Costs a look-up and a few hashes, or a verification with a public key.
    fn credential(
        mut self,
        plain: Plain,
        head: &RequestHead<'_>,
        keys: &impl KeyRing,
        cache: &mut RejectionCache,
    ) -> Step {
        let policy = Arc::clone(&self.filter.policy);
        let rule = plain.route.signature;
        let presented = match credential::presented(head, rule, policy.schemes) {
            Ok(presented) => presented,
            Err(error) => return self.failed(plain, error),
        };
        self.findings.presented(&presented);
        let entry = credential::bearer_value(head, &presented).map(|credential| Entry {
            credential,
            route: &plain.route.name,
            digest: None,
            decoder: 0,
            epoch: self.filter.epoch,
        });
        let remembered = entry.as_ref().and_then(|entry| cache.find(entry, self.clock));
        if let Some(Hit::Reject(refused)) = remembered {
            self.findings.cached();
            return self.failed(plain, refused.into());
        }
        match credential::claim(presented, head, keys, self.by(&plain)) {
            Ok(claimed) => {
                if let (Some(Hit::Verify(_)), Some(entry)) = (remembered, &entry) {
                    cache.verified_wrong(entry);
                }
                self.claimed(plain, claimed, cache)
            }
            Err(error) => {
                if let (Some(refused), Some(entry)) = (error.deterministic(), &entry) {
                    cache.insert(entry, refused, plain.client.address, self.clock);
                }
                self.failed(plain, error)
            }
        }
    }

    fn claimed(self, plain: Plain, claimed: Claimed, cache: &mut RejectionCache) -> Step {
        let failures = &self.filter.policy.failures;
        match backoff::standing(failures, &plain.client).filter(|_| claimed.is_costly()) {
            Some(lookup) => self.ask(lookup, Then::Ration(Box::new((plain, claimed)))),
            None => self.settle(plain, claimed, Some(cache)),
        }
    }

    /// `cache` is not at hand where the host was asked before: the node then refuses a body again.
    pub(super) fn settle(
        mut self,
        plain: Plain,
        claimed: Claimed,
        cache: Option<&mut RejectionCache>,
    ) -> Step {
        let who = match claimed.settle(self.by(&plain)) {
            Ok(who) => who,
            Err(error) => return self.failed(plain, error),
        };
        let name = who.remembered_name(&plain.route, self.filter.epoch);
        let known =
            cache.zip(name).map(|(cache, name)| remembered::check(&name, cache, self.clock));
        self.findings.authenticated(&who);
        match known {
            Some(Err(error)) => {
                self.findings.cached();
                self.refuse(error.into())
            }
            Some(Ok(())) | None => self.authenticated(plain, who),
        }
    }

    /// A credential failed: it is reported, or counted against its network, or just refused.
    fn failed(mut self, plain: Plain, error: credential::Error) -> Step {
        let reports = error.is_of_the_client() && self.reports(&plain.route);
        let guess = error.is_a_guess();
        let _: Result<Authenticated, _> = self.findings.saw("credential", Err(&error));
        if reports {
            self.findings.report(error.into());
            let nobody = Authenticated::unverified(&plain.route.scopes);
            return self.authenticated(plain, nobody);
        }
        let failures = &self.filter.policy.failures;
        match backoff::failure(failures, &plain.client).filter(|_| guess) {
            Some(lookup) => self.ask(lookup, Then::Refuse(Box::new(error.into()))),
            None => self.refuse(error.into()),
        }
    }

    fn authenticated(mut self, plain: Plain, who: Authenticated) -> Step {
        if who.is_verified() {
            let _: Result<_, &str> = self.findings.saw("credential", Ok(()));
        }
        let permitted = permission::check(&plain.route, &who, plain.client.address);
        let authorised = match self.findings.saw("permission", permitted) {
            Ok(authorised) => authorised,
            Err(error) if self.reports(&plain.route) => {
                self.findings.report(error.into());
                permission::Authorised::reported()
            }
            Err(error) => return self.refuse(error.into()),
        };
        let question = admission::question(&self.filter.policy, &who, &plain.client);
        let judged = Box::new((plain, who, authorised));
        let unasked = match question {
            // Costs the store a write, so only for requests that are otherwise good.
            Ok(Some(lookup)) => return self.ask(lookup, Then::Admit(judged)),
            Ok(None) => Ok(admission::Admitted::default()),
            Err(error) => Err(error),
        };
        match self.findings.saw("admission", unasked) {
            Ok(admitted) => self.admitted(*judged, admitted),
            Err(error) => self.refuse(error.into()),
        }
    }

    pub(super) fn admitted(mut self, judged: Judged, admitted: admission::Admitted) -> Step {
        let (plain, mut who, authorised) = judged;
        self.findings.admitted(&admitted);
        let mac = who.take_body_mac();
        let Plain { route, client, framed, parameters, identity, media, length, admitted: from } =
            plain;
        let evidence =
            HeadEvidence { framed, parameters, identity, media, from, who, authorised, admitted };
        NeedsPrefix::after(self, evidence, route, client, length, mac)
    }
}
