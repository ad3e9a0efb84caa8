//! How a vector's request is signed: right, or wrong in exactly one way.
//!
//! None of this uses the filter's own signing code: what it signs is built here a second time, from
//! the RFC and from the other gateways' documentation, so that an error in one of the two shows.

mod cavage;
mod cloudflare;
mod rfc9421;
mod simple;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use base64ct::{Base64, Encoding as _};
use filter::algorithm::Algorithm;
use filter::signature::Scheme;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::bodies::Body;
use crate::vectors::{Moment, Request};
use crate::{keys, private};

/// How a request is signed, and what is wrong with that.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sign {
    #[serde(default = "rfc9421")]
    scheme: Scheme,
    /// Whose secret or private key signs.
    key: String,
    /// Seconds from now.
    #[serde(default)]
    created: i64,
    /// Seconds from now.
    expires: Option<i64>,
    /// Fresh each time, if it is left out.
    nonce: Option<String>,
    /// The covered components in place of the usual ones; a name, or an identifier in quotes.
    components: Option<Vec<String>>,
    /// Components, parameters or fields that are left out.
    #[serde(default)]
    omit: Vec<String>,
    /// Components that are covered as well.
    #[serde(default)]
    add: Vec<String>,
    /// Parameters as they are written, beside the usual ones or in their place.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    /// Another `tag`.
    tag: Option<String>,
    /// Another label.
    label: Option<String>,
    /// Another key id.
    keyid: Option<String>,
    /// An `alg`, or another `algorithm`.
    alg: Option<String>,
    /// The host that is signed in place of the one that is asked.
    authority: Option<String>,
    /// What signs in place of the key's own.
    with: Option<With>,
    /// Another digest.
    digest: Option<DigestOf>,
    /// The signed headers of `hmac-auth`, in place of the usual ones.
    covered: Option<String>,
    /// The field that carries a signature of `hmac-auth`, or its date.
    field: Option<String>,
    /// The list of signatures of Standard Webhooks, with `{mac}` for the right one.
    list: Option<String>,
    /// What stands behind the parameter of Cloudflare's scheme.
    #[serde(default)]
    after: String,
    /// What is wrong with the bytes of the signature.
    signature: Option<Fault>,
    /// Further signatures of the same request.
    #[serde(default)]
    beside: Vec<Self>,
    /// What happens to the request after it was signed.
    #[serde(default)]
    tamper: Tamper,
}

/// What signs in place of the key's own secret or private key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum With {
    /// The secret of this other key.
    SecretOf(String),
    /// The key's own secret for another scheme.
    OtherScheme(Scheme),
    /// An HMAC whose secret is the key's public key.
    PublicKey,
    /// Another key pair.
    Pair(String),
    /// The right key pair by another algorithm.
    Algorithm(Algorithm),
}

/// The digest that is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DigestOf {
    /// None.
    None,
    /// That of another body.
    OtherBody,
    /// By an algorithm that proves nothing.
    Md5,
    /// By SHA-512.
    Sha512,
    /// By both.
    Both,
    /// By both, of which one is of another body.
    BothOneWrong,
    /// Text that is no digest.
    Garbage,
    /// A digest that is too short.
    Short,
}

/// What is wrong with the bytes of a signature.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// The last bit is another one.
    Flipped,
    /// All bytes are zero.
    Zero,
    /// The last byte is missing.
    Short,
    /// There is one byte more.
    Long,
    /// There are none.
    Empty,
}

/// What happens to a request after it was signed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tamper {
    method: Option<String>,
    target: Option<String>,
    body: Option<Body>,
    /// Fields that get another value.
    #[serde(default)]
    set: BTreeMap<String, String>,
    /// Field, text and what takes the text's place.
    #[serde(default)]
    replace: Vec<(String, String, String)>,
    /// Lines that are added.
    #[serde(default)]
    append: Vec<(String, String)>,
    #[serde(default)]
    remove: Vec<String>,
}

fn rfc9421() -> Scheme {
    Scheme::Rfc9421
}

/// Signs `request`, and then does to it what the vector asks for.
pub(crate) fn apply(sign: &Sign, request: &mut Request, now: Moment) {
    match sign.scheme {
        Scheme::Rfc9421 => rfc9421::sign(sign, request, now),
        Scheme::Simple => simple::sign(sign, request, now),
        Scheme::KongHmac | Scheme::ApisixHmac => cavage::sign(sign, request, now),
        Scheme::StandardWebhooks => webhooks::sign(sign, request, now),
        Scheme::CloudflareTimed => cloudflare::sign(sign, request, now),
    }
    let Tamper { method, target, body, set, replace, append, remove } = &sign.tamper;
    request.method = method.clone().unwrap_or_else(|| request.method.clone());
    request.target = target.clone().unwrap_or_else(|| request.target.clone());
    request.body = body.as_ref().map_or_else(|| request.body.clone(), Body::bytes);
    for (name, value) in set {
        request.set(name, value.clone());
    }
    for (name, text, other) in replace {
        let value = request.values(name).next().expect("a field to change").to_owned();
        assert!(value.contains(text), "there is no {text} in {name}: {value}");
        request.set(name, value.replace(text, other));
    }
    for name in remove {
        assert!(request.values(name).next().is_some(), "there is no {name} to remove");
        request.remove(name);
    }
    request.headers.extend(append.iter().cloned());
    // Of other schemes, one after the other; a second one of RFC 9421 is part of the same fields.
    for other in sign.beside.iter().filter(|other| other.scheme != sign.scheme) {
        apply(other, request, now);
    }
}

impl Sign {
    fn omits(&self, what: &str) -> bool {
        self.omit.iter().any(|omitted| omitted == what)
    }

    /// The host that is signed.
    fn authority<'a>(&'a self, request: &'a Request) -> &'a str {
        self.authority.as_deref().unwrap_or_else(|| request.authority())
    }

    /// The key id that is stated.
    fn key_id(&self) -> String {
        self.keyid.clone().unwrap_or_else(|| keys::id(&self.key).to_string())
    }

    /// The nonce: the one that is asked for, or one that was never used.
    fn nonce(&self) -> String {
        static USED: AtomicU64 = AtomicU64::new(0);

        let fresh = || format!("nonce-{:016}", USED.fetch_add(1, Ordering::Relaxed));
        self.nonce.clone().unwrap_or_else(fresh)
    }

    /// The signature over `message`.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let algorithm = keys::algorithm(&self.key);
        let pair = || keys::pair(&self.key).expect("the key has a key pair");
        let mut signature = match &self.with {
            None if algorithm.is_asymmetric() => private::sign(pair(), algorithm, message),
            None => mac(&keys::signing_secret(&self.key, self.scheme), message),
            Some(With::SecretOf(other)) => mac(&keys::signing_secret(other, self.scheme), message),
            Some(With::OtherScheme(scheme)) => {
                mac(&keys::signing_secret(&self.key, *scheme), message)
            }
            Some(With::PublicKey) => {
                let der = Base64::decode_vec(&private::public(pair())).expect("base64");
                mac(&der, message)
            }
            Some(With::Pair(other)) => private::sign(other, algorithm, message),
            Some(With::Algorithm(other)) => private::sign(pair(), *other, message),
        };
        match self.signature {
            None => {}
            Some(Fault::Flipped) => *signature.last_mut().expect("a signature") ^= 1,
            Some(Fault::Zero) => signature.fill(0),
            Some(Fault::Short) => drop(signature.pop()),
            Some(Fault::Long) => signature.push(0),
            Some(Fault::Empty) => signature.clear(),
        }
        signature
    }

    /// The SHA-256 that is stated of a body.
    fn sha256(&self, body: &[u8]) -> [u8; 32] {
        match self.digest {
            Some(DigestOf::OtherBody) => Sha256::digest(b"another body").into(),
            _ => Sha256::digest(body).into(),
        }
    }

    /// The value of `Content-Digest` (RFC 9530 §2).
    fn content_digest(&self, body: &[u8]) -> Option<String> {
        let sha256 = format!("sha-256=:{}:", Base64::encode_string(&self.sha256(body)));
        let sha512 = format!("sha-512=:{}:", Base64::encode_string(&Sha512::digest(body)));
        Some(match self.digest {
            Some(DigestOf::None) => return None,
            None | Some(DigestOf::OtherBody) => sha256,
            Some(DigestOf::Md5) => "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:".to_owned(),
            Some(DigestOf::Sha512) => sha512,
            Some(DigestOf::Both) => format!("{sha256}, {sha512}"),
            Some(DigestOf::BothOneWrong) => {
                let wrong = Base64::encode_string(&Sha512::digest(b"another body"));
                format!("{sha256}, sha-512=:{wrong}:")
            }
            Some(DigestOf::Garbage) => "sha-256=not a digest".to_owned(),
            Some(DigestOf::Short) => "sha-256=:AAAA:".to_owned(),
        })
    }
}

fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
