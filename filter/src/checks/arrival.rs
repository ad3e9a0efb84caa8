//! The whole body arrived, and is the one that was signed.
//!
//! What the head promised about the body is judged as the body passes, in the call that brings its
//! last declared byte and before that byte goes on.

use super::length::{self, Budget};
use crate::digest::{ContentDigest, Digester, Mismatch};
use crate::signature::{self, BodyMac};

/// Judges a body against what its head says of it.
#[derive(Debug)]
pub struct Arrival {
    length: Budget,
    digest: Option<Digester>,
    mac: Option<BodyMac>,
    complete: bool,
}

/// Evidence that the whole body arrived and is as it was declared and signed.
#[derive(Clone, Copy, Debug)]
pub struct Complete(());

/// Why a body was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Its length is another one.
    #[error(transparent)]
    Length(#[from] length::Error),
    /// Its digest is another one.
    #[error(transparent)]
    Digest(#[from] Mismatch),
    /// A signature over the body itself is wrong.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// The host shows the end of a body that was never let go.
    #[error("the body was not let go at its end")]
    AfterEnd,
}

impl Arrival {
    /// Awaits a body of the declared length with the digest and the signature that were promised.
    pub(crate) fn new(length: Budget, digest: Option<ContentDigest>, mac: Option<BodyMac>) -> Self {
        Self { length, digest: digest.map(ContentDigest::digester), mac, complete: false }
    }

    /// The declared length in bytes.
    pub(crate) fn declared(&self) -> u64 {
        self.length.declared()
    }

    /// Whether the bytes themselves matter, and not only their number.
    pub(crate) fn reads(&self) -> bool {
        self.digest.is_some() || self.mac.is_some()
    }

    /// The part of a chunk that lies within the declared length.
    pub(crate) fn shown<'a>(&self, chunk: &'a [u8]) -> &'a [u8] {
        let left = usize::try_from(self.length.left()).unwrap_or(usize::MAX);
        chunk.get(..left.min(chunk.len())).unwrap_or_default()
    }

    /// Takes the next bytes; the evidence comes with the last of them.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> Result<Option<Complete>, Error> {
        let shown = self.shown(chunk);
        self.length.spend(shown.len())?;
        if let Some(digest) = &mut self.digest {
            digest.update(shown);
        }
        if let Some(mac) = &mut self.mac {
            mac.update(shown);
        }
        // What was declared is judged before what is too much, wherever the two are cut.
        let complete = self.judge()?;
        self.length.spend(chunk.len() - shown.len())?;
        Ok(complete)
    }

    /// Counts bytes that the host does not show. What they are is then for the node to judge.
    pub(crate) fn skip(&mut self, len: usize) -> Result<(), Error> {
        self.length.spend(len)?;
        self.digest = None;
        Ok(())
    }

    /// The body ended.
    pub(crate) fn end(&self) -> Result<Complete, Error> {
        self.length.finish()?;
        Ok(Complete(()))
    }

    fn judge(&mut self) -> Result<Option<Complete>, Error> {
        if self.complete || self.length.finish().is_err() {
            return Ok(self.complete.then_some(Complete(())));
        }
        if let Some(digest) = self.digest.take() {
            digest.finish()?;
        }
        if let Some(mac) = self.mac.take() {
            mac.finish()?;
        }
        self.complete = true;
        Ok(Some(Complete(())))
    }
}
