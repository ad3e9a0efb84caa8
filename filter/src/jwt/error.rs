//! Why a token is not taken.

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A part or a member does not have its form.
    #[error("the token's {what} does not have its form")]
    Malformed {
        /// The part or member.
        what: &'static str,
    },
    /// It is longer than [`TOKEN_MAX`](super::TOKEN_MAX).
    #[error("the token is longer than {} bytes", super::TOKEN_MAX)]
    TooLong,
    /// Its header asks for something that must be understood: `crit`, `b64` or `zip`.
    #[error("the token's header asks for an extension that is not supported")]
    Critical,
    /// Its algorithm is not known, not allowed for its issuer, or not for its key.
    #[error("the token's algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// No issuer, or more than one, has its `iss`.
    #[error("the token's issuer is unknown")]
    UnknownIssuer,
    /// Its `kid` names no key, or it has none and more or less than one key fits.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The issuer's named secret is not there, or too short: a fault of the host.
    #[error("the secret for the token's issuer is not configured")]
    SecretUnavailable,
    /// Its `typ` is not one that the issuer's tokens for this use have.
    #[error("the token is of another type")]
    OtherType,
    /// A claim that is required is not there.
    #[error("the token has no claim `{0}`")]
    ClaimMissing(&'static str),
    /// It is for somebody else.
    #[error("the token is for another audience")]
    OtherAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is valid for longer than the issuer's tokens may be.
    #[error("the token is valid for too long")]
    LifetimeTooLong,
    /// It has too many scopes, or one that is no name.
    #[error("the token has more than {} scopes, or one that is not a name", crate::key::SCOPES_MAX)]
    Scopes,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    Invalid,
}

impl Error {
    /// The stable, internal word of metrics and logs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed { .. } => "token-malformed",
            Self::TooLong => "token-too-long",
            Self::Critical => "token-critical-header",
            Self::AlgorithmNotAllowed => "token-algorithm",
            Self::UnknownIssuer => "token-unknown-issuer",
            Self::UnknownKey => "token-unknown-key",
            Self::SecretUnavailable => "token-secret-unavailable",
            Self::OtherType => "token-other-type",
            Self::ClaimMissing(_) => "token-claim-missing",
            Self::OtherAudience => "token-other-audience",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::LifetimeTooLong => "token-lifetime",
            Self::Scopes => "token-scopes",
            Self::Invalid => "token-signature",
        }
    }
}
