//! `hmac-auth` of Kong and of APISIX: two dialects of draft-cavage-http-signatures.
//!
//! ```text
//! Kong    Authorization: hmac username="id", algorithm="hmac-sha256", headers="date @request-target", signature="…"
//! APISIX  Authorization: Signature keyId="id",algorithm="hmac-sha256",headers="@request-target date",signature="…"
//! ```
//!
//! | | Kong | APISIX |
//! |---|---|---|
//! | first line | none | the key id |
//! | `@request-target` | `@request-target: get /path?query` | `GET /path?query` |
//! | `request-line` | `GET /path?query HTTP/1.1` | unknown |
//! | a field | `name: value` | `name: value` |
//! | between lines, at the end | `\n`, nothing | `\n`, `\n` |
//! | time | `X-Date`, else `Date` | `Date` |
//!
//! Both gateways let a client leave the date or the path unsigned, and treat a listed field that is absent
//! as empty (Kong) or as not listed (APISIX). Here the request target and the date must be signed, and what
//! is listed must be there, once.

mod parameters;
mod text;

use base64ct::{Base64, Encoding as _};
use parameters::{Parameters, malformed};
use sha2::{Digest as _, Sha256};
use text::{Covered, field, message};

use super::super::client::{self, Statement};
use super::super::prepared::{Claim, Draft, Facts};
use super::super::{Error, Part, Scheme, Terms, Weaker, authority, fields, freshness};
use crate::digest::{self, ContentDigest};
use crate::{RequestHead, UnixMillis};

/// The longest key id.
const KEY_ID_MAX: usize = 128;

/// Whose rules hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Dialect {
    Kong,
    Apisix,
}

/// The parameters of one signature.
pub(in super::super) struct Presented<'a> {
    dialect: Dialect,
    key_id: &'a str,
    algorithm: &'a str,
    headers: &'a str,
    signature: [u8; 32],
}

/// The scheme that a field with credentials announces.
pub(in super::super) fn announced(field: &str, value: &[u8]) -> Option<Scheme> {
    let scheme = value.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case(b"hmac") {
        Some(Scheme::KongHmac)
    } else if scheme.eq_ignore_ascii_case(b"signature") && field == "authorization" {
        Some(Scheme::ApisixHmac)
    } else {
        None
    }
}

/// Reads the parameters.
pub(in super::super) fn presented<'a>(
    head: &RequestHead<'a>,
    dialect: Dialect,
) -> Result<Presented<'a>, Error> {
    let mut values = head.headers.iter().filter(|(name, value)| {
        matches!(*name, "authorization" | "proxy-authorization")
            && announced(name, value) == Some(dialect.scheme())
    });
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        return Err(Error::Ambiguous);
    };
    let text = fields::text(value).ok_or_else(malformed)?;
    let (_, parameters) = text.split_once(' ').ok_or_else(malformed)?;
    let parameters = Parameters::parse(parameters)?;
    let key_id = parameters.required(dialect.key_id())?;
    if !fields::is_visible(key_id, KEY_ID_MAX) {
        let expected = "1 to 128 visible characters";
        return Err(Error::Malformed { what: dialect.key_id(), expected });
    }
    let mut signature = [0; 32];
    let text = parameters.required("signature")?;
    match Base64::decode(text, &mut signature).map(<[u8]>::len) {
        Ok(32) => {}
        _ => return Err(Error::Malformed { what: "signature", expected: "32 bytes in base64" }),
    }
    Ok(Presented {
        dialect,
        key_id,
        algorithm: parameters.required("algorithm")?,
        headers: parameters.required("headers")?,
        signature,
    })
}

impl Dialect {
    fn scheme(self) -> Scheme {
        match self {
            Self::Kong => Scheme::KongHmac,
            Self::Apisix => Scheme::ApisixHmac,
        }
    }

    fn key_id(self) -> &'static str {
        match self {
            Self::Kong => "username",
            Self::Apisix => "keyId",
        }
    }
}

impl Presented<'_> {
    pub(in super::super) fn scheme(&self) -> Scheme {
        self.dialect.scheme()
    }

    pub(in super::super) fn key_id(&self) -> &str {
        self.key_id
    }

    pub(in super::super) fn prepare(
        self,
        head: &RequestHead<'_>,
        terms: &Terms<'_>,
        now: UnixMillis,
    ) -> Result<Draft, Error> {
        // The gateways take SHA-1 here too, unless they are told otherwise.
        if self.algorithm != "hmac-sha256" {
            return Err(Error::OtherAlgorithm);
        }
        let covered = Covered::parse(self.headers)?;
        let created = self.created(head, &covered)?;
        freshness::check(created, now, terms.skew)?;
        if covered.has("host") {
            authority::check(head, terms.authorities)?;
        }
        let message = message(head, self.dialect, self.key_id, &covered)?.into_bytes();
        let digest = covered_digest(head, &covered)?;
        let open = |name| terms.has_body && !covered.has(name);
        let weaker = Weaker::NOTHING
            .with(Part::Authority, !covered.has("host"))
            .with(Part::ContentType, open("content-type"))
            .with(Part::Body, terms.has_body && digest.is_none())
            .with(Part::Nonce, true);
        let facts = Facts { created, expires: None, nonce: None, digest, weaker };
        Ok(Draft { message, claim: Claim::Message(self.signature.to_vec()), facts })
    }

    /// When the request was signed: by a date that is signed itself, or a captured request could be dated
    /// anew.
    fn created(&self, head: &RequestHead<'_>, covered: &Covered<'_>) -> Result<UnixMillis, Error> {
        let name = match self.dialect {
            Dialect::Kong if covered.has("x-date") => "x-date",
            Dialect::Kong | Dialect::Apisix if covered.has("date") => "date",
            Dialect::Kong | Dialect::Apisix => return Err(Error::NotCovered("date")),
        };
        let date = fields::one(head, name)?.ok_or_else(|| Error::ComponentAbsent(name.into()))?;
        let expected = "a date as in Tue, 20 Apr 2021 02:07:53 GMT";
        freshness::http_date(date).ok_or(Error::Malformed { what: name, expected })
    }
}

/// The digest of the body, if the signature covers a field that states it: `Digest` (RFC 3230) as both
/// gateways know it, or `Content-Digest`. One that is not signed proves nothing.
fn covered_digest(
    head: &RequestHead<'_>,
    covered: &Covered<'_>,
) -> Result<Option<ContentDigest>, Error> {
    if covered.has("digest") {
        return Ok(Some(legacy_digest(field(head, "digest")?)?));
    }
    let value = covered.has("content-digest").then(|| field(head, "content-digest")).transpose()?;
    Ok(value.map(|value| ContentDigest::parse([value.as_bytes()])).transpose()?)
}

/// Reads `SHA-256=<base64>`, alone or among other algorithms.
fn legacy_digest(value: &str) -> Result<ContentDigest, digest::Malformed> {
    let mut found = None;
    for member in value.split(',') {
        let (name, text) = member.trim_ascii().split_once('=').ok_or(digest::Malformed::Form)?;
        if name.eq_ignore_ascii_case("sha-256") {
            let mut bytes = [0; 32];
            match Base64::decode(text, &mut bytes).map(<[u8]>::len) {
                Ok(32) if found.is_none() => found = Some(bytes),
                Ok(32) => return Err(digest::Malformed::Form),
                _ => return Err(digest::Malformed::Length("sha-256")),
            }
        }
    }
    found.map(ContentDigest::from_sha256).ok_or(digest::Malformed::NoneSecure)
}

/// The fields of a signed request, which covers as much as these gateways can.
pub(in super::super) fn sign(
    head: &RequestHead<'_>,
    dialect: Dialect,
    secret: &[u8],
    statement: &Statement<'_>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let key_id = statement.key_id.ok_or_else(|| Error::ParameterMissing(dialect.key_id()))?;
    let date = freshness::format_http_date(statement.created)
        .ok_or(Error::Malformed { what: "date", expected: "a time before the year 10000" })?;
    let mut fields = vec![("Date", date)];
    let mut names = "@request-target date host".to_owned();
    if let Some(body) = statement.body {
        let digest = Base64::encode_string(&Sha256::digest(body));
        fields.push(("Digest", format!("SHA-256={digest}")));
        names.push_str(" content-type digest");
    }
    let headers = client::with_fields(head, &fields);
    let head = RequestHead { headers: &headers, ..*head };
    let text = message(&head, dialect, key_id, &Covered::parse(&names)?)?;
    let signature = Base64::encode_string(&client::mac(secret, &[text.as_bytes()]));
    let (scheme, name) = match dialect {
        Dialect::Kong => ("hmac", dialect.key_id()),
        Dialect::Apisix => ("Signature", dialect.key_id()),
    };
    let value = format!(
        "{scheme} {name}=\"{key_id}\", algorithm=\"hmac-sha256\", headers=\"{names}\", \
         signature=\"{signature}\""
    );
    fields.push(("Authorization", value));
    Ok(fields)
}

#[cfg(test)]
mod tests;
