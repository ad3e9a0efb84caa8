//! From a signature that is ready to be verified to one that was.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::{Error, Scheme, VerificationKey, Weaker};
use crate::UnixMillis;
use crate::algorithm::Algorithm;
use crate::digest::ContentDigest;
use crate::key::keyed_hmac_sha256;
use crate::public_key::PublicKey;

/// What one scheme made of a request: what is signed, by what proof, and what that says if it holds.
pub(super) struct Draft {
    pub(super) message: Vec<u8>,
    pub(super) claim: Claim,
    pub(super) facts: Facts,
}

/// What a request shows as proof.
pub(super) enum Claim {
    /// A signature over the message.
    Message(Vec<u8>),
    /// MACs over the message and then the body; one of them must be right. Nothing follows the
    /// message where there is no body.
    MessageAndBody { macs: Vec<[u8; 32]>, has_body: bool },
}

/// What a signature says, if it verifies.
pub(super) struct Facts {
    pub(super) created: UnixMillis,
    pub(super) expires: Option<UnixMillis>,
    pub(super) nonce: Option<String>,
    pub(super) digest: Option<ContentDigest>,
    pub(super) weaker: Weaker,
}

/// A signature with everything that it takes to verify it. It owns its data, so verifying can wait,
/// and happen elsewhere. No `Debug`: it holds a secret.
#[must_use]
pub struct Prepared {
    scheme: Scheme,
    proof: Proof,
    facts: Facts,
}

enum Proof {
    Mac { key: Zeroizing<Vec<u8>>, message: Vec<u8>, mac: Vec<u8> },
    Signature { key: PublicKey, algorithm: Algorithm, message: Vec<u8>, signature: Vec<u8> },
    Body { mac: BodyMac, has_body: bool },
}

/// What a request says under a signature that verifies.
#[derive(Debug)]
pub struct Verified {
    /// How it was signed.
    pub scheme: Scheme,
    /// When it was signed, by its signer's clock.
    pub created: UnixMillis,
    /// When the signature ends, if it says so.
    pub expires: Option<UnixMillis>,
    /// What makes the request unlike any other, where the scheme has such a thing.
    pub nonce: Option<String>,
    /// The digest of the body, where the signature covers one: the body must have it.
    pub digest: Option<ContentDigest>,
    /// What the signature leaves open.
    pub weaker: Weaker,
    /// Where the body itself is signed: **nothing is verified yet** until it says so. Neither the
    /// nonce nor the key id may be relied on before.
    pub body_mac: Option<BodyMac>,
}

impl Prepared {
    /// Joins what a scheme found with the key that it must have been made with.
    pub(super) fn new(
        scheme: Scheme,
        draft: Draft,
        key: VerificationKey,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        let Draft { message, claim, facts } = draft;
        let proof = match (key, claim) {
            (VerificationKey::Secret(key), Claim::Message(mac))
                if algorithm == Algorithm::HmacSha256 =>
            {
                Proof::Mac { key, message, mac }
            }
            (VerificationKey::Secret(key), Claim::MessageAndBody { macs, has_body })
                if algorithm == Algorithm::HmacSha256 =>
            {
                let mut mac = keyed_hmac_sha256(&key);
                mac.update(&message);
                Proof::Body { mac: BodyMac { mac, expected: macs }, has_body }
            }
            (VerificationKey::Public(key), Claim::Message(signature))
                if algorithm.is_asymmetric() && scheme == Scheme::Rfc9421 =>
            {
                Proof::Signature { key, algorithm, message, signature }
            }
            // A public key must never serve as the secret of an HMAC, nor the other way round.
            (VerificationKey::Secret(_) | VerificationKey::Public(_), _) => {
                return Err(Error::OtherAlgorithm);
            }
        };
        Ok(Self { scheme, proof, facts })
    }

    /// Whether verifying is expensive: a public key must be used, which costs many times an HMAC.
    pub fn is_asymmetric(&self) -> bool {
        matches!(self.proof, Proof::Signature { .. })
    }

    /// Verifies the signature.
    pub fn verify(self) -> Result<Verified, Error> {
        let Self { scheme, proof, facts } = self;
        let body_mac = match proof {
            Proof::Mac { key, message, mac } => {
                let mut hmac = keyed_hmac_sha256(&key);
                hmac.update(&message);
                hmac.verify_slice(&mac).map_err(|_| Error::Invalid)?;
                None
            }
            Proof::Signature { key, algorithm, message, signature } => {
                key.verify(algorithm, &message, &signature).map_err(|_| Error::Invalid)?;
                None
            }
            Proof::Body { mac, has_body: true } => Some(mac),
            Proof::Body { mac, has_body: false } => {
                mac.finish()?;
                None
            }
        };
        let Facts { created, expires, nonce, digest, weaker } = facts;
        Ok(Verified { scheme, created, expires, nonce, digest, weaker, body_mac })
    }
}

/// A MAC over a body that has yet to come.
#[derive(Clone)]
pub struct BodyMac {
    mac: Hmac<Sha256>,
    expected: Vec<[u8; 32]>,
}

impl BodyMac {
    /// Takes the next piece of the body. Where it is cut makes no difference.
    pub fn update(&mut self, chunk: &[u8]) {
        self.mac.update(chunk);
    }

    /// The body ended: only now the signature is known to verify.
    pub fn finish(self) -> Result<(), Error> {
        let mac: [u8; 32] = self.mac.finalize().into_bytes().into();
        let right = self
            .expected
            .iter()
            .fold(Choice::from(0), |right, expected| right | expected.ct_eq(&mac));
        if bool::from(right) { Ok(()) } else { Err(Error::Invalid) }
    }
}

impl fmt::Debug for BodyMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyMac").finish_non_exhaustive()
    }
}

/// Verifying may happen on another thread than the one that read the request.
const _: fn() = || {
    fn send<T: Send>() {}
    send::<Prepared>();
    send::<Verified>();
};
