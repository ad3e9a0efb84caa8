//! The compact serialisation of a JSON Web Signature (RFC 7515 §7.1).

use std::str;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Error, TOKEN_MAX, json};
use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;

/// Header parameters that change what the rest means, none of which is supported: `crit` names such
/// (RFC 7515 §4.1.11), `b64` changes what is signed (RFC 7797), `zip` the payload (RFC 7516).
const CRITICAL: [&str; 3] = ["crit", "b64", "zip"];

/// A signed text, taken apart.
pub(super) struct Jws {
    pub(super) algorithm: Algorithm,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) payload: Vec<u8>,
    /// The first two parts as received: what the signature is over.
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// What a signature is verified with.
pub(super) enum Verifier {
    Key(Arc<PublicKey>),
    Secret(Zeroizing<Vec<u8>>),
}

impl Jws {
    /// Takes a token apart: exactly three parts in base64url without padding, white space or spare
    /// bits, the first a JSON object.
    pub(super) fn parse(token: &[u8]) -> Result<Self, Error> {
        if token.len() > TOKEN_MAX {
            return Err(Error::TooLong);
        }
        let text = str::from_utf8(token).map_err(|_| malformed("parts"))?;
        let parts = text.rsplit_once('.');
        let (signed, signature) = parts.ok_or(Error::Malformed { what: "parts" })?;
        // A fourth part is part of the payload here, and its dot is not base64url.
        let parts = signed.split_once('.');
        let (header, payload) = parts.ok_or(Error::Malformed { what: "parts" })?;
        let header = json::object(&decode(header, "header")?);
        let header = header.ok_or(Error::Malformed { what: "header" })?;
        if CRITICAL.iter().any(|name| header.contains_key(*name)) {
            return Err(Error::Critical);
        }
        let parameter = |name| match header.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(malformed("header")),
        };
        let name = parameter("alg")?.ok_or(Error::Malformed { what: "header" })?;
        Ok(Self {
            algorithm: Algorithm::from_jwa_name(&name).ok_or(Error::AlgorithmNotAllowed)?,
            typ: parameter("typ")?,
            kid: parameter("kid")?,
            payload: decode(payload, "payload")?,
            signed: signed.as_bytes().to_vec(),
            signature: decode(signature, "signature")?,
        })
    }

    /// Verifies the signature; a verifier of another kind than the algorithm's verifies nothing.
    pub(super) fn verify(&self, verifier: &Verifier) -> Result<(), Error> {
        match verifier {
            Verifier::Key(key) => key
                .verify(self.algorithm, &self.signed, &self.signature)
                .map_err(|_| Error::Invalid),
            Verifier::Secret(secret) if self.algorithm == Algorithm::HmacSha256 => {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Error::SecretUnavailable)?;
                mac.update(&self.signed);
                // Compared in constant time, and only in full length.
                mac.verify_slice(&self.signature).map_err(|_| Error::Invalid)
            }
            Verifier::Secret(_) => Err(Error::Invalid),
        }
    }
}

fn malformed(what: &'static str) -> Error {
    Error::Malformed { what }
}

fn decode(part: &str, what: &'static str) -> Result<Vec<u8>, Error> {
    Base64UrlUnpadded::decode_vec(part).map_err(|_| malformed(what))
}

#[cfg(test)]
mod tests;
