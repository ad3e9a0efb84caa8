//! Exactly one credential, and it is right.
//!
//! A credential is an API key, a signature, both of the *same* key, or a token. `presented` reads
//! it and believes nothing; `claim` looks it up and does all the cheap work; `Claimed::settle`
//! verifies what is costly and makes the evidence.
//!
//! Whoever asks must not learn which half of a credential was wrong: unknown, revoked, expired and
//! wrong keys take the same look-up, the same hash and the same comparison, and get one answer.

mod authenticated;
mod claimed;
mod presented;

use crate::api_key::Malformed;
use crate::rejection_cache::Refused;
use crate::{jwt, signature};

pub use authenticated::{Authenticated, Signed};
pub(crate) use claimed::{By, Claimed, claim};
pub(crate) use presented::{Presented, bearer_value, presented};

/// Fields that carry credentials: never passed on.
pub const FIELDS: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "signature",
    "signature-input",
    "x-key-id",
    "x-timestamp",
    "x-nonce",
    "x-content-sha256",
    "x-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// Why a credential was refused. What the client learns of it is decided in
/// [`rejection`](crate::rejection).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// No credential at all.
    #[error("a credential is required: send {}", if *.signed { "a signed request (RFC 9421, \
             tag=\"lunette\")" } else { "an API key as Authorization: Bearer or as X-API-Key" })]
    Missing {
        /// Whether the route takes nothing but signed requests.
        signed: bool,
    },
    /// More than one credential.
    #[error(
        "exactly one credential is expected: send Authorization or X-API-Key, not both, and a \
         signature only with the key it names"
    )]
    Ambiguous,
    /// The credential is not an API key.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// What an API key names is not good.
    #[error("{0}")]
    Key(Fault),
    /// What a signature names is not good.
    #[error("{0}")]
    Signed(Fault),
    /// The signature is not right, or does not cover enough, or is not fresh.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// This path takes no signatures.
    #[error("this path takes no signatures: send the API key alone")]
    SignatureNotTaken,
    /// A signature is needed, by the route or by the key.
    #[error("a signature is required (RFC 9421, tag=\"lunette\")")]
    SignatureRequired,
    /// The route wants the API key beside its signature.
    #[error("this path requires the API key and a signature with it")]
    KeyRequired,
    /// A signature names no key, and no API key stands beside it.
    #[error("the signature names no key: send X-Key-Id, or the API key beside it")]
    NamesNoKey,
    /// The token is not right.
    #[error(transparent)]
    Token(#[from] jwt::Error),
    /// The token was revoked before its time.
    #[error("the token was revoked")]
    TokenRevoked,
    /// The key records cannot be read.
    #[error("the key records cannot be read")]
    Unavailable,
    /// This gate does not hold the realm key that a record names.
    #[error("the gate does not hold version {0} of its realm's key")]
    RealmUnknown(u32),
}

/// What is wrong with a key. The client is told none of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The key is for another environment than this gate.
    #[error("the key belongs to another environment")]
    OtherEnvironment,
    /// No record has this id.
    #[error("the key is unknown")]
    Unknown,
    /// The id is known, the secret is not its secret.
    #[error("the secret is wrong")]
    WrongSecret,
    /// The key signs in another way, or not at all.
    #[error("the key does not sign with this scheme")]
    OtherScheme,
    /// The key was withdrawn.
    #[error("the key was revoked")]
    Revoked,
    /// The key's time is over.
    #[error("the key has expired")]
    Expired,
    /// The key's time has not come.
    #[error("the key is not valid yet")]
    NotYetValid,
}

impl Error {
    /// Whether the client's credential is at fault, and not this gate. Only such failures can be
    /// reported instead of refused.
    pub(crate) fn is_of_the_client(&self) -> bool {
        !matches!(self, Self::Unavailable | Self::RealmUnknown(_))
    }

    /// Whether the request may have been a guess, and counts against its network.
    pub(crate) fn is_a_guess(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::Key(_)
            | Self::Signed(_)
            | Self::Signature(signature::Error::Invalid)
            | Self::Token(_)
            | Self::TokenRevoked => true,
            Self::Missing { .. }
            | Self::Ambiguous
            | Self::Signature(_)
            | Self::SignatureNotTaken
            | Self::SignatureRequired
            | Self::KeyRequired
            | Self::NamesNoKey
            | Self::Unavailable
            | Self::RealmUnknown(_) => false,
        }
    }

    /// The verdict to remember, if it will be the same until the next epoch. A wrong secret or
    /// signature of a key that exists is not remembered.
    pub(crate) fn deterministic(&self) -> Option<Refused> {
        match self {
            Self::Key(Fault::Unknown) => Some(Refused::UnknownKey),
            Self::Key(Fault::Revoked) => Some(Refused::RevokedKey),
            Self::Key(Fault::Expired) => Some(Refused::ExpiredKey),
            _ => None,
        }
    }
}

/// A verdict that is remembered is given again.
impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::UnknownKey => Self::Key(Fault::Unknown),
            Refused::RevokedKey => Self::Key(Fault::Revoked),
            Refused::ExpiredKey => Self::Key(Fault::Expired),
            Refused::MalformedCredential | Refused::MalformedBody(_) => {
                Self::Malformed(Malformed::Form)
            }
        }
    }
}

#[cfg(test)]
mod tests;
