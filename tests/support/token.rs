//! JSON Web Tokens, made at the moment when they are sent: right, or wrong in exactly one way.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use filter::algorithm::Algorithm;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::vectors::Moment;
use crate::{keys, private};

/// A token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Token {
    /// The `alg`; `ES256` if it is left out.
    alg: Option<String>,
    /// What signs, where that is not what `alg` says.
    with: Option<With>,
    /// Members of the header, in place of the usual ones; null leaves one out.
    header: Map<String, Value>,
    /// Claims, in place of the usual ones; null leaves one out, `{"now": 60}` is a time.
    claims: Map<String, Value>,
    /// The text of the claims, in place of an object.
    payload: Option<String>,
    /// What is wrong with the token as a text.
    fault: Option<Fault>,
}

/// What signs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum With {
    /// This key pair.
    Pair(String),
    /// An HMAC whose secret is the text of this pair's public key.
    PublicKey(String),
    /// An HMAC with this secret.
    Secret(String),
    /// Nobody: the signature is empty.
    Nobody,
}

/// What is wrong with a token as a text.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// A bit of the signature is another one.
    FlippedSignature,
    /// A signature of zeros.
    ZeroSignature,
    /// A signature in DER, as other protocols have it.
    DerSignature,
    /// Claims that were changed after they were signed.
    OtherClaims,
    /// White space in the header's base64.
    Space,
    /// Padding behind the base64 of the signature.
    Padding,
    /// A fourth part.
    FourParts,
}

/// The text of a token.
pub(crate) fn text(token: &Token, now: Moment) -> String {
    let alg = token.alg.as_deref().unwrap_or("ES256");
    let kid = match alg {
        "EdDSA" | "Ed25519" => Some("ed"),
        "ES256" => Some("ec"),
        "RS256" | "PS256" => Some("rsa"),
        _ => None,
    };
    let mut header = json!({ "alg": alg, "typ": "JWT" });
    header["kid"] = kid.map_or(Value::Null, Value::from);
    let issuer = if alg == "HS256" { "legacy" } else { "login" };
    let claims = json!({
        "iss": format!("https://{issuer}.example/"), "sub": "alice", "aud": "images",
        "scope": "background-removal", "iat": { "now": -10 }, "exp": { "now": 300 },
    });
    let header = with(header, &token.header, now).to_string();
    let payload = token.payload.clone();
    let payload = payload.unwrap_or_else(|| with(claims, &token.claims, now).to_string());
    let mut signed = format!("{}.{}", base64url(&header), base64url(&payload));
    let mut signature = signature(token, alg, signed.as_bytes());
    match token.fault {
        Some(Fault::FlippedSignature) => signature[7] ^= 1,
        Some(Fault::ZeroSignature) => signature.fill(0),
        Some(Fault::DerSignature) => {
            let signature_of = p256::ecdsa::Signature::from_slice(&signature).expect("64 bytes");
            signature = signature_of.to_der().as_bytes().to_vec();
        }
        Some(Fault::OtherClaims) => {
            signed =
                format!("{}.{}", base64url(&header), base64url(&payload.replace("alice", "admin")));
        }
        Some(Fault::Space | Fault::Padding | Fault::FourParts) | None => {}
    }
    let text = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature));
    match token.fault {
        Some(Fault::Space) => text.replacen('.', " .", 1),
        Some(Fault::Padding) => text + "==",
        Some(Fault::FourParts) => text + ".AAAA",
        _ => text,
    }
}

/// `object` with `changes`, and times in place of `{"now": seconds}`.
fn with(mut object: Value, changes: &Map<String, Value>, now: Moment) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    for value in members.values_mut() {
        if let Some(offset) = value.get("now").and_then(Value::as_i64) {
            *value = now.seconds(offset).into();
        }
    }
    object
}

fn signature(token: &Token, alg: &str, message: &[u8]) -> Vec<u8> {
    let algorithm = Algorithm::from_jwa_name(alg);
    match (&token.with, algorithm) {
        (Some(With::Nobody), _) | (None, None) => Vec::new(),
        (Some(With::PublicKey(pair)), _) => {
            let der = Base64::decode_vec(&private::public(pair)).expect("base64");
            hs256(&der, message)
        }
        (Some(With::Secret(secret)), _) => hs256(secret.as_bytes(), message),
        (Some(With::Pair(pair)), algorithm) => {
            private::sign(pair, algorithm.unwrap_or(Algorithm::EcdsaP256Sha256), message)
        }
        (None, Some(Algorithm::HmacSha256)) => hs256(&keys::TOKEN_SECRET.1, message),
        (None, Some(algorithm)) => {
            let pair = match algorithm {
                Algorithm::Ed25519 => "ed25519",
                Algorithm::EcdsaP256Sha256 => "p256",
                _ => "rsa",
            };
            private::sign(pair, algorithm, message)
        }
    }
}

fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn base64url(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}
