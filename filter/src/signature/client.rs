//! Signing requests, with the very code that verifies them.

use super::compat::{cavage, cloudflare, webhooks};
use super::{Error, Scheme, rfc9421, simple};
use crate::key::keyed_hmac_sha256;
use crate::{Headers, RequestHead, UnixMillis};

pub use super::rfc9421::Unsigned;

/// What a request is signed with. No `Debug`: it holds a secret.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// How.
    pub scheme: Scheme,
    /// The secret of an HMAC.
    pub secret: &'a [u8],
    /// What the signature says.
    pub statement: Statement<'a>,
}

/// What a signature says, beside what it covers. Schemes that have no word for a part leave it out.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// Whose key it is. Only the simple scheme can do without, beside an API key.
    pub key_id: Option<&'a str>,
    /// When it is made.
    pub created: UnixMillis,
    /// When it ends, if before the server's limit.
    pub expires: Option<UnixMillis>,
    /// Random, and used once.
    pub nonce: &'a str,
    /// The body, if there is one.
    pub body: Option<&'a [u8]>,
}

/// What makes a request a signed one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The header fields to send. Where the request has a field of that name, it is replaced.
    pub fields: Vec<(&'static str, String)>,
    /// The path and query to ask for: as they were, except for Cloudflare's scheme.
    pub target: String,
}

/// Signs a request with an HMAC. What it signs is the request as it will be received: method, target,
/// `Content-Type` and authority must be final.
///
/// # Errors
/// For a request or a statement that would be refused whatever its signature.
pub fn sign(head: &RequestHead<'_>, signing: &Signing<'_>) -> Result<Signed, Error> {
    let Signing { scheme, secret, statement } = signing;
    let fields = match scheme {
        Scheme::Rfc9421 => {
            let unsigned = unsigned(head, statement)?;
            let signature = mac(secret, &[unsigned.message()]);
            return Ok(unsigned.signed(&signature));
        }
        Scheme::Simple => simple::sign(head, secret, statement)?,
        Scheme::KongHmac => cavage::sign(head, cavage::Dialect::Kong, secret, statement)?,
        Scheme::ApisixHmac => cavage::sign(head, cavage::Dialect::Apisix, secret, statement)?,
        Scheme::StandardWebhooks => webhooks::sign(secret, statement),
        Scheme::CloudflareTimed => {
            let target = cloudflare::sign(head, secret, statement)?;
            return Ok(Signed { fields: Vec::new(), target });
        }
    };
    Ok(Signed { fields, target: head.target.to_owned() })
}

/// Prepares a request for a signature by RFC 9421 that is made elsewhere, with a private key.
pub fn unsigned(head: &RequestHead<'_>, statement: &Statement<'_>) -> Result<Unsigned, Error> {
    rfc9421::unsigned(head, statement)
}

/// HMAC-SHA256 over the concatenation of `parts`.
pub(super) fn mac(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::Mac as _;
    let mut mac = keyed_hmac_sha256(secret);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The fields of `head`, with `fields` in place of those of the same names.
pub(super) fn with_fields(head: &RequestHead<'_>, fields: &[(&'static str, String)]) -> Headers {
    let ours = |name: &str| fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept = head.headers.iter().filter(|(name, _)| !ours(name));
    let kept = kept.map(|(name, value)| (name, value.to_vec()));
    Headers::new(kept.chain(fields.iter().map(|(name, value)| (*name, value.clone().into_bytes()))))
}

#[cfg(test)]
mod tests;
