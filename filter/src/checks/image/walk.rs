//! Walking a header in constant memory.
//!
//! A walker says what it wants next (take so many bytes, perhaps after skipping some) and the
//! [`HeaderReader`] brings it, from chunks cut anywhere.

use super::{Error, Format, ImageHeader, jpeg, png, webp};

/// Enough bytes to tell the formats apart.
pub(super) const SIGNATURE_LEN: usize = 12;
/// The most bytes a walker may take at once.
const TAKE_MAX: usize = 64;

/// What a walker wants next.
pub(super) enum Want {
    /// Skip `skip` bytes, then bring `take` bytes, at most [`TAKE_MAX`].
    More { skip: u64, take: usize },
    /// Nothing: the header is known.
    Done(ImageHeader),
}

/// One format's rules.
pub(super) trait Walk {
    /// How many bytes to bring first.
    const FIRST: usize;

    /// Reads the bytes asked for.
    fn next(&mut self, taken: &[u8]) -> Result<Want, Fault>;
}

/// Why a walker stopped, without the format.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    Malformed(&'static str),
    Unsupported(&'static str),
}

#[derive(Clone, Copy)]
enum Walker {
    Signature,
    Png(png::Walker),
    Jpeg(jpeg::Walker),
    Webp(webp::Walker),
}

/// Reads an image header from the beginning of a body, piece by piece.
pub struct HeaderReader {
    declared: Format,
    walker: Walker,
    taken: [u8; TAKE_MAX],
    have: usize,
    want: usize,
    skip: u64,
    /// Bytes consumed so far.
    position: u64,
    /// The length of the whole body.
    body_len: u64,
    /// How far the header may reach.
    limit: u64,
}

impl HeaderReader {
    /// A reader of a body of `body_len` bytes that declares `declared`; the header may reach
    /// `limit` bytes into it.
    pub fn new(declared: Format, body_len: u64, limit: u64) -> Self {
        Self {
            declared,
            walker: Walker::Signature,
            taken: [0; TAKE_MAX],
            have: 0,
            want: SIGNATURE_LEN,
            skip: 0,
            position: 0,
            body_len,
            limit,
        }
    }

    /// Reads the next piece. `Ok(None)` asks for more; after `Ok(Some(_))` the rest is not looked at.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<Option<ImageHeader>, Error> {
        loop {
            let skipped = usize::try_from(self.skip).map_or(chunk.len(), |n| n.min(chunk.len()));
            let (_, rest) = chunk.split_at(skipped);
            self.skip -= skipped as u64;
            self.position += skipped as u64;
            let missing = self.want.saturating_sub(self.have).min(rest.len());
            let (bytes, rest) = rest.split_at(missing);
            if let Some(free) = self.taken.get_mut(self.have..self.have + missing) {
                free.copy_from_slice(bytes);
            }
            self.have += missing;
            self.position += missing as u64;
            chunk = rest;
            if self.skip > 0 || self.have < self.want {
                return Ok(None);
            }
            match self.advance()? {
                Want::Done(header) => return Ok(Some(header)),
                Want::More { skip, take } => self.expect(skip, take)?,
            }
        }
    }

    /// The body ended before the header was known.
    pub fn end(&self) -> Error {
        match self.walker {
            Walker::Signature if self.declared_so_far() => {
                Error::Truncated { format: self.declared }
            }
            Walker::Signature => Error::NotAnImage { declared: self.declared },
            _ => Error::Truncated { format: self.declared },
        }
    }

    /// Whether the few bytes of a body shorter than a signature could begin the declared format.
    fn declared_so_far(&self) -> bool {
        let start = self.taken.get(..self.have).unwrap_or_default();
        let signature: &[u8] = match self.declared {
            Format::Png => png::SIGNATURE,
            Format::Jpeg => jpeg::SIGNATURE,
            Format::Webp => b"RIFF",
        };
        signature.starts_with(start) || start.starts_with(signature)
    }

    fn advance(&mut self) -> Result<Want, Error> {
        let taken = self.taken.get(..self.want).unwrap_or_default();
        let outcome = match &mut self.walker {
            Walker::Signature => return self.recognise(),
            Walker::Png(walker) => walker.next(taken),
            Walker::Jpeg(walker) => walker.next(taken),
            Walker::Webp(walker) => walker.next(taken),
        };
        let format = self.declared;
        outcome.map_err(|fault| match fault {
            Fault::Malformed(what) => Error::Malformed { format, what },
            Fault::Unsupported(what) => Error::Unsupported { format, what },
        })
    }

    /// Tells the format, and hands the bytes seen so far to its walker.
    fn recognise(&mut self) -> Result<Want, Error> {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(self.taken.get(..SIGNATURE_LEN).unwrap_or(&[0; SIGNATURE_LEN]));
        let declared = self.declared;
        match Format::of_signature(&signature) {
            None => return Err(Error::NotAnImage { declared }),
            Some(found) if found != declared => return Err(Error::OtherFormat { declared, found }),
            Some(_) => {}
        }
        let (walker, first) = match declared {
            Format::Png => (Walker::Png(png::Walker::default()), png::Walker::FIRST),
            Format::Jpeg => (Walker::Jpeg(jpeg::Walker::default()), jpeg::Walker::FIRST),
            Format::Webp => (Walker::Webp(webp::Walker::new(self.body_len)), webp::Walker::FIRST),
        };
        self.walker = walker;
        self.position -= SIGNATURE_LEN as u64;
        self.expect(0, first)?;
        match self.push(&signature)? {
            Some(header) => Ok(Want::Done(header)),
            None => Ok(Want::More { skip: self.skip, take: 0 }),
        }
    }

    /// Sets what comes next, if it lies within the body and within the limit. Judging positions and
    /// not arrivals is what makes the cuts irrelevant.
    fn expect(&mut self, skip: u64, take: usize) -> Result<(), Error> {
        if take == 0 {
            // `recognise` has already set it.
            return Ok(());
        }
        let end = self.position.saturating_add(skip).saturating_add(take as u64);
        if end > self.body_len {
            return Err(Error::Truncated { format: self.declared });
        }
        if end > self.limit {
            return Err(Error::HeaderTooFar { limit: self.limit });
        }
        (self.skip, self.want, self.have) = (skip, take.min(TAKE_MAX), 0);
        Ok(())
    }
}
