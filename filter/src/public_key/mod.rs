//! Public keys that verify signatures: Ed25519, P-256 and RSA.
//!
//! A key knows which algorithms it verifies, and there is no way to use it with another: an RSA key
//! cannot become the secret of an HMAC (RFC 8725 §2.1). What is weak or ambiguous is refused when
//! the key is read, so that verifying need not think of it.

mod jwk;
mod spki;

use std::fmt;

use base64ct::{Base64, Encoding as _};
use p256::ecdsa::signature::Verifier as _;
use rsa::BoxedUint;
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha512};

pub use jwk::Jwk;

use crate::algorithm::Algorithm;

/// The modulus of an RSA key has at least this many bits (RFC 7518 §3.3).
pub const RSA_BITS_MIN: usize = 2048;
/// The modulus of an RSA key has at most this many bits: what a forged signature costs grows with
/// their square.
pub const RSA_BITS_MAX: usize = 4096;

/// A public key.
///
/// In JSON it is the base64 of its `SubjectPublicKeyInfo`, which is a PEM file without its frame.
#[derive(Clone, Eq, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(Kind);

#[derive(Clone, Eq, PartialEq)]
enum Kind {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
    Rsa(rsa::PublicKey),
    /// An RSA key whose owner restricts it to PSS (RFC 4055 §1.2).
    RsaPss(rsa::PublicKey),
}

/// Why a text is not a public key that is taken here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// It is not a PEM block.
    #[error("expected a PEM block `-----BEGIN PUBLIC KEY-----`")]
    Pem,
    /// It is not a `SubjectPublicKeyInfo`.
    #[error("expected a public key as SubjectPublicKeyInfo in DER, and nothing after it")]
    Spki,
    /// It holds the private half.
    #[error("this is a private key: give its public half, and treat the private one as published")]
    Private,
    /// It is a shared secret.
    #[error("this is a shared secret (`kty` \"oct\"), which no public set of keys may hold")]
    Shared,
    /// It is a key of another kind.
    #[error("expected an Ed25519, P-256 or RSA key")]
    Kind,
    /// A member of the JSON Web Key is missing or not of its form.
    #[error("`{0}`: expected the value of its length in base64url without padding")]
    Member(&'static str),
    /// An Ed25519 key is not a point, not in its one encoding, or of small order.
    #[error("the Ed25519 key is not a canonical point of large order")]
    Ed25519,
    /// A P-256 key is not on the curve.
    #[error("the P-256 key is not a point of the curve")]
    P256,
    /// An RSA modulus has the wrong length.
    #[error("expected an RSA modulus of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, not {0}")]
    RsaBits(usize),
    /// An RSA key is none.
    #[error("expected an odd RSA modulus and an odd RSA exponent from 3 to 2^33 - 1")]
    Rsa,
}

/// The signature is not the key's over the message, or the key does not verify the algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY` (RFC 7468 §13).
    pub fn from_spki_pem(text: &str) -> Result<Self, KeyError> {
        spki::from_pem(text).map(Self)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.
    pub fn from_spki_der(bytes: &[u8]) -> Result<Self, KeyError> {
        spki::from_der(bytes).map(Self)
    }

    /// Reads a JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037 §2): its `kty` and what that asks for.
    /// What the key may be used for is for the caller to look at.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        jwk::key(jwk).map(Self)
    }

    /// The `SubjectPublicKeyInfo` in DER, the same bytes for the same key however it was given.
    pub fn to_spki_der(&self) -> Vec<u8> {
        spki::to_der(&self.0)
    }

    /// The algorithms that the key verifies.
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        match &self.0 {
            Kind::Ed25519(_) => &[Algorithm::Ed25519],
            Kind::P256(_) => &[Algorithm::EcdsaP256Sha256],
            Kind::Rsa(_) => {
                &[Algorithm::RsaV15Sha256, Algorithm::RsaPssSha256, Algorithm::RsaPssSha512]
            }
            Kind::RsaPss(_) => &[Algorithm::RsaPssSha256, Algorithm::RsaPssSha512],
        }
    }

    /// Verifies that `signature` is the key's over `message`.
    ///
    /// Only one encoding of a signature verifies: Ed25519 as in RFC 8032 with points of small order
    /// refused, ECDSA as 64 bytes `r || s` with neither zero (RFC 7518 §3.4, RFC 9421 §3.3.4), RSA
    /// as long as the modulus, PSS with a salt as long as the hash.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let verified = match (&self.0, algorithm) {
            (Kind::Ed25519(key), Algorithm::Ed25519) => {
                ed25519_dalek::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            (Kind::P256(key), Algorithm::EcdsaP256Sha256) => {
                p256::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            (Kind::Rsa(key), Algorithm::RsaV15Sha256) => {
                key.pkcs1v15_verify::<Sha256>(message, signature).is_ok()
            }
            (Kind::Rsa(key) | Kind::RsaPss(key), Algorithm::RsaPssSha256) => {
                key.pss_verify::<Sha256>(message, signature).is_ok()
            }
            (Kind::Rsa(key) | Kind::RsaPss(key), Algorithm::RsaPssSha512) => {
                key.pss_verify::<Sha512>(message, signature).is_ok()
            }
            _ => false,
        };
        if verified { Ok(()) } else { Err(BadSignature) }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", String::from(self.clone()))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::from_spki_der(&Base64::decode_vec(&text).map_err(|_| KeyError::Spki)?)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        Base64::encode_string(&key.to_spki_der())
    }
}

/// An Ed25519 key from its 32 bytes.
fn ed25519(bytes: &[u8]) -> Result<Kind, KeyError> {
    let key = ed25519_dalek::VerifyingKey::try_from(bytes).map_err(|_| KeyError::Ed25519)?;
    // RFC 8032 §5.1.3 refuses a coordinate that is not reduced; the library takes it.
    let canonical = ed25519_dalek::VerifyingKey::from(key.to_edwards());
    if key.is_weak() || canonical != key { Err(KeyError::Ed25519) } else { Ok(Kind::Ed25519(key)) }
}

/// An RSA key from modulus and exponent, both unsigned and big-endian.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<rsa::PublicKey, KeyError> {
    let bits = bits(modulus);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(KeyError::RsaBits(bits));
    }
    let number = |bytes: &[u8]| {
        let precision = u32::try_from(bytes.len() * 8).map_err(|_| KeyError::Rsa)?;
        BoxedUint::from_be_slice(bytes, precision).map_err(|_| KeyError::Rsa)
    };
    rsa::PublicKey::new(number(modulus)?, number(exponent)?).map_err(|_| KeyError::Rsa)
}

/// The length of an unsigned big-endian number, without leading zeros.
fn bits(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let first = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    (bytes.len() - zeros) * 8 - first
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
