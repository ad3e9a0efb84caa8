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

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `pieces` where five bytes are declared, with the digest of `signed`.
    fn outcome(pieces: &[&[u8]], signed: Option<&[u8]>) -> Result<bool, Error> {
        let mut arrival = Arrival::new(Budget::of(5), signed.map(ContentDigest::of), None);
        let mut complete = false;
        for piece in pieces {
            complete |= arrival.chunk(piece)?.is_some();
        }
        Ok(complete)
    }

    #[test]
    fn the_last_declared_byte_brings_the_evidence() {
        assert_eq!(outcome(&[b"12", b"34"], None), Ok(false));
        assert_eq!(outcome(&[b"12", b"345", b""], Some(b"12345")), Ok(true));
        assert_eq!(outcome(&[b"12345"], Some(b"54321")), Err(Mismatch.into()));
    }

    #[test]
    fn a_body_that_is_too_long_gets_one_verdict_wherever_it_is_cut() {
        let longer = b"12345678";
        let surplus = Err(length::Error::Differs { declared: 5 }.into());
        for at in 0..longer.len() {
            let (left, right) = longer.split_at(at);
            assert_eq!(outcome(&[left, right], None), surplus, "cut at {at}");
            assert_eq!(outcome(&[left, right], Some(b"12345")), surplus, "cut at {at}");
            let mismatch = outcome(&[left, right], Some(longer));
            assert_eq!(mismatch, Err(Mismatch.into()), "cut at {at}");
        }
    }
}
