//! What an inspection has found out so far: for the permit, the event, and whoever asks why.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::address::Client;
use crate::checks::admission::Admitted;
use crate::checks::credential::{Authenticated, Presented};
use crate::checks::remembered;
use crate::cors::Sharing;
use crate::event::{self, Event};
use crate::gate::GateIdentity;
use crate::permit::{Credential, PermitId};
use crate::policy::{Dialect, Mode};
use crate::quota::Remaining;
use crate::signature::{Scheme, Weaker};
use crate::{
    Clock, ImageHeader, Policy, Rejection, RejectionCache, Reply, RequestHead, Route, UnixMillis,
};

/// Every check whose outcome a trace tells, in the order in which they are made.
pub const CHECKS: [&str; 14] = [
    "framing",
    "path",
    "route",
    "client",
    "query",
    "content-encoding",
    "media-type",
    "length",
    "credential",
    "permission",
    "admission",
    "image",
    "price",
    "body",
];

/// What one inspection has found out. It holds no secret and no header value but `Content-Type`.
#[derive(Clone)]
pub struct Findings {
    pub(crate) id: PermitId,
    pub(crate) now: UnixMillis,
    pub(crate) gate: Arc<GateIdentity>,
    pub(crate) epoch: u64,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) content_type: String,
    pub(crate) client: Option<Client>,
    sharing: Sharing,
    route: Option<Arc<Route>>,
    presented: Presentation,
    claimed: Option<String>,
    verified: Option<Identity>,
    reported: Vec<Rejection>,
    passed_over: Vec<Rejection>,
    image: Option<event::Image>,
    content_length: Option<u64>,
    quotas: Vec<Remaining>,
    weaker: Weaker,
    nonce: Option<[u8; 32]>,
    cached: bool,
    trace: Option<Vec<Checked>>,
}

/// What kind of credential a request presents.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Presentation {
    None,
    Key,
    Imported,
    Signature(Scheme),
    KeyAndSignature(Scheme),
    Token,
}

/// Whom a credential proved a request to be from.
#[derive(Clone)]
struct Identity {
    key: Option<String>,
    issuer: Option<String>,
    token: Option<String>,
    principal: String,
    tier: String,
}

/// One check, and what came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// The check, one of [`CHECKS`].
    pub check: &'static str,
    /// What is wrong, if something is. It is for operators: it may say more than the client is told.
    pub outcome: Result<(), String>,
}

impl Findings {
    pub(crate) fn new(id: PermitId, now: UnixMillis, gate: Arc<GateIdentity>, epoch: u64) -> Self {
        Self {
            id,
            now,
            gate,
            epoch,
            method: String::new(),
            target: String::new(),
            content_type: String::new(),
            client: None,
            sharing: Sharing::Off,
            route: None,
            presented: Presentation::None,
            claimed: None,
            verified: None,
            reported: Vec::new(),
            passed_over: Vec::new(),
            image: None,
            content_length: None,
            quotas: Vec::new(),
            weaker: Weaker::NOTHING,
            nonce: None,
            cached: false,
            trace: None,
        }
    }

    /// The request's id: that of its permit.
    pub fn id(&self) -> PermitId {
        self.id
    }

    /// Each check that was made, in order; empty unless a trace was asked for. That the body is as
    /// its head says is noted where it is not: a body that streams is still being judged.
    pub fn trace(&self) -> &[Checked] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// The API whose errors an answer carries beside our own members.
    pub fn dialect(&self) -> Dialect {
        self.route.as_ref().map(|route| route.dialect).unwrap_or_default()
    }

    /// Whose request it is, once that is proven: what a host keeps quotas and nonces by, if it keeps them
    /// apart. The filter's own record of it, and no name that a client chose.
    pub fn principal(&self) -> Option<&str> {
        self.verified.as_ref().map(|identity| identity.principal.as_str())
    }

    /// Which pages may read the answer.
    pub(crate) fn sharing(&self) -> &Sharing {
        &self.sharing
    }

    /// The complete answer of a refusal.
    pub(crate) fn reply(&self, rejection: &Rejection) -> Reply {
        let mut reply = rejection.reply(self.id, self.dialect());
        reply.headers.extend(self.sharing.fields());
        reply
    }

    /// What failed and was only reported.
    pub fn reported(&self) -> &[Rejection] {
        &self.reported
    }

    /// The event of an inspection that let the request go on.
    pub fn released(&self) -> Event {
        self.event(if self.reported.is_empty() {
            event::Outcome::Released
        } else {
            event::Outcome::Reported
        })
    }

    /// The event of an inspection that refused the request.
    pub fn rejected(&self, rejection: &Rejection) -> Event {
        let (code, reason) = (rejection.code(), rejection.reason());
        let status = rejection.status().as_u16();
        self.event(event::Outcome::Rejected { code, reason, status })
    }

    fn event(&self, outcome: event::Outcome<'_>) -> Event {
        let failed = self.reported.iter().chain(&self.passed_over);
        let failed: Vec<&str> = failed.map(Rejection::reason).collect();
        let issuer = self.verified.as_ref().and_then(|who| who.issuer.as_deref());
        Event::new(&event::Facts {
            request_id: self.id,
            time: self.now,
            gate: &self.gate.gate,
            environment: self.gate.environment,
            epoch: self.epoch,
            route: self.route.as_ref().map(|route| route.name.as_str()),
            method: &self.method,
            target: &self.target,
            client: self.client.and_then(|client| client.address),
            credential: match self.presented {
                Presentation::None => event::Credential::None,
                Presentation::Key => event::Credential::Key,
                Presentation::Imported => event::Credential::Imported,
                Presentation::Signature(scheme) => event::Credential::Signature(scheme),
                Presentation::KeyAndSignature(scheme) => event::Credential::KeyAndSignature(scheme),
                Presentation::Token => event::Credential::Token(issuer),
            },
            claimed: self.claimed.as_deref(),
            verified: self.verified.as_ref().map(|who| event::Identity {
                key: who.key.as_deref(),
                jti: who.token.as_deref(),
                principal: &who.principal,
                tier: &who.tier,
            }),
            mode: self.route.as_ref().map_or(Mode::Enforce, |route| route.mode),
            outcome,
            failed: &failed,
            weaker: self.weaker,
            image: self.image,
            content_length: self.content_length,
            quotas: &self.quotas,
            nonce: self.nonce,
            cached: self.cached,
        })
    }
}

/// What the checks tell, as they go.
impl Findings {
    pub(crate) fn begin_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// Notes what came of a check, and passes it on.
    pub(crate) fn saw<T, E: fmt::Display>(
        &mut self,
        check: &'static str,
        outcome: Result<T, E>,
    ) -> Result<T, E> {
        if let Some(trace) = &mut self.trace {
            let outcome = outcome.as_ref().map(|_| ()).map_err(ToString::to_string);
            trace.push(Checked { check, outcome });
        }
        outcome
    }

    pub(crate) fn describe(&mut self, head: &RequestHead<'_>, policy: &Policy) {
        self.sharing = Sharing::of(policy, head.headers);
        let content_type = head.headers.one("content-type").ok().flatten().unwrap_or_default();
        head.method.clone_into(&mut self.method);
        head.target.clone_into(&mut self.target);
        self.content_type = String::from_utf8_lossy(content_type).into_owned();
    }

    pub(crate) fn route(&mut self, route: &Arc<Route>) {
        self.route = Some(Arc::clone(route));
    }

    pub(crate) fn client(&mut self, client: Client) {
        self.client = Some(client);
    }

    pub(crate) fn length(&mut self, bytes: u64) {
        self.content_length = Some(bytes);
    }

    pub(crate) fn presented(&mut self, presented: &Presented<'_>) {
        self.presented = presented.kind();
        self.claimed = presented.claimed_id().map(str::to_owned);
    }

    pub(crate) fn cached(&mut self) {
        self.cached = true;
    }

    pub(crate) fn authenticated(&mut self, who: &Authenticated) {
        if let Some(signed) = &who.signed {
            self.weaker = signed.weaker;
            self.nonce = signed.nonce.as_ref().map(|nonce| Sha256::digest(nonce).into());
        }
        let (key, issuer, token) = match &who.credential {
            Credential::Unverified | Credential::Anonymous => return,
            Credential::Key(id) => (Some(id.to_string()), None, None),
            Credential::Token(token) => {
                (None, Some(token.issuer.clone()), token.id.map(String::from))
            }
        };
        let (principal, tier) = (who.principal.clone(), who.tier.clone());
        self.verified = Some(Identity { key, issuer, token, principal, tier });
    }

    pub(crate) fn admitted(&mut self, admitted: &Admitted) {
        self.quotas.extend(admitted.remaining.iter().cloned());
    }

    pub(crate) fn image(&mut self, header: ImageHeader, cost_pixels: u64) {
        let ImageHeader { format, width, height, frames } = header;
        let frames = frames.known();
        self.image = Some(event::Image { format, width, height, frames, cost_pixels });
    }

    pub(crate) fn report(&mut self, rejection: Rejection) {
        self.reported.push(rejection);
    }

    /// A store failed, and the policy lets requests go on all the same. It is no report: the permit is
    /// an enforced one.
    pub(crate) fn passed_over(&mut self, rejection: Rejection) {
        self.passed_over.push(rejection);
    }

    pub(crate) fn refused(self: Box<Self>, rejection: Rejection) -> Refused {
        Refused { rejection, findings: self, body: None }
    }
}

/// A request that was refused, and what was found out about it.
#[must_use]
pub struct Refused {
    rejection: Rejection,
    findings: Box<Findings>,
    /// By what its body is remembered, if its signed digest was verified before it was refused.
    body: Option<remembered::Name>,
}

impl Refused {
    /// Why it was refused.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// What was found out before.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The same, of a body whose signed digest was verified.
    pub(crate) fn of_body(self, body: Option<remembered::Name>) -> Self {
        Self { body, ..self }
    }

    /// Whether there is a body that could be remembered, for hosts to whom their clock is dear.
    pub fn knows_its_body(&self) -> bool {
        self.body.is_some()
    }

    /// Remembers the body, if it would be refused again whenever it comes.
    pub fn remember(&self, cache: &mut RejectionCache, clock: Clock) {
        if let Some(body) = &self.body {
            remembered::remember(body, self.rejection.code(), cache, clock);
        }
    }

    /// The complete answer.
    pub fn reply(&self) -> Reply {
        self.findings.reply(&self.rejection)
    }

    /// The event.
    pub fn event(&self) -> Event {
        self.findings.rejected(&self.rejection)
    }
}
