//! What the signature of a request leaves open.

/// A part of a request that a signature may leave uncovered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The method.
    Method,
    /// The host and port.
    Authority,
    /// The path.
    Path,
    /// The query.
    Query,
    /// The media type of the body.
    ContentType,
    /// The body.
    Body,
    /// A value that makes the request unlike any other: without it a copy cannot be told apart.
    Nonce,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 7] = [
        Self::Method,
        Self::Authority,
        Self::Path,
        Self::Query,
        Self::ContentType,
        Self::Body,
        Self::Nonce,
    ];

    /// The word used in verdicts and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Authority => "authority",
            Self::Path => "path",
            Self::Query => "query",
            Self::ContentType => "content-type",
            Self::Body => "body",
            Self::Nonce => "nonce",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The parts of one request that its signature does not cover: what is weaker than RFC 9421 as it
/// is required here. Without a body there is nothing to cover of [`Part::Body`] and
/// [`Part::ContentType`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weaker(u8);

impl Weaker {
    /// Everything is covered.
    pub const NOTHING: Self = Self(0);

    /// Also `part`, if it is `open`.
    #[must_use]
    pub(super) const fn with(self, part: Part, open: bool) -> Self {
        if open { Self(self.0 | part.bit()) } else { self }
    }

    /// Whether everything is covered.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `part` is not covered.
    pub const fn contains(self, part: Part) -> bool {
        self.0 & part.bit() != 0
    }

    /// The words of the uncovered parts, in the order of [`Part`].
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        Part::ALL.into_iter().filter(move |part| self.contains(*part)).map(Part::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_parts_are_named_in_order() {
        let weaker = Weaker::NOTHING
            .with(Part::Nonce, true)
            .with(Part::Body, false)
            .with(Part::Method, true);
        assert_eq!(weaker.iter().collect::<Vec<_>>(), ["method", "nonce"]);
        assert!(weaker.contains(Part::Nonce) && !weaker.contains(Part::Body));
        assert!(Weaker::NOTHING.is_empty() && !weaker.is_empty());
    }
}
