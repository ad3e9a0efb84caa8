//! The order of the checks, and nothing else.
//!
//! Each state is a struct that holds only what its successors need, and each transition consumes its
//! state. Every transition of the crate is in this file.

use std::sync::Arc;

use crate::checks::image::HeaderReader;
use crate::checks::{
    credential, encoding, framing, image, length, media_type, route, scopes, target,
};
use crate::key::{Environment, KeyRing, Pepper};
use crate::permit::{PermitId, PermitKey};
use crate::policy::ImageLimits;
use crate::verdict::{Described, HeadEvidence, Issued, Permit};
use crate::{Policy, Rejection, Release, RequestHead, UnixMillis};

/// A policy and a gate's identity, ready to inspect requests. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    policy: Arc<Policy>,
    gate: Arc<GateIdentity>,
    epoch: u64,
}

/// Who the gate is, and the secrets it holds. No `Debug`: it must not reach a log.
pub struct GateIdentity {
    /// The gate's name, as the node knows it.
    pub gate: String,
    /// The deployment it stands in front of.
    pub audience: String,
    /// The environment whose keys it takes.
    pub environment: Environment,
    /// Keys the comparison of presented secrets.
    pub pepper: Pepper,
    /// Seals permits.
    pub permit_key: PermitKey,
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

    /// Starts inspecting one request at the host's time `now`. The 16 random bytes `seed` become
    /// the permit's id and the request id.
    pub fn begin(&self, now: UnixMillis, seed: [u8; 16]) -> NeedsHead {
        NeedsHead { filter: self.clone(), now, id: PermitId(seed) }
    }
}

/// What the host must do next.
#[must_use]
pub enum Step {
    /// Show the beginning of the body with [`NeedsPrefix::chunk`], and hold it back.
    NeedsPrefix(NeedsPrefix),
    /// Send the head on with the permit, then what was held, then the rest through [`Tail`].
    Release(Release),
    /// Answer the request here.
    Reject(Rejection),
}

/// Waiting for the request head.
#[must_use]
pub struct NeedsHead {
    filter: Filter,
    now: UnixMillis,
    id: PermitId,
}

impl NeedsHead {
    /// Runs every check that needs only the head.
    pub fn head(self, head: &RequestHead<'_>, keys: &impl KeyRing) -> Step {
        match self.check(head, keys) {
            Ok(prefix) => Step::NeedsPrefix(prefix),
            Err(rejection) => Step::Reject(rejection),
        }
    }

    fn check(self, head: &RequestHead<'_>, keys: &impl KeyRing) -> Result<NeedsPrefix, Rejection> {
        let Filter { policy, gate, .. } = &self.filter;

        // Free: the bytes are here already.
        let framed = framing::check(head)?;
        let target = target::check(head.target)?;
        let route = route::check(policy, head.method, target)?;
        let plain = encoding::check(head.headers)?;
        let media = media_type::check(route, head.headers)?;
        let length = length::declared(route, framed)?;

        // Costs a look-up and two hashes.
        let key = credential::presented(head.headers)?;
        let who = credential::authenticate(&key, gate.environment, keys, &gate.pepper, self.now)?;
        let authorised = scopes::check(route, &who)?;

        let header = HeaderReader::new(media.format(), length.declared(), policy.header_bytes);
        Ok(NeedsPrefix {
            limits: route.image,
            header,
            length,
            request: Described::new(head),
            evidence: HeadEvidence { framed, plain, media, who, authorised },
            filter: self.filter,
            now: self.now,
            id: self.id,
        })
    }
}

/// Waiting for the beginning of the body, up to the end of the image header.
#[must_use]
pub struct NeedsPrefix {
    filter: Filter,
    now: UnixMillis,
    id: PermitId,
    evidence: HeadEvidence,
    request: Described,
    limits: ImageLimits,
    header: HeaderReader,
    length: length::Budget,
}

impl NeedsPrefix {
    /// Inspects the next piece of the body. Where it is cut makes no difference.
    pub fn chunk(mut self, chunk: &[u8]) -> Step {
        match self.check(chunk) {
            Ok(None) => Step::NeedsPrefix(self),
            Ok(Some(image)) => Step::Release(self.release(image)),
            Err(rejection) => Step::Reject(rejection),
        }
    }

    /// The body ended before the image header was known.
    pub fn end(self) -> Rejection {
        match self.length.finish() {
            Ok(_) => self.header.end().into(),
            Err(error) => error.into(),
        }
    }

    fn check(&mut self, chunk: &[u8]) -> Result<Option<image::Within>, Rejection> {
        self.length.spend(chunk.len())?;
        match self.header.push(chunk)? {
            None => Ok(None),
            Some(header) => Ok(Some(image::within(header, &self.limits)?)),
        }
    }

    fn release(self, image: image::Within) -> Release {
        let issued = Issued {
            id: self.id,
            gate: &self.filter.gate,
            epoch: self.filter.epoch,
            now: self.now,
        };
        let permit = Permit::new(&self.evidence, image, &self.length, self.request, issued);
        Release { permit, tail: Tail { length: self.length } }
    }
}

/// Judges the rest of the body as it passes.
#[must_use]
#[derive(Debug)]
pub struct Tail {
    length: length::Budget,
}

impl Tail {
    /// Counts the next `len` bytes, before they are sent on.
    pub fn chunk(&mut self, len: usize) -> Result<(), Rejection> {
        Ok(self.length.spend(len)?)
    }

    /// The body ended.
    pub fn end(&self) -> Result<(), Rejection> {
        self.length.finish()?;
        Ok(())
    }
}

/// Hosts move inspections between threads and hold them across `.await`.
const _: fn() = || {
    fn send<T: Send>() {}
    send::<Filter>();
    send::<Step>();
};
