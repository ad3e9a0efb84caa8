//! Public keys as `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), in DER and PEM.

use rsa::pkcs1::{EncodeRsaPublicKey as _, RsaPublicKeyRef};
use rsa::pkcs8::der::Decode as _;
use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef};
use rsa::pkcs8::{
    AlgorithmIdentifierRef, Document, EncodePublicKey as _, ObjectIdentifier,
    SubjectPublicKeyInfoRef, spki,
};

use super::{KeyError, Kind, ed25519};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

pub(super) fn from_pem(text: &str) -> Result<Kind, KeyError> {
    let (label, document) = Document::from_pem(text).map_err(|_| KeyError::Pem)?;
    match label {
        "PUBLIC KEY" => from_der(document.as_bytes()),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
        _ => Err(KeyError::Pem),
    }
}

pub(super) fn from_der(bytes: &[u8]) -> Result<Kind, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| KeyError::Spki)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        ED25519 if parameters.is_none() => ed25519(key_bytes(&info)?),
        EC_PUBLIC_KEY if info.algorithm.parameters_oid().is_ok_and(|curve| curve == P256) => {
            p256::ecdsa::VerifyingKey::from_sec1_bytes(key_bytes(&info)?)
                .map(Kind::P256)
                .map_err(|_| KeyError::P256)
        }
        RSA_ENCRYPTION if parameters == Some(AnyRef::NULL) => rsa(&info).map(Kind::Rsa),
        // With parameters the owner also restricts hash and salt: not supported, so not ignored.
        RSASSA_PSS if parameters.is_none() => rsa(&info).map(Kind::RsaPss),
        _ => Err(KeyError::Kind),
    }
}

pub(super) fn to_der(key: &Kind) -> Vec<u8> {
    let document = match key {
        Kind::Ed25519(key) => key.to_public_key_der(),
        Kind::P256(key) => key.to_public_key_der(),
        Kind::Rsa(key) => key.to_public_key_der(),
        Kind::RsaPss(key) => pss_to_der(key),
    };
    // Encoding fails only beyond 256 MiB; the empty text that would come back here is no key.
    document.map(Document::into_vec).unwrap_or_default()
}

fn key_bytes<'a>(info: &SubjectPublicKeyInfoRef<'a>) -> Result<&'a [u8], KeyError> {
    info.subject_public_key.as_bytes().ok_or(KeyError::Spki)
}

fn rsa(info: &SubjectPublicKeyInfoRef<'_>) -> Result<rsa::PublicKey, KeyError> {
    let key = RsaPublicKeyRef::from_der(key_bytes(info)?).map_err(|_| KeyError::Rsa)?;
    super::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

fn pss_to_der(key: &rsa::PublicKey) -> spki::Result<Document> {
    let pkcs1 = key.to_pkcs1_der().map_err(|_| spki::Error::KeyMalformed)?;
    let info = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef { oid: RSASSA_PSS, parameters: None },
        subject_public_key: BitStringRef::new(0, pkcs1.as_bytes())?,
    };
    Document::try_from(info)
}
