//! Makes tokens for tests, with the private keys that the RFCs publish.

use std::convert::Infallible;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::Signer as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::UnixMillis;
use crate::algorithm::Algorithm;
use crate::jwt::{HmacSecrets, Issuer, Jwks};

/// When the tests are.
pub(in crate::jwt) const NOW: u64 = 1_700_000_000;
/// The secret for HS256.
pub(in crate::jwt) const SECRET: &[u8; 32] = b"an HS256 secret of 32 characters";

/// RFC 8037, appendix A.1.
const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 7515, appendix A.3.
const P256_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
/// RFC 7515, appendix A.2.
pub(in crate::jwt) const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxH\
    mfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzj\
    b_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3q\
    Co5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpo\
    Q";
const RSA_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQ\
    Ta9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RSA_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj\
    7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";

/// The public halves of the keys, each under its own name.
pub(in crate::jwt) fn jwks() -> Value {
    json!({ "keys": [
        { "kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": ED25519_X },
        { "kid": "ec", "kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y, "alg": "ES256" },
        { "kid": "rsa", "kty": "RSA", "n": RSA_N, "e": "AQAB", "use": "sig" },
    ] })
}

pub(in crate::jwt) fn keys(set: &Value) -> Jwks {
    Jwks::parse(set.to_string().as_bytes()).unwrap()
}

/// The name of the key for an algorithm.
pub(in crate::jwt) fn kid(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha256 => "none of the public ones",
        Algorithm::Ed25519 => "ed",
        Algorithm::EcdsaP256Sha256 => "ec",
        Algorithm::RsaV15Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512 => "rsa",
    }
}

/// An issuer that takes all asymmetric algorithms, and HS256 with the secret `shared`.
pub(in crate::jwt) fn issuer() -> Issuer {
    Issuer {
        name: "login".into(),
        issuer: "https://login.example/".into(),
        audiences: vec!["images".into(), "pictures".into()],
        algorithms: Algorithm::ALL.to_vec(),
        keys: keys(&jwks()),
        hmac_secret: Some("shared".into()),
        types: crate::jwt::default_types(),
        max_lifetime: 3600,
        require_jti: false,
        scope_claim: "scope".into(),
        tier: "free".into(),
        skew: 0,
    }
}

pub(in crate::jwt) fn now() -> UnixMillis {
    UnixMillis(NOW * 1000)
}

/// Claims that the issuer's tokens are good with.
pub(in crate::jwt) fn claims() -> Value {
    json!({
        "iss": "https://login.example/", "sub": "alice", "aud": "images", "scope": "cut-out ocr",
        "iat": NOW - 60, "exp": NOW + 60, "jti": "a1",
    })
}

/// The same claims with some replaced, or left out where the replacement is null.
pub(in crate::jwt) fn claims_with(changes: &Value) -> Value {
    with(claims(), changes)
}

pub(in crate::jwt) fn header(algorithm: Algorithm) -> Value {
    json!({ "alg": algorithm.jwa_name(), "kid": kid(algorithm), "typ": "at+jwt" })
}

pub(in crate::jwt) fn with(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

/// A token with a good signature of `algorithm`'s key, whatever the header says.
pub(in crate::jwt) fn signed(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = base64url(&sign(algorithm, signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(in crate::jwt) fn token(algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    signed(algorithm, &header.to_string(), &claims.to_string())
}

/// A good ES256 token with these claims.
pub(in crate::jwt) fn es256(claims: &Value) -> String {
    token(Algorithm::EcdsaP256Sha256, &header(Algorithm::EcdsaP256Sha256), claims)
}

pub(in crate::jwt) fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::HmacSha256 => crate::key::hmac_sha256(SECRET, &[message]).to_vec(),
        Algorithm::Ed25519 => {
            let key = ed25519_dalek::SigningKey::try_from(&*bytes(ED25519_D)).unwrap();
            key.sign(message).to_vec()
        }
        Algorithm::EcdsaP256Sha256 => {
            let key = p256::ecdsa::SigningKey::from_slice(&bytes(P256_D)).unwrap();
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_vec()
        }
        Algorithm::RsaV15Sha256 => rsa_key().pkcs1v15_sign::<Sha256>(message).unwrap(),
        Algorithm::RsaPssSha256 => {
            rsa_key().pss_sign_with_rng::<Sha256, _>(&mut Weyl(1), message).unwrap()
        }
        Algorithm::RsaPssSha512 => {
            rsa_key().pss_sign_with_rng::<Sha512, _>(&mut Weyl(1), message).unwrap()
        }
    }
}

pub(in crate::jwt) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub(in crate::jwt) fn bytes(base64url: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(base64url).unwrap()
}

/// A host with these secrets.
pub(in crate::jwt) struct Secrets(pub(in crate::jwt) &'static [(&'static str, &'static [u8])]);

impl HmacSecrets for Secrets {
    fn find(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (_, secret) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(Zeroizing::new(secret.to_vec()))
    }
}

/// A host with the secret that [`issuer`] names.
pub(in crate::jwt) const HOST: Secrets = Secrets(&[("shared", SECRET)]);

fn rsa_key() -> rsa::PrivateKey {
    let prime = |text| rsa::BoxedUint::from_be_slice(&bytes(text), 1024).unwrap();
    rsa::PrivateKey::from_p_q(prime(RSA_P), prime(RSA_Q), 65_537_u64.into()).unwrap()
}

/// Numbers that look random (`SplitMix64`), for salts that need not be.
struct Weyl(u64);

impl TryRng for Weyl {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Weyl {}
