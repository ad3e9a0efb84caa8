//! How the judgement of head and prefix ends well.

use crate::checks::{credential, encoding, framing, image, length, media_type, scopes};
use crate::inspection::{GateIdentity, Tail};
use crate::permit::{Claims, Mode, PermitId};
use crate::request::{RequestHead, UnixMillis};

/// The request may go on: hand the permit to the node, and show the rest of the body to the tail.
#[must_use]
#[derive(Debug)]
pub struct Release {
    /// Proof that every check of head and prefix passed.
    pub permit: Permit,
    /// Judges what is still to come.
    pub tail: Tail,
}

/// Proof that every check of head and prefix passed.
///
/// It can only be made from the evidence that each check returns: a check that is left out does not
/// compile. Its claims go to the node as a sealed [`permit`](crate::permit).
#[derive(Debug)]
pub struct Permit {
    claims: Claims,
}

/// What the checks of the head established.
#[derive(Debug)]
pub(crate) struct HeadEvidence {
    pub(crate) framed: framing::Framed,
    pub(crate) plain: encoding::Plain,
    pub(crate) media: media_type::Declared,
    pub(crate) who: credential::Authenticated,
    pub(crate) authorised: scopes::Authorised,
}

/// The request as received, as far as a permit binds it.
#[derive(Debug)]
pub(crate) struct Described {
    method: String,
    target: String,
    content_type: String,
    client: Option<std::net::IpAddr>,
}

impl Described {
    pub(crate) fn new(head: &RequestHead<'_>) -> Self {
        let content_type = head.headers.one("content-type").ok().flatten().unwrap_or_default();
        Self {
            method: head.method.to_owned(),
            target: head.target.to_owned(),
            content_type: String::from_utf8_lossy(content_type).into_owned(),
            client: head.client,
        }
    }
}

impl Permit {
    /// Binds the evidence to one request.
    pub(crate) fn new(
        evidence: &HeadEvidence,
        image: image::Within,
        length: &length::Budget,
        request: Described,
        issued: Issued<'_>,
    ) -> Self {
        // Named so that a check whose evidence is no longer needed here is noticed.
        let HeadEvidence {
            framed: framing::Framed { .. },
            plain: encoding::Plain { .. },
            media: media_type::Declared { .. },
            who,
            authorised: scopes::Authorised { .. },
        } = evidence;
        let (record, header) = (who.record(), image.header());
        Self {
            claims: Claims {
                id: issued.id,
                gate: issued.gate.gate.clone(),
                gate_key: issued.gate.permit_key.version(),
                audience: issued.gate.audience.clone(),
                environment: issued.gate.environment,
                key: record.id.clone(),
                principal: record.principal.clone(),
                scopes: record.scopes.clone(),
                tier: record.tier.clone(),
                client: request.client,
                method: request.method,
                target: request.target,
                content_type: request.content_type,
                content_length: length.declared(),
                content_digest: None,
                format: header.format,
                width: header.width,
                height: header.height,
                frames: match header.frames {
                    image::Frames::Known(frames) => Some(frames),
                    image::Frames::Unstated => None,
                },
                cost_pixels: image.cost_pixels(),
                nonce: None,
                mode: Mode::Enforce,
                epoch: issued.epoch,
                issued_at: issued.now.0,
            },
        }
    }

    /// What the permit binds.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// By whom, when and under which policy a permit is made.
#[derive(Clone, Copy)]
pub(crate) struct Issued<'a> {
    pub(crate) id: PermitId,
    pub(crate) gate: &'a GateIdentity,
    pub(crate) epoch: u64,
    pub(crate) now: UnixMillis,
}
