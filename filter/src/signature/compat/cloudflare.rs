//! Cloudflare's timed HMAC, as `is_timed_hmac_valid_v0` and its Workers example check it: a path that can
//! be asked for, for a while, by whoever has the link.
//!
//! ```text
//! /path?verify=<unix seconds>-base64(HMAC-SHA256(secret, path + seconds))
//! ```
//!
//! `verify` is the last parameter of the query; what stands before it is not signed. Base64 may be the one
//! for URLs. A link lasts as long as the skew.

use base64ct::{Base64, Base64Unpadded, Encoding as _};

use super::super::client::{self, Statement};
use super::super::prepared::{Claim, Draft, Facts};
use super::super::{Error, Part, Terms, Weaker, fields, freshness, percent};
use crate::{RequestHead, UnixMillis};

const PARAMETER: &str = "verify";

/// The parts of one signed link.
pub(in super::super) struct Presented<'a> {
    path: &'a str,
    timestamp: String,
    mac: [u8; 32],
}

/// Whether the last parameter of the query is a signature.
pub(in super::super) fn announced(target: &str) -> bool {
    last_parameter(target).is_some()
}

/// The value of the last parameter, if it is ours.
fn last_parameter(target: &str) -> Option<&str> {
    let (_, query) = target.split_once('?')?;
    let last = query.rsplit('&').next()?;
    last.strip_prefix(PARAMETER)?.strip_prefix('=')
}

/// Reads the parameter.
pub(in super::super) fn presented<'a>(head: &RequestHead<'a>) -> Result<Presented<'a>, Error> {
    let malformed = || Error::Malformed {
        what: PARAMETER,
        expected: "<Unix seconds>-<32 bytes in base64>, once",
    };
    let target = fields::target(head)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let once = names.filter(|name| percent::decode(name) == PARAMETER.as_bytes()).count() == 1;
    let value = last_parameter(target).filter(|_| once).ok_or_else(malformed)?;
    let value = String::from_utf8(percent::decode(value)).map_err(|_| malformed())?;
    let (timestamp, text) = value.split_once('-').ok_or_else(malformed)?;
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let mut mac = [0; 32];
    match Base64Unpadded::decode(&text, &mut mac).map(<[u8]>::len) {
        Ok(32) => Ok(Presented { path, timestamp: timestamp.to_owned(), mac }),
        _ => Err(malformed()),
    }
}

impl Presented<'_> {
    pub(in super::super) fn prepare(
        self,
        terms: &Terms<'_>,
        now: UnixMillis,
    ) -> Result<Draft, Error> {
        let created = freshness::seconds(&self.timestamp)
            .ok_or(Error::Malformed { what: PARAMETER, expected: "Unix seconds first" })?;
        freshness::check(created, now, terms.skew)?;
        let weaker = Weaker::NOTHING
            .with(Part::Method, true)
            .with(Part::Authority, true)
            .with(Part::Query, true)
            .with(Part::ContentType, terms.has_body)
            .with(Part::Body, terms.has_body)
            .with(Part::Nonce, true);
        Ok(Draft {
            message: [self.path, &self.timestamp].concat().into_bytes(),
            claim: Claim::Message(self.mac.to_vec()),
            facts: Facts { created, expires: None, nonce: None, digest: None, weaker },
        })
    }
}

/// The target of a signed request.
pub(in super::super) fn sign(
    head: &RequestHead<'_>,
    secret: &[u8],
    statement: &Statement<'_>,
) -> Result<String, Error> {
    let target = fields::target(head)?;
    let path = target.split('?').next().unwrap_or(target);
    let timestamp = (statement.created.0 / 1000).to_string();
    let mac = client::mac(secret, &[path.as_bytes(), timestamp.as_bytes()]);
    let mac = percent::encode(Base64::encode_string(&mac).as_bytes());
    let separator = if target.contains('?') { '&' } else { '?' };
    Ok(format!("{target}{separator}{PARAMETER}={timestamp}-{mac}"))
}

#[cfg(test)]
mod tests;
