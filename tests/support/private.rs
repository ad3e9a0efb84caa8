//! Private keys that sign in tests. They are published with this repository and protect nothing.

use std::convert::Infallible;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::Signer as _;
use filter::algorithm::Algorithm;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use sha2::{Sha256, Sha512};

/// The PEM file of the key pair that tests call `name`.
fn pem(name: &str) -> &'static str {
    match name {
        "ed25519" => include_str!("testdata/ed25519.pem"),
        "p256" => include_str!("testdata/p256.pem"),
        "other-p256" => include_str!("testdata/other-p256.pem"),
        "rsa" => include_str!("testdata/rsa.pem"),
        _ => panic!("no key pair is called {name}"),
    }
}

/// The base64 between the lines that name a block.
fn block(name: &str, kind: &str) -> String {
    let text = pem(name);
    let (_, rest) = text.split_once(&format!("-----BEGIN {kind}-----\n")).expect("a PEM block");
    let (inside, _) = rest.split_once("-----END").expect("the end of a PEM block");
    inside.split_whitespace().collect()
}

/// The public half, as a key record has it: a `SubjectPublicKeyInfo` in base64.
pub fn public(name: &str) -> String {
    block(name, "PUBLIC KEY")
}

/// The signature of the key pair `name` over `message`.
///
/// # Panics
/// If the key is not for the algorithm.
pub fn sign(name: &str, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let der = Base64::decode_vec(&block(name, "PRIVATE KEY")).expect("base64");
    let rsa = || rsa::PrivateKey::from_pkcs8_der(&der).expect("an RSA key");
    match algorithm {
        Algorithm::Ed25519 => {
            use ed25519_dalek::pkcs8::DecodePrivateKey as _;
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(&der).expect("an Ed25519 key");
            key.sign(message).to_vec()
        }
        Algorithm::EcdsaP256Sha256 => {
            use p256::pkcs8::DecodePrivateKey as _;
            let key = p256::ecdsa::SigningKey::from_pkcs8_der(&der).expect("a P-256 key");
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_vec()
        }
        Algorithm::RsaV15Sha256 => rsa().pkcs1v15_sign::<Sha256>(message).expect("a signature"),
        Algorithm::RsaPssSha256 => {
            rsa().pss_sign_with_rng::<Sha256, _>(&mut Weyl(1), message).expect("a signature")
        }
        Algorithm::RsaPssSha512 => {
            rsa().pss_sign_with_rng::<Sha512, _>(&mut Weyl(1), message).expect("a signature")
        }
        Algorithm::HmacSha256 => panic!("a key pair makes no HMAC"),
    }
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
