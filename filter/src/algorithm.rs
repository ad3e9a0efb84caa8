//! The signature algorithms, by their names in HTTP Message Signatures and in JSON Web Signatures.
//!
//! RFC 9421 §3.3 and §6.2.2 name the former, RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2 the
//! latter. Which of them a key may be used with is decided by the key, never by a message.

use serde::{Deserialize, Serialize};

/// One way to sign.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever can verify can also sign.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// Ed25519, pure (RFC 8032 §5.1).
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "rsa-v1_5-sha256")]
    RsaV15Sha256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes; RFC 9421 has no name for it.
    #[serde(rename = "rsa-pss-sha256")]
    RsaPssSha256,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    #[serde(rename = "rsa-pss-sha512")]
    RsaPssSha512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::HmacSha256,
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::RsaV15Sha256,
        Self::RsaPssSha256,
        Self::RsaPssSha512,
    ];

    /// Whether the key that verifies cannot sign.
    pub const fn is_asymmetric(self) -> bool {
        !matches!(self, Self::HmacSha256)
    }

    /// The name in HTTP Message Signatures, where it has one.
    pub const fn http_name(self) -> Option<&'static str> {
        match self {
            Self::HmacSha256 => Some("hmac-sha256"),
            Self::Ed25519 => Some("ed25519"),
            Self::EcdsaP256Sha256 => Some("ecdsa-p256-sha256"),
            Self::RsaV15Sha256 => Some("rsa-v1_5-sha256"),
            Self::RsaPssSha256 => None,
            Self::RsaPssSha512 => Some("rsa-pss-sha512"),
        }
    }

    /// The algorithm of that name in HTTP Message Signatures; names are compared exactly.
    pub fn from_http_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.http_name() == Some(name))
    }

    /// The name in JSON Web Signatures.
    pub const fn jwa_name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HS256",
            Self::Ed25519 => "EdDSA",
            Self::EcdsaP256Sha256 => "ES256",
            Self::RsaV15Sha256 => "RS256",
            Self::RsaPssSha256 => "PS256",
            Self::RsaPssSha512 => "PS512",
        }
    }

    /// The algorithm of that name in JSON Web Signatures; names are compared exactly.
    ///
    /// `EdDSA` leaves the curve to the key, and the only such key here is Ed25519; RFC 9864 names it
    /// `Ed25519`. There is no `none`.
    pub fn from_jwa_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::Ed25519);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.jwa_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_jwa_name(algorithm.jwa_name()), Some(algorithm));
            if let Some(name) = algorithm.http_name() {
                assert_eq!(Algorithm::from_http_name(name), Some(algorithm));
                assert_eq!(serde_json::to_value(algorithm).unwrap(), name);
            }
        }
        assert_eq!(Algorithm::from_jwa_name("Ed25519"), Some(Algorithm::Ed25519));
        assert_eq!(Algorithm::from_http_name("rsa-pss-sha256"), None);
    }

    #[test]
    fn names_are_exact_and_none_is_no_name() {
        for name in ["none", "None", "NONE", "", "es256", "ES256 ", "hs256", "RS1", "ES256K"] {
            assert_eq!(Algorithm::from_jwa_name(name), None, "{name}");
            assert_eq!(Algorithm::from_http_name(name), None, "{name}");
        }
    }
}
