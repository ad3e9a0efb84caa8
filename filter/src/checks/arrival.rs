//! The whole body arrived, and is the one that was signed.
//!
//! What the head promised about the body is judged as the body passes, and at its end in the call that
//! brings its last declared byte, before that byte goes on.

use super::content::{self, Content};
use super::length::{self, Budget};
use crate::ImageHeader;
use crate::digest::{ContentDigest, Digester, Mismatch};
use crate::signature::{self, BodyMac};

/// Judges a body against what its head says of it.
#[derive(Debug)]
pub struct Arrival {
    length: Budget,
    /// Nothing where there is no body, and once bytes were not shown.
    content: Option<Content>,
    header: Option<ImageHeader>,
    /// What is wrong with the content, until it is known whether it is what was signed.
    fault: Option<content::Error>,
    digest: Option<Digester>,
    mac: Option<BodyMac>,
    complete: bool,
    /// After an error there is no evidence any more.
    refused: bool,
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
    /// It is no image, or not one that is taken.
    #[error(transparent)]
    Content(#[from] content::Error),
    /// Its digest is another one.
    #[error(transparent)]
    Digest(#[from] Mismatch),
    /// A signature over the body itself is wrong.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// The host shows the end of a body that was never let go, or more of one that was refused.
    #[error("the body was not let go at its end")]
    AfterEnd,
}

impl Arrival {
    /// Awaits a body of the declared length and content, with the digest and the signature that were
    /// promised.
    pub(crate) fn new(
        length: Budget,
        content: Option<Content>,
        digest: Option<ContentDigest>,
        mac: Option<BodyMac>,
    ) -> Self {
        Self {
            length,
            content,
            header: None,
            fault: None,
            digest: digest.map(ContentDigest::digester),
            mac,
            complete: false,
            refused: false,
        }
    }

    /// What the image header declares, once it was read. An error after that is of the rest.
    pub(crate) fn header(&self) -> Option<ImageHeader> {
        self.header
    }

    /// The declared length in bytes.
    pub(crate) fn declared(&self) -> u64 {
        self.length.declared()
    }

    /// The part of a chunk that lies within the declared length.
    fn shown<'a>(&self, chunk: &'a [u8]) -> &'a [u8] {
        let left = usize::try_from(self.length.left()).unwrap_or(usize::MAX);
        chunk.get(..left.min(chunk.len())).unwrap_or_default()
    }

    /// Takes the next bytes; the evidence comes with the last of them.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> Result<Option<Complete>, Error> {
        if self.refused {
            return Err(Error::AfterEnd);
        }
        let outcome = self.take(chunk);
        self.refused = outcome.is_err();
        outcome
    }

    fn take(&mut self, chunk: &[u8]) -> Result<Option<Complete>, Error> {
        let shown = self.shown(chunk);
        self.length.spend(shown.len())?;
        self.look(shown)?;
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
        (self.content, self.digest, self.mac) = (None, None, None);
        Ok(())
    }

    /// The body ended.
    pub(crate) fn end(&self) -> Result<Complete, Error> {
        if self.refused {
            return Err(Error::AfterEnd);
        }
        self.length.finish()?;
        Ok(Complete(()))
    }

    /// Looks at what the next bytes are. Once the header is known, a body that is signed is judged by
    /// its digest first: what was altered on the way is not called malformed.
    fn look(&mut self, shown: &[u8]) -> Result<(), Error> {
        let Some(content) = self.content.as_mut().filter(|_| self.fault.is_none()) else {
            return Ok(());
        };
        let signed = self.digest.is_some() || self.mac.is_some();
        let outcome = content.chunk(shown);
        self.header = content.header();
        match outcome {
            Err(fault) if signed && self.header.is_some() => self.fault = Some(fault),
            outcome => outcome?,
        }
        Ok(())
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
        if let Some(fault) = self.fault.take() {
            return Err(fault.into());
        }
        if let Some(content) = self.content.take() {
            content.end()?;
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
        let mut arrival = Arrival {
            length: Budget::of(5),
            content: None,
            header: None,
            fault: None,
            digest: signed.map(|body| ContentDigest::of(body).digester()),
            mac: None,
            complete: false,
            refused: false,
        };
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
    fn after_an_error_there_is_no_evidence() {
        let mut arrival = Arrival {
            length: Budget::of(5),
            content: None,
            header: None,
            fault: None,
            digest: Some(ContentDigest::of(b"54321").digester()),
            mac: None,
            complete: false,
            refused: false,
        };
        assert!(arrival.chunk(b"12345").is_err());
        assert!(arrival.chunk(b"").is_err());
        assert!(arrival.end().is_err());
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
