//! The first line of a snapshot: a signed statement about the second.
//!
//! It is a DSSE envelope (Dead Simple Signing Envelope, secure-systems-lab/dsse v1.0) with one Ed25519
//! signature (RFC 8032). Gates hold only the public key, so none of them can speak for the node.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::key::Environment;
use crate::{UnixMillis, hex};

/// How long a snapshot is good for, in milliseconds.
pub const LIFETIME: u64 = 15 * 60_000;
/// How far the node's clock may be ahead of the gate's, in milliseconds.
const AHEAD_MAX: u64 = 60_000;
/// What the payload is.
const PAYLOAD_TYPE: &str = "application/vnd.lunette.snapshot+json";
/// The most bytes of a seal: many times what one takes.
const SEAL_MAX: usize = 4096;

/// What the node says of a snapshot's content.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The deployment it is for.
    pub audience: String,
    /// The environment whose keys it holds.
    pub environment: Environment,
    /// The epoch of policy and keys; it only grows.
    pub epoch: u64,
    /// When it was signed.
    pub issued_at: UnixMillis,
    /// From when on it must not be used.
    pub expires_at: UnixMillis,
    /// SHA-256 of the content, in hex digits.
    pub sha256: String,
    /// The length of the content in bytes.
    pub length: u64,
}

/// Why a snapshot is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is no snapshot.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// No signature by the key that is trusted.
    #[error("it is not signed by the node's key {0}")]
    Unsigned(String),
    /// The signature is not of these bytes.
    #[error("its signature does not verify")]
    Signature,
    /// It is for others.
    #[error("it is for audience {audience:?} in environment {}", environment.as_str())]
    Foreign {
        /// The deployment it is for.
        audience: String,
        /// The environment it is for.
        environment: Environment,
    },
    /// It was good once, or would be good for longer than any may be.
    #[error("it expired at {expires_at} ms, or its lifetime is not within {LIFETIME} ms")]
    Expired {
        /// When.
        expires_at: u64,
    },
    /// It was signed later than now.
    #[error("it was signed at {issued_at} ms, which is ahead of this gate's clock")]
    Ahead {
        /// When.
        issued_at: u64,
    },
    /// The gate has a newer one.
    #[error("its epoch {epoch} is older than {held}, which this gate has")]
    Older {
        /// Its epoch.
        epoch: u64,
        /// The epoch that the gate has.
        held: u64,
    },
    /// The gate has another content of the same epoch.
    #[error("its epoch {epoch} is one that this gate has with another content")]
    Ambiguous {
        /// The epoch.
        epoch: u64,
    },
    /// The content is not the one that was signed, or was left out although the gate lacks it.
    #[error("its content is not what was signed")]
    Content,
    /// The policy in it is none.
    #[error("its policy is refused: {0}")]
    Policy(String),
}

/// The node's public key, which gates trust.
#[derive(Clone, Debug)]
pub struct SnapshotKey(VerifyingKey);

impl SnapshotKey {
    /// The key of 64 hex digits; `None` if they are no Ed25519 public key, or one of small order.
    pub fn parse(digits: &str) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&hex::decode(digits)?).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// Its 64 hex digits.
    pub fn digits(&self) -> String {
        hex::encode(self.0.as_bytes())
    }

    /// What tells this key from others: 16 hex digits.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        hex::encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

/// The node's key. It has no `Debug`, and is overwritten when dropped.
pub struct SnapshotSigner(SigningKey);

impl SnapshotSigner {
    /// The key of a 32-byte seed.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key that gates need.
    pub fn public(&self) -> SnapshotKey {
        SnapshotKey(self.0.verifying_key())
    }

    /// The first line of a snapshot, without its line end.
    pub fn seal(&self, statement: &Statement) -> String {
        // Strings and numbers always serialise.
        let payload = serde_json::to_vec(statement).unwrap_or_default();
        let signature = self.0.sign(&signed(&payload));
        let seal = Seal {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: Base64::encode_string(&payload),
            signatures: vec![SealSignature {
                keyid: self.public().id(),
                sig: Base64::encode_string(&signature.to_bytes()),
            }],
        };
        serde_json::to_string(&seal).unwrap_or_default()
    }
}

/// A DSSE envelope. Nothing in it may be believed before [`open`](Self::open).
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<SealSignature>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SealSignature {
    keyid: String,
    sig: String,
}

impl Seal {
    /// The statement of the line `line`, if `key` signed it and it is good at `now`.
    ///
    /// # Errors
    /// If anything about it is not as it must be. Whom it is for is not judged here.
    pub fn open(line: &[u8], key: &SnapshotKey, now: UnixMillis) -> Result<Statement, Refused> {
        if line.len() > SEAL_MAX {
            return Err(Refused::Malformed("its first line"));
        }
        let seal: Self =
            serde_json::from_slice(line).map_err(|_| Refused::Malformed("its first line"))?;
        let id = key.id();
        // The key id only says which signature to try.
        let signature = seal.signatures.iter().find(|signature| signature.keyid == id);
        let signature = signature.ok_or(Refused::Unsigned(id))?;
        let payload =
            Base64::decode_vec(&seal.payload).map_err(|_| Refused::Malformed("its payload"))?;
        let signature = Base64::decode_vec(&signature.sig).map_err(|_| Refused::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| Refused::Signature)?;
        if seal.payload_type != PAYLOAD_TYPE
            || key.0.verify_strict(&signed(&payload), &signature).is_err()
        {
            return Err(Refused::Signature);
        }
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|_| Refused::Malformed("its statement"))?;
        statement.check_times(now)?;
        Ok(statement)
    }
}

impl Statement {
    fn check_times(&self, now: UnixMillis) -> Result<(), Refused> {
        let Self { issued_at, expires_at, .. } = *self;
        if issued_at > now.plus(AHEAD_MAX) {
            return Err(Refused::Ahead { issued_at: issued_at.0 });
        }
        if now >= expires_at || expires_at > issued_at.plus(LIFETIME) {
            return Err(Refused::Expired { expires_at: expires_at.0 });
        }
        Ok(())
    }
}

/// What is signed: DSSE's pre-authentication encoding, so that a payload of one type never passes for
/// one of another.
fn signed(payload: &[u8]) -> Vec<u8> {
    let head =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    [head.as_slice(), payload].concat()
}
