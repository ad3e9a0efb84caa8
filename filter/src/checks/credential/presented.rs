//! What a request presents, before anything of it is believed.

use zeroize::Zeroizing;

use super::Error;
use crate::api_key::{ApiKey, Malformed, PREFIX};
use crate::findings::Presentation;
use crate::jwt;
use crate::policy::SignatureRule;
use crate::request::{Headers, RequestHead};
use crate::signature::{self, Scheme, Schemes};

/// The lengths that a key made elsewhere may have, in bytes.
const IMPORTED_LEN: std::ops::RangeInclusive<usize> = 16..=256;

/// The one credential of a request. It has no `Debug`: it may hold a secret.
pub(crate) struct Presented<'a> {
    pub(super) bearer: Option<Bearer>,
    pub(super) signature: Option<signature::Presented<'a>>,
}

/// What stands in `Authorization: Bearer` or `X-API-Key`.
pub(crate) enum Bearer {
    Key(ApiKey),
    /// A key that was made elsewhere.
    Imported(Zeroizing<Vec<u8>>),
    Token(Box<jwt::Presented>),
}

impl Presented<'_> {
    /// Of what kind it is.
    pub(crate) fn kind(&self) -> Presentation {
        let scheme = self.signature.as_ref().map(signature::Presented::scheme);
        match (&self.bearer, scheme) {
            (None, None) => Presentation::None,
            (None, Some(scheme)) => Presentation::Signature(scheme),
            (Some(_), Some(scheme)) => Presentation::KeyAndSignature(scheme),
            (Some(Bearer::Key(_)), None) => Presentation::Key,
            (Some(Bearer::Imported(_)), None) => Presentation::Imported,
            (Some(Bearer::Token(_)), None) => Presentation::Token,
        }
    }

    /// The key id that it claims; nothing proves it yet.
    pub(crate) fn claimed_id(&self) -> Option<&str> {
        match &self.bearer {
            Some(Bearer::Key(key)) => Some(key.id().as_str()),
            Some(Bearer::Imported(_) | Bearer::Token(_)) => None,
            None => self.signature.as_ref().and_then(signature::Presented::key_id),
        }
    }
}

/// Reads the one credential of a request: a bearer value, a signature, or both.
pub(crate) fn presented<'a>(
    head: &RequestHead<'a>,
    rule: SignatureRule,
    accepted: Schemes,
) -> Result<Presented<'a>, Error> {
    let signature = signature::presented(head, accepted).map_err(|error| match error {
        signature::Error::Ambiguous => Error::Ambiguous,
        error => Error::Signature(error),
    })?;
    if signature.is_some() && rule == SignatureRule::None {
        return Err(Error::SignatureNotTaken);
    }
    let scheme = signature.as_ref().map(signature::Presented::scheme);
    let bearer = match field(head.headers, scheme)? {
        None => None,
        Some(Field::Authorization(value)) => {
            Some(of_bearer(bearer_token(value).ok_or(Malformed::Form)?)?)
        }
        Some(Field::ApiKey(value)) => Some(of_key(value.trim_ascii())?),
    };
    match (&bearer, &signature) {
        (None, None) => Err(Error::Missing { signed: rule.demands_one() }),
        (Some(Bearer::Token(_)), Some(_)) => Err(Error::Ambiguous),
        _ => Ok(Presented { bearer, signature }),
    }
}

/// The whole bearer value, as a name for it: what a refusal is remembered by. A request that also
/// bears a signature has none, since each signature is another one.
pub(crate) fn bearer_value<'a>(
    head: &RequestHead<'a>,
    presented: &Presented<'_>,
) -> Option<&'a [u8]> {
    presented.bearer.as_ref().filter(|_| presented.signature.is_none())?;
    let one = |name| head.headers.one(name).ok().flatten();
    one("authorization").or_else(|| one("x-api-key"))
}

enum Field<'a> {
    Authorization(&'a [u8]),
    ApiKey(&'a [u8]),
}

/// The field that bears a key or a token. Two schemes put their signature into `Authorization`.
fn field(headers: &Headers, scheme: Option<Scheme>) -> Result<Option<Field<'_>>, Error> {
    let one = |name| headers.one(name).map_err(|_| Error::Ambiguous);
    let authorization = match scheme {
        Some(Scheme::KongHmac | Scheme::ApisixHmac) => None,
        _ => one("authorization")?,
    };
    match (authorization, one("x-api-key")?) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::Ambiguous),
        (Some(value), None) => Ok(Some(Field::Authorization(value))),
        (None, Some(value)) => Ok(Some(Field::ApiKey(value))),
    }
}

/// The token of a `Bearer` credential (RFC 6750 §2.1); the scheme's case does not matter.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn of_bearer(token: &[u8]) -> Result<Bearer, Error> {
    let parts = token.split(|&byte| byte == b'.').count();
    if parts == 3 && !token.starts_with(PREFIX.as_bytes()) {
        Ok(Bearer::Token(Box::new(jwt::parse(token)?)))
    } else {
        of_key(token)
    }
}

fn of_key(text: &[u8]) -> Result<Bearer, Error> {
    if text.starts_with(PREFIX.as_bytes()) {
        return Ok(Bearer::Key(ApiKey::parse(text)?));
    }
    if IMPORTED_LEN.contains(&text.len()) && text.iter().all(u8::is_ascii_graphic) {
        Ok(Bearer::Imported(Zeroizing::new(text.to_vec())))
    } else {
        Err(Malformed::Form.into())
    }
}
