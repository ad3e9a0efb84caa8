//! The body is no longer than the route allows, and as long as it said it was.

use super::framing::Framed;
use super::media_type::Declared;
use crate::Route;
use crate::policy::BodyRule;

/// Evidence that a length was declared and fits the route; counts what arrives against it.
#[derive(Clone, Debug)]
pub struct Budget {
    declared: u64,
    seen: u64,
}

/// Evidence that exactly the declared bytes arrived.
#[derive(Clone, Copy, Debug)]
pub struct Exact(());

/// Why a length was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no `Content-Length`.
    #[error("Content-Length is required")]
    Required,
    /// The path takes no body, and a length is declared.
    #[error("this path takes no body")]
    NotTaken,
    /// The declared length is zero.
    #[error("the body is empty; expected an image")]
    Empty,
    /// The declared length is over the limit.
    #[error("the body is {declared} bytes long; this path takes at most {max}")]
    TooLong {
        /// The declared length in bytes.
        declared: u64,
        /// The route's limit in bytes.
        max: u64,
    },
    /// The body has another length than declared.
    #[error("the body is not the {declared} bytes that Content-Length declares")]
    Differs {
        /// The declared length in bytes.
        declared: u64,
    },
}

/// Checks the declared length against the route and opens the budget.
pub(crate) fn declared(route: &Route, media: Declared, framed: Framed) -> Result<Budget, Error> {
    if route.body == BodyRule::None {
        return match framed.length() {
            None | Some(0) => Ok(Budget { declared: 0, seen: 0 }),
            Some(_) => Err(Error::NotTaken),
        };
    }
    let max = media.max_bytes(route);
    match framed.length() {
        None => Err(Error::Required),
        Some(0) => Err(Error::Empty),
        Some(declared) if declared > max => Err(Error::TooLong { declared, max }),
        Some(declared) => Ok(Budget { declared, seen: 0 }),
    }
}

impl Budget {
    #[cfg(test)]
    pub(crate) fn of(declared: u64) -> Self {
        Self { declared, seen: 0 }
    }

    /// The declared length in bytes.
    pub(crate) fn declared(&self) -> u64 {
        self.declared
    }

    /// The bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.declared.saturating_sub(self.seen)
    }

    /// Counts `len` more bytes.
    pub(crate) fn spend(&mut self, len: usize) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(len as u64);
        if self.seen > self.declared {
            return Err(Error::Differs { declared: self.declared });
        }
        Ok(())
    }

    /// Closes the budget at the end of the body.
    pub(crate) fn finish(&self) -> Result<Exact, Error> {
        if self.seen == self.declared {
            Ok(Exact(()))
        } else {
            Err(Error::Differs { declared: self.declared })
        }
    }
}
