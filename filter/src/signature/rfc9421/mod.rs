//! HTTP Message Signatures (RFC 9421), with what is required of them here.

mod base;
mod derived;
mod field;
mod input;
mod sign;

use input::Input;

pub use sign::Unsigned;
pub(super) use sign::unsigned;

use super::prepared::{Claim, Draft, Facts};
use super::{Error, Terms, Weaker, authority, fields, freshness};
use crate::algorithm::Algorithm;
use crate::digest::ContentDigest;
use crate::{RequestHead, UnixMillis};

/// The tag that says a signature is for us (RFC 9421 §2.3).
const TAG: &str = "lunette";
/// What every signature covers.
const REQUIRED: [&str; 4] = ["@method", "@authority", "@path", "@query"];
/// What a signature also covers where there is a body.
const REQUIRED_WITH_BODY: [&str; 2] = ["content-digest", "content-type"];
/// The shortest and the longest nonce.
const NONCE_LEN: std::ops::RangeInclusive<usize> = 16..=128;
/// The longest key id.
const KEY_ID_MAX: usize = 128;

/// The one signature of a request that is tagged for us.
pub(super) struct Presented<'a> {
    input: Input<'a>,
    signature: Vec<u8>,
}

/// Looks for a signature with our tag. Others are other people's business (RFC 9421 §7.2.7), but all
/// of the two fields must be readable.
pub(super) fn presented<'a>(head: &RequestHead<'a>) -> Result<Option<Presented<'a>>, Error> {
    if !head.headers.contains("signature-input") {
        return Err(Error::ParameterMissing("Signature-Input"));
    }
    let mut ours = None;
    for input in input::parse(head.headers)? {
        // A tag of another type is not ours.
        if input.string("tag").ok().flatten() == Some(TAG) && ours.replace(input).is_some() {
            return Err(Error::Ambiguous);
        }
    }
    let Some(input) = ours else { return Ok(None) };
    let key_id = input.string("keyid")?.ok_or(Error::ParameterMissing("keyid"))?;
    if !fields::is_visible(key_id, KEY_ID_MAX) {
        return Err(Error::Malformed { what: "keyid", expected: "1 to 128 visible characters" });
    }
    let signature = input::signature(head.headers, input.label)?;
    Ok(Some(Presented { input, signature }))
}

impl Presented<'_> {
    pub(super) fn key_id(&self) -> Option<&str> {
        self.input.string("keyid").ok().flatten()
    }

    pub(super) fn prepare(
        self,
        head: &RequestHead<'_>,
        terms: &Terms<'_>,
        now: UnixMillis,
    ) -> Result<Draft, Error> {
        let input = &self.input;
        check_algorithm(input, terms.algorithm)?;
        let (created, expires) = check_times(input, terms.skew, now)?;
        let nonce = input.string("nonce")?.ok_or(Error::ParameterMissing("nonce"))?;
        if !NONCE_LEN.contains(&nonce.len()) || !fields::is_visible(nonce, *NONCE_LEN.end()) {
            let expected = "16 to 128 visible characters";
            return Err(Error::Malformed { what: "nonce", expected });
        }
        let missing = required(terms.has_body).find(|name| !input.covers(name));
        if let Some(name) = missing {
            return Err(Error::NotCovered(name));
        }
        let authority = authority::check(head, terms.authorities)?;
        let message = base::build(head, &authority, input)?.into_bytes();
        let facts = Facts {
            created,
            expires,
            nonce: Some(nonce.to_owned()),
            digest: digest(head, input)?,
            weaker: Weaker::NOTHING,
        };
        Ok(Draft { message, claim: Claim::Message(self.signature), facts })
    }
}

/// What a signature must cover.
fn required(has_body: bool) -> impl Iterator<Item = &'static str> {
    REQUIRED.into_iter().chain(REQUIRED_WITH_BODY.into_iter().filter(move |_| has_body))
}

/// The key record decides the algorithm (RFC 9421 §3.2 step 6, §7.3.6). The message may repeat it, not
/// choose it.
fn check_algorithm(input: &Input<'_>, algorithm: Algorithm) -> Result<(), Error> {
    match input.string("alg")? {
        Some(name) if Algorithm::from_http_name(name) != Some(algorithm) => {
            Err(Error::OtherAlgorithm)
        }
        Some(_) | None => Ok(()),
    }
}

fn check_times(
    input: &Input<'_>,
    skew: u64,
    now: UnixMillis,
) -> Result<(UnixMillis, Option<UnixMillis>), Error> {
    let millis = |seconds: u64| UnixMillis(seconds.saturating_mul(1000));
    let created = input.seconds("created")?.ok_or(Error::ParameterMissing("created"))?;
    let expires = input.seconds("expires")?;
    if expires.is_some_and(|expires| expires < created) {
        return Err(Error::Malformed { what: "expires", expected: "a time after created" });
    }
    let (created, expires) = (millis(created), expires.map(millis));
    freshness::check(created, now, skew)?;
    if expires.is_some_and(|expires| now >= expires) {
        return Err(Error::Expired);
    }
    Ok((created, expires))
}

/// The digest of the body, if the signature covers it.
fn digest(head: &RequestHead<'_>, input: &Input<'_>) -> Result<Option<ContentDigest>, Error> {
    let values = head.headers.iter().filter(|(name, _)| *name == "content-digest");
    let covered = input.covers("content-digest");
    Ok(covered.then(|| ContentDigest::parse(values.map(|(_, value)| value))).transpose()?)
}

/// The value of `Accept-Signature` (RFC 9421 §5.1) that asks for a signature as it is required here.
///
/// RFC 9421 cannot ask for a nonce or a key id of the client's own choice; the problem says so.
pub(super) fn accept_signature(has_body: bool) -> String {
    let mut text = format!("{TAG}=(");
    let mut separator = "";
    for name in required(has_body) {
        text.extend([separator, "\"", name, "\""]);
        separator = " ";
    }
    text.extend([");created;tag=\"", TAG, "\""]);
    text
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod vectors;
