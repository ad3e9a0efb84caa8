//! Public keys as JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{KeyError, Kind, ed25519};

/// The members of a JSON Web Key that are looked at. Others are ignored (RFC 7517 §4); a known one
/// that appears twice is refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Jwk {
    /// The kind of key: `OKP`, `EC` or `RSA`.
    pub kty: String,
    /// The curve of an `OKP` or `EC` key.
    pub crv: Option<String>,
    /// The first coordinate, or the whole of an `OKP` key.
    pub x: Option<String>,
    /// The second coordinate of an `EC` key.
    pub y: Option<String>,
    /// The modulus of an `RSA` key.
    pub n: Option<String>,
    /// The exponent of an `RSA` key.
    pub e: Option<String>,
    /// The name by which a token refers to the key.
    pub kid: Option<String>,
    /// The one algorithm that the key is for.
    pub alg: Option<String>,
    /// What the key is for: `sig` or `enc`.
    #[serde(rename = "use")]
    pub purpose: Option<String>,
    /// What may be done with the key; `verify` for one that verifies.
    pub key_ops: Option<Vec<String>>,
    /// Present in a shared secret; its value is not kept.
    k: Option<IgnoredAny>,
    /// Present in a private key; its value is not kept.
    d: Option<IgnoredAny>,
    /// Present in a private RSA key.
    p: Option<IgnoredAny>,
    /// Present in a private RSA key.
    q: Option<IgnoredAny>,
}

pub(super) fn key(jwk: &Jwk) -> Result<Kind, KeyError> {
    if jwk.kty == "oct" || jwk.k.is_some() {
        return Err(KeyError::Shared);
    }
    if jwk.d.is_some() || jwk.p.is_some() || jwk.q.is_some() {
        return Err(KeyError::Private);
    }
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => ed25519(&coordinate("x", jwk.x.as_ref())?),
        ("EC", Some("P-256")) => p256(jwk),
        ("RSA", _) => rsa(jwk),
        _ => Err(KeyError::Kind),
    }
}

fn p256(jwk: &Jwk) -> Result<Kind, KeyError> {
    // SEC 1 §2.3.3: 4 says that both coordinates follow.
    let mut point = vec![4];
    point.extend_from_slice(&coordinate("x", jwk.x.as_ref())?);
    point.extend_from_slice(&coordinate("y", jwk.y.as_ref())?);
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Kind::P256).map_err(|_| KeyError::P256)
}

fn rsa(jwk: &Jwk) -> Result<Kind, KeyError> {
    let (modulus, exponent) = (integer("n", jwk.n.as_ref())?, integer("e", jwk.e.as_ref())?);
    super::rsa(&modulus, &exponent).map(Kind::Rsa)
}

/// 32 bytes, leading zeros included (RFC 7518 §6.2.1.2).
fn coordinate(name: &'static str, text: Option<&String>) -> Result<[u8; 32], KeyError> {
    decode(name, text)?.try_into().map_err(|_| KeyError::Member(name))
}

/// An unsigned integer in as few bytes as it needs (RFC 7518 §2).
fn integer(name: &'static str, text: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let bytes = decode(name, text)?;
    if bytes.first().is_none_or(|byte| *byte == 0) {
        Err(KeyError::Member(name))
    } else {
        Ok(bytes)
    }
}

fn decode(name: &'static str, text: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let text = text.ok_or(KeyError::Member(name))?;
    Base64UrlUnpadded::decode_vec(text).map_err(|_| KeyError::Member(name))
}
