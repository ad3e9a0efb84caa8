//! The public keys of an issuer, as a JSON Web Key Set (RFC 7517 §5).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Error;
use crate::algorithm::Algorithm;
use crate::public_key::{Jwk, KeyError, PublicKey};

/// The most keys of one issuer.
pub const JWKS_MAX: usize = 64;

/// The keys of an issuer that verify signatures.
///
/// Keys for other uses, of other kinds and for other algorithms are left out (RFC 7517 §5): issuers
/// publish them side by side. Secrets, private keys, weak and malformed keys are errors.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(try_from = "Set")]
pub struct Jwks {
    named: BTreeMap<String, Entry>,
    unnamed: Vec<Entry>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    key: Arc<PublicKey>,
    /// The one algorithm that the key is for, where it says so.
    algorithm: Option<Algorithm>,
}

/// Why a set of keys is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwksError {
    /// It is not a set.
    #[error("expected a JSON Web Key Set: {0}")]
    Json(String),
    /// It has too many keys.
    #[error("expected at most {JWKS_MAX} keys, not {0}")]
    TooMany(usize),
    /// Two keys have one name.
    #[error("keys[{0}].kid: {1:?} names an earlier key too")]
    SameName(usize, String),
    /// A key is not one.
    #[error("keys[{0}]: {1}")]
    Key(usize, #[source] KeyError),
    /// A key's `alg` is not for its kind of key.
    #[error("keys[{0}].alg: {1} is not for a key of this kind")]
    OtherAlgorithm(usize, &'static str),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

impl Jwks {
    /// Reads a set.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        let set: Set =
            serde_json::from_slice(json).map_err(|error| JwksError::Json(error.to_string()))?;
        Self::try_from(set)
    }

    /// The number of keys that can verify.
    pub fn len(&self) -> usize {
        self.named.len() + self.unnamed.len()
    }

    /// Whether no key can verify.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some key verifies `algorithm`.
    pub fn verifies(&self, algorithm: Algorithm) -> bool {
        self.entries().any(|entry| entry.fits(algorithm))
    }

    /// The key that `kid` names or, without a name, the only one that fits. A `kid` is compared and
    /// never read: it is no path, address or query.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<PublicKey>, Error> {
        let entry = if let Some(kid) = kid {
            self.named.get(kid).ok_or(Error::UnknownKey)?
        } else {
            let mut fitting = self.entries().filter(|entry| entry.fits(algorithm));
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => only,
                _ => return Err(Error::UnknownKey),
            }
        };
        if entry.fits(algorithm) { Ok(entry.key.clone()) } else { Err(Error::AlgorithmNotAllowed) }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.named.values().chain(&self.unnamed)
    }
}

impl Entry {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.key.algorithms().contains(&algorithm)
            && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

impl TryFrom<Set> for Jwks {
    type Error = JwksError;

    fn try_from(set: Set) -> Result<Self, JwksError> {
        if set.keys.len() > JWKS_MAX {
            return Err(JwksError::TooMany(set.keys.len()));
        }
        let mut keys = Self::default();
        for (index, jwk) in set.keys.into_iter().enumerate() {
            let Some(entry) = entry(index, &jwk)? else { continue };
            let Some(kid) = jwk.kid else {
                keys.unnamed.push(entry);
                continue;
            };
            if keys.named.insert(kid.clone(), entry).is_some() {
                return Err(JwksError::SameName(index, kid));
            }
        }
        Ok(keys)
    }
}

/// A key that verifies; `None` for one that is for something else.
fn entry(index: usize, jwk: &Jwk) -> Result<Option<Entry>, JwksError> {
    let key = match PublicKey::from_jwk(jwk) {
        Ok(key) => Arc::new(key),
        Err(KeyError::Kind) => return Ok(None),
        Err(error) => return Err(JwksError::Key(index, error)),
    };
    let verifies = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let algorithm = jwk.alg.as_deref().map(Algorithm::from_jwa_name);
    match algorithm {
        // For an algorithm that is not known here.
        Some(None) => Ok(None),
        _ if !verifies => Ok(None),
        Some(Some(own)) if !key.algorithms().contains(&own) => {
            Err(JwksError::OtherAlgorithm(index, own.jwa_name()))
        }
        Some(algorithm) => Ok(Some(Entry { key, algorithm })),
        None => Ok(Some(Entry { key, algorithm: None })),
    }
}

#[cfg(test)]
mod tests;
