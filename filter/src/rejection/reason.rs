//! The internal code of every failed check.

use super::Rejection;
use crate::api_key::Malformed;
use crate::checks::credential::{self, Fault};
use crate::{permit, signature};

impl Rejection {
    /// The stable, internal code of metrics and logs: it also says what the client is not told.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Credential(error) => match error {
                credential::Error::Key(fault) | credential::Error::Signed(fault) => match fault {
                    Fault::OtherEnvironment => "key-other-environment",
                    Fault::Unknown => "key-unknown",
                    Fault::WrongSecret => "key-wrong-secret",
                    Fault::OtherScheme => "key-other-scheme",
                    Fault::Revoked => "key-revoked",
                    Fault::Expired => "key-expired",
                    Fault::NotYetValid => "key-not-yet-valid",
                },
                credential::Error::Malformed(Malformed::Checksum) => "key-checksum",
                credential::Error::Signature(signature::Error::OtherAlgorithm) => {
                    "signature-other-algorithm"
                }
                credential::Error::Token(error) => error.reason(),
                credential::Error::TokenRevoked => "token-revoked",
                credential::Error::RealmUnknown(_) => "realm-unknown",
                _ => self.code(),
            },
            Self::Permit(error) => match error {
                permit::Invalid::Malformed => "permit-malformed",
                permit::Invalid::UnknownGate => "permit-unknown-gate",
                permit::Invalid::Seal => "permit-seal",
                permit::Invalid::Expired => "permit-expired",
            },
            _ => self.code(),
        }
    }
}
