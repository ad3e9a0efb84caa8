//! Tokens of the gate's issuers.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::gate::{PRIVATE, START, TOKEN_SECRET};

/// Who signs, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signer {
    /// The issuer `corp`, with HS256.
    Corp,
    /// The issuer `login`, with EdDSA.
    Login,
}

impl Signer {
    /// The header of its tokens.
    pub fn header(self) -> Value {
        match self {
            Self::Corp => json!({ "alg": "HS256", "typ": "JWT" }),
            Self::Login => json!({ "alg": "EdDSA", "typ": "JWT", "kid": "ed" }),
        }
    }

    /// Claims that a token of it is good with.
    pub fn claims(self) -> Value {
        let now = START.0 / 1000;
        let issuer = match self {
            Self::Corp => "https://id.example",
            Self::Login => "https://login.example",
        };
        json!({
            "iss": issuer, "sub": "alice", "aud": "images", "scope": "cut-out", "jti": "a1",
            "iat": now - 60, "exp": now + 3600,
        })
    }

    /// The signature over `message`.
    pub fn sign(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Corp => {
                let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_SECRET).expect("any length");
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }
            Self::Login => PRIVATE.sign(message).to_vec(),
        }
    }

    /// A token with this header and these claims, whatever they say, and a good signature.
    pub fn token(self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        format!("{signed}.{}", encode(&self.sign(signed.as_bytes())))
    }

    /// A good token.
    pub fn good(self) -> String {
        self.token(self.header().to_string().as_bytes(), self.claims().to_string().as_bytes())
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
