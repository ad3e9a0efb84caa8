//! A body that the node refused as malformed is not sent to it again.
//!
//! The node has verified the digest over the whole body before it said so, and the digest here is
//! covered by a signature of the same key: nobody can put another's good image into this memory.

use crate::permit::MALFORMED_CODES as CODES;
use crate::rejection_cache::{Entry, Refused, RejectionCache};
use crate::request::Clock;

/// The version of the code that judges bodies: a change of what it refuses changes this number.
pub(crate) const DECODER: u32 = 2;

/// Why a body is refused without being looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It was refused before.
    #[error("an image with this digest was refused before, and would be refused again")]
    Malformed(&'static str),
}

impl Error {
    /// The code with which the body was refused.
    pub(crate) fn code(self) -> &'static str {
        let Self::Malformed(code) = self;
        code
    }
}

/// By what a refused body is remembered: whose it was, on which route, and its verified digest.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    subject: Vec<u8>,
    route: String,
    digest: String,
    epoch: u64,
}

impl Name {
    pub(crate) fn new(subject: &str, route: &str, digest: &str, epoch: u64) -> Self {
        // No bearer value begins with this.
        let subject = [b"\0subject ", subject.as_bytes()].concat();
        Self { subject, route: route.to_owned(), digest: digest.to_owned(), epoch }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            credential: &self.subject,
            route: &self.route,
            digest: Some(self.digest.as_bytes()),
            decoder: DECODER,
            epoch: self.epoch,
        }
    }
}

/// Checks that the body was not refused before.
pub(crate) fn check(name: &Name, cache: &mut RejectionCache, clock: Clock) -> Result<(), Error> {
    use crate::rejection_cache::Hit;
    match cache.find(&name.entry(), clock) {
        Some(Hit::Reject(Refused::MalformedBody(number))) => {
            CODES.get(usize::from(number)).map_or(Ok(()), |code| Err(Error::Malformed(code)))
        }
        // The node looks again.
        Some(Hit::Reject(_) | Hit::Verify(_)) | None => Ok(()),
    }
}

/// Remembers a body, if `verdict`, the node's word to its gate, says that it is malformed.
pub(crate) fn remember(name: &Name, code: &str, cache: &mut RejectionCache, clock: Clock) {
    let number = CODES.iter().position(|known| *known == code);
    if let Some(number) = number.and_then(|number| u8::try_from(number).ok()) {
        cache.insert(&name.entry(), Refused::MalformedBody(number), None, clock);
    }
}
