//! The simple scheme: eight lines and an HMAC, for shells and old clients.
//!
//! ```text
//! X-Signature = hex(HMAC-SHA256(secret,
//!     "LUNETTE1\nMETHOD\nauthority\npath?query\ncontent-type\ntimestamp\nnonce\nhex(sha256(body))"))
//! ```
//!
//! Path and query are signed as sent, the authority in lower case and without port 443. What is absent is
//! an empty line, and an absent body the digest of nothing. No line can hold a line break, so no two
//! requests have one text.

use sha2::{Digest as _, Sha256};

use super::client::{self, Statement};
use super::prepared::{Claim, Draft, Facts};
use super::{Error, Terms, Weaker, authority, fields, freshness};
use crate::digest::ContentDigest;
use crate::{RequestHead, UnixMillis, hex};

/// The field that says a request is signed in this way.
pub(super) const SIGNATURE: &str = "x-signature";
const KEY_ID: &str = "x-key-id";
const TIMESTAMP: &str = "x-timestamp";
const NONCE: &str = "x-nonce";
const DIGEST: &str = "x-content-sha256";

/// The first line of what is signed.
const VERSION: &str = "LUNETTE1";
/// The SHA-256 of nothing.
const NO_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The shortest and the longest nonce.
const NONCE_LEN: std::ops::RangeInclusive<usize> = 16..=64;
/// The longest key id.
const KEY_ID_MAX: usize = 128;

/// The fields of one signature.
pub(super) struct Presented<'a> {
    key_id: Option<&'a str>,
    timestamp: &'a str,
    nonce: &'a str,
    digest: Option<[u8; 32]>,
    signature: [u8; 32],
}

/// Reads the fields.
pub(super) fn presented<'a>(head: &RequestHead<'a>) -> Result<Presented<'a>, Error> {
    let key_id = fields::one(head, KEY_ID)?;
    if key_id.is_some_and(|id| !fields::is_visible(id, KEY_ID_MAX)) {
        return Err(Error::Malformed { what: KEY_ID, expected: "1 to 128 visible characters" });
    }
    let nonce = fields::required(head, NONCE)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !NONCE_LEN.contains(&nonce.len()) || !nonce.bytes().all(plain) {
        return Err(Error::Malformed { what: NONCE, expected: "16 to 64 of A-Z a-z 0-9 _ -" });
    }
    Ok(Presented {
        key_id,
        timestamp: fields::required(head, TIMESTAMP)?,
        nonce,
        digest: fields::one(head, DIGEST)?.map(|text| digits(text, DIGEST)).transpose()?,
        signature: digits(fields::required(head, SIGNATURE)?, SIGNATURE)?,
    })
}

fn digits(text: &str, what: &'static str) -> Result<[u8; 32], Error> {
    hex::decode(text).ok_or(Error::Malformed { what, expected: "64 hex digits" })
}

impl Presented<'_> {
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id
    }

    pub(super) fn prepare(
        self,
        head: &RequestHead<'_>,
        terms: &Terms<'_>,
        now: UnixMillis,
    ) -> Result<Draft, Error> {
        let created = freshness::seconds(self.timestamp)
            .ok_or(Error::Malformed { what: TIMESTAMP, expected: "Unix seconds" })?;
        freshness::check(created, now, terms.skew)?;
        if terms.has_body && self.digest.is_none() {
            return Err(Error::ParameterMissing(DIGEST));
        }
        let authority = authority::check(head, terms.authorities)?;
        let message = message(head, &authority, &self)?.into_bytes();
        let facts = Facts {
            created,
            expires: None,
            nonce: Some(self.nonce.to_owned()),
            digest: self.digest.map(ContentDigest::from_sha256),
            weaker: Weaker::NOTHING,
        };
        Ok(Draft { message, claim: Claim::Message(self.signature.to_vec()), facts })
    }
}

/// The text that is signed.
fn message(
    head: &RequestHead<'_>,
    authority: &str,
    presented: &Presented<'_>,
) -> Result<String, Error> {
    let digest = presented.digest.as_ref().map(|digest| hex::encode(digest));
    let lines = [
        VERSION,
        fields::method(head)?,
        authority,
        fields::target(head)?,
        fields::one(head, "content-type")?.unwrap_or_default(),
        presented.timestamp,
        presented.nonce,
        digest.as_deref().unwrap_or(NO_BODY),
    ];
    Ok(lines.join("\n"))
}

/// The fields of a signed request.
pub(super) fn sign(
    head: &RequestHead<'_>,
    secret: &[u8],
    statement: &Statement<'_>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let Statement { key_id, created, nonce, body, .. } = *statement;
    let timestamp = (created.0 / 1000).to_string();
    let digest = body.map(|body| Sha256::digest(body).into());
    let unsigned = Presented { key_id, timestamp: &timestamp, nonce, digest, signature: [0; 32] };
    let text = message(head, &authority::check(head, &[])?, &unsigned)?;
    let mut fields: Vec<_> = key_id.map(|id| ("X-Key-Id", id.to_owned())).into_iter().collect();
    fields.extend(digest.map(|digest: [u8; 32]| ("X-Content-SHA256", hex::encode(&digest))));
    let signature = hex::encode(&client::mac(secret, &[text.as_bytes()]));
    fields.extend([
        ("X-Timestamp", timestamp.clone()),
        ("X-Nonce", nonce.to_owned()),
        ("X-Signature", signature),
    ]);
    Ok(fields)
}

#[cfg(test)]
mod tests;
