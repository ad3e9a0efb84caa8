//! How the judgement of head and prefix ends well.

use http::HeaderName;

use crate::checks::arrival::Arrival;
use crate::checks::credential::Authenticated;
use crate::checks::{admission, client, encoding, framing, image, media_type, permission, query};
use crate::findings::Findings;
use crate::inspection::Tail;
use crate::permit::{Claims, Nonce};
use crate::policy::Mode;
use crate::{Policy, Reply};

/// The request may go on: hand the permit to the node, and show the rest of the body to the tail.
#[must_use]
pub struct Release {
    /// Proof that every check of head and prefix passed.
    pub permit: Permit,
    /// Header fields for the answer.
    pub fields: AnswerFields,
    /// Judges what is still to come.
    pub tail: Tail,
}

/// What a gate adds to an answer.
#[derive(Clone, Debug, Default)]
pub struct AnswerFields {
    /// How the client's quotas stand.
    pub(crate) quotas: Vec<(HeaderName, String)>,
    /// Which pages may read it.
    pub(crate) sharing: Vec<(HeaderName, String)>,
}

impl AnswerFields {
    /// The fields of an answer of the node with this status. A refusal does not tell how quotas stand: what
    /// the gate finds at the end of a body, the node may find in its place, and the client must not see a
    /// difference.
    pub fn of(&self, status: u16) -> impl Iterator<Item = &(HeaderName, String)> {
        let quotas = self.quotas.iter().filter(move |_| status < 400);
        quotas.chain(&self.sharing)
    }

    /// Whether no answer gets any.
    pub fn is_empty(&self) -> bool {
        self.quotas.is_empty() && self.sharing.is_empty()
    }

    /// Adds to an answer of the gate's own, given after the head went on.
    pub fn add_to(&self, reply: &mut Reply) {
        reply.headers.extend(self.sharing.iter().cloned());
    }
}

/// Proof that every check of head and prefix passed.
///
/// It can only be made from the evidence that each check returns: a check that is left out does not
/// compile. Its claims go to the node as a sealed [`permit`](crate::permit).
#[derive(Debug)]
pub struct Permit {
    claims: Box<Claims>,
}

/// What a request is charged for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paid {
    /// An image, within limits.
    Image(image::Within),
    /// Nothing: the route takes no body.
    Nothing(media_type::NoBody),
}

/// What the checks of the head established.
#[derive(Debug)]
pub(crate) struct HeadEvidence {
    pub(crate) framed: framing::Framed,
    pub(crate) parameters: query::Parameters,
    pub(crate) identity: encoding::Plain,
    pub(crate) media: media_type::Declared,
    pub(crate) from: client::Admitted,
    pub(crate) who: Authenticated,
    pub(crate) authorised: permission::Authorised,
    pub(crate) admitted: admission::Admitted,
}

impl HeadEvidence {
    /// Whether the request bore a nonce, which is used now.
    pub(crate) fn has_nonce(&self) -> bool {
        self.who.signed.as_ref().is_some_and(|signed| signed.nonce.is_some())
    }

    /// The nonce, as far as the node needs to know it.
    fn nonce(&self, policy: &Policy) -> Option<Nonce> {
        let first = admission::first_use_by(policy, &self.who)?;
        Some(Nonce::of(&first.nonce, first.until))
    }
}

impl Permit {
    /// Binds the evidence to one request.
    pub(crate) fn new(
        evidence: &HeadEvidence,
        paid: Paid,
        arrival: &Arrival,
        policy: &Policy,
        findings: &Findings,
    ) -> Self {
        // Named so that a check whose evidence is no longer needed here is noticed.
        let HeadEvidence {
            framed: framing::Framed { .. },
            parameters: query::Parameters { .. },
            identity: encoding::Plain { .. },
            media: media_type::Declared { .. },
            from: client::Admitted { .. },
            who,
            authorised: permission::Authorised { .. },
            admitted: admission::Admitted { .. },
        } = evidence;
        let (signed, gate) = (who.signed.as_ref(), &findings.gate);
        let (header, cost_pixels) = match paid {
            Paid::Image(image) => (Some(image.header()), image.cost_pixels()),
            Paid::Nothing(media_type::NoBody { .. }) => (None, 0),
        };
        let reported: Vec<_> =
            findings.reported().iter().map(|rejection| rejection.code().to_owned()).collect();
        Self {
            claims: Box::new(Claims {
                id: findings.id,
                gate: gate.gate.clone(),
                gate_key: gate.permit_key.version(),
                audience: gate.audience.clone(),
                environment: gate.environment,
                credential: who.credential.clone(),
                principal: who.principal.clone(),
                scopes: who.scopes.clone(),
                tier: who.tier.clone(),
                client: findings.client.and_then(|client| client.address),
                method: findings.method.clone(),
                target: findings.target.clone(),
                content_type: findings.content_type.clone(),
                content_length: arrival.declared(),
                content_digest: signed
                    .and_then(|signed| signed.digest.as_ref())
                    .map(ToString::to_string),
                format: header.map(|header| header.format),
                width: header.map_or(0, |header| header.width),
                height: header.map_or(0, |header| header.height),
                frames: header.and_then(|header| header.frames.known()),
                cost_pixels,
                nonce: evidence.nonce(policy),
                weaker: signed
                    .map_or(vec![], |signed| signed.weaker.iter().map(str::to_owned).collect()),
                mode: if reported.is_empty() { Mode::Enforce } else { Mode::Report },
                reported,
                epoch: findings.epoch,
                issued_at: findings.now.0,
            }),
        }
    }

    /// What the permit binds.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What the permit binds, to be sealed.
    pub fn into_claims(self) -> Claims {
        *self.claims
    }
}
