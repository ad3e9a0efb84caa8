//! Why a signature was refused.

use crate::UnixMillis;
use crate::digest;

/// The longest piece of a request that an error repeats, in characters.
const QUOTED_MAX: usize = 64;

/// Why a signature was refused. No message holds a secret, a signature or a signature base.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A field or a parameter of the signature does not have its form.
    #[error("{what} is malformed: expected {expected}")]
    Malformed {
        /// The field or parameter.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A field that may appear once appears again.
    #[error("the header field {0} appears more than once beside a signature")]
    Repeated(&'static str),
    /// More than one signature for this server.
    #[error("the request carries more than one signature for this server: send exactly one")]
    Ambiguous,
    /// More of something than is looked at.
    #[error("the signature has too many or too long {what}: at most {most}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A parameter or field that the scheme needs is missing.
    #[error("the signature has no {0}")]
    ParameterMissing(&'static str),
    /// The signature leaves out what it must cover.
    #[error("the signature must cover {0}, without parameters")]
    NotCovered(&'static str),
    /// The signature covers something that the request does not have, or has twice.
    #[error("the signature covers {0}, which the request does not have exactly once")]
    ComponentAbsent(Box<str>),
    /// The signature covers the same thing twice.
    #[error("the signature covers {0} twice")]
    ComponentRepeated(Box<str>),
    /// The signature covers something that this server does not know how to read.
    #[error("the signature covers {0}, which is not supported for requests")]
    ComponentUnsupported(Box<str>),
    /// A covered field holds bytes that no signature base may hold.
    #[error("the covered header field {0} holds characters that cannot be signed")]
    ComponentUnsignable(Box<str>),
    /// The signature is by another algorithm than the one of its key.
    #[error("the signature is not by the algorithm that its key is for")]
    OtherAlgorithm,
    /// The signature was made too long ago, or too far in the future.
    #[error(
        "the signature was created at {} s, and here it is {} s: at most {} s are accepted between them",
        .created.0 / 1000, .now.0 / 1000, .skew / 1000
    )]
    Stale {
        /// When the signature says it was made.
        created: UnixMillis,
        /// The time here.
        now: UnixMillis,
        /// The most milliseconds between the two, either way.
        skew: u64,
    },
    /// The signature's own end has passed.
    #[error("the signature has expired")]
    Expired,
    /// The request is for another host than those of this deployment.
    #[error("the authority of the request is not one of this server's")]
    OtherAuthority,
    /// The digest that the signature covers cannot be used.
    #[error("the digest of the body is malformed: {0}")]
    DigestMalformed(#[from] digest::Malformed),
    /// The signature does not fit the request, or it is not by this key.
    #[error("the signature does not verify")]
    Invalid,
}

impl Error {
    /// A name from a request, short enough to repeat.
    pub(super) fn quoted(name: &str) -> Box<str> {
        name.chars().take(QUOTED_MAX).collect::<String>().into()
    }
}
