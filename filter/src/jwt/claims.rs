//! The claims of a token (RFC 7519 §4.1), and what is left of them once they are checked.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::issuer::is_name;
use super::{Error, Issuer, json};
use crate::UnixMillis;
use crate::key::SCOPES_MAX;

/// Characters of base64url that stand for a subject that is no name: 132 bits.
const SUBJECT_DIGEST: usize = 22;

/// What a token says, once it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Our name of the issuer.
    pub issuer: String,
    /// Whom the token acts for: `<issuer>:<sub>` where that is a name. Any other subject, and one
    /// that begins with `:`, becomes `<issuer>::<22 characters of the base64url of its SHA-256>`, so
    /// that no subject can be chosen to look like another.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Which quotas apply.
    pub tier: String,
    /// The token's own name, by which it can be revoked; any text.
    pub jti: Option<String>,
    /// From when on the token is refused: its `exp` and the issuer's skew.
    pub expires: UnixMillis,
}

/// The claims of a token of which nothing is known yet.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Error> {
        json::object(payload).map(Self).ok_or(Error::Malformed { what: "payload" })
    }

    /// The `iss`.
    pub(super) fn issuer(&self) -> Result<&str, Error> {
        self.text("iss")?.ok_or(Error::ClaimMissing("iss"))
    }

    /// Checks everything but the signature. Others than these claims are ignored (RFC 7519 §4).
    pub(super) fn check(&self, issuer: &Issuer, now: UnixMillis) -> Result<Verified, Error> {
        self.check_audience(issuer)?;
        let expires = self.check_times(issuer, now)?;
        let subject = self.text("sub")?.ok_or(Error::ClaimMissing("sub"))?;
        let jti = self.text("jti")?;
        if jti.is_none() && issuer.require_jti {
            return Err(Error::ClaimMissing("jti"));
        }
        Ok(Verified {
            issuer: issuer.name.clone(),
            principal: principal(&issuer.name, subject),
            scopes: self.scopes(&issuer.scope_claim)?,
            tier: issuer.tier.clone(),
            jti: jti.map(ToOwned::to_owned),
            expires,
        })
    }

    fn check_audience(&self, issuer: &Issuer) -> Result<(), Error> {
        let expected = |text: &str| issuer.audiences.iter().any(|audience| audience == text);
        let meant = match self.0.get("aud") {
            None => return Err(Error::ClaimMissing("aud")),
            Some(Value::String(one)) => expected(one),
            Some(Value::Array(several)) => {
                // All are looked at: a list that holds anything but texts is none.
                let texts: Option<Vec<_>> = several.iter().map(Value::as_str).collect();
                let texts = texts.ok_or(Error::Malformed { what: "aud" })?;
                texts.into_iter().any(expected)
            }
            Some(_) => return Err(Error::Malformed { what: "aud" }),
        };
        if meant { Ok(()) } else { Err(Error::OtherAudience) }
    }

    /// Checks `exp`, `nbf` and `iat`; answers from when on the token is refused.
    fn check_times(&self, issuer: &Issuer, now: UnixMillis) -> Result<UnixMillis, Error> {
        let skew = issuer.skew.saturating_mul(1000);
        let exp = self.time("exp")?.ok_or(Error::ClaimMissing("exp"))?;
        let iat = self.time("iat")?.ok_or(Error::ClaimMissing("iat"))?;
        let nbf = self.time("nbf")?.unwrap_or(iat);
        let expires = exp.plus(skew);
        if now >= expires {
            return Err(Error::Expired);
        }
        if now.plus(skew) < nbf || now.plus(skew) < iat {
            return Err(Error::NotYetValid);
        }
        if exp.0.saturating_sub(iat.0) > issuer.max_lifetime.saturating_mul(1000) {
            return Err(Error::LifetimeTooLong);
        }
        Ok(expires)
    }

    fn scopes(&self, claim: &str) -> Result<Vec<String>, Error> {
        let malformed = Error::Malformed { what: "scopes" };
        let scopes: Vec<_> = match self.0.get(claim) {
            None => Vec::new(),
            // RFC 8693 §4.2.
            Some(Value::String(text)) => {
                text.split(' ').filter(|scope| !scope.is_empty()).collect()
            }
            Some(Value::Array(list)) => {
                list.iter().map(Value::as_str).collect::<Option<_>>().ok_or(malformed)?
            }
            Some(_) => return Err(malformed),
        };
        // A permit carries them. To leave some out would make a token mean something else.
        let fit = scopes.len() <= SCOPES_MAX && scopes.iter().all(|scope| is_name(scope));
        if fit {
            Ok(scopes.into_iter().map(ToOwned::to_owned).collect())
        } else {
            Err(Error::Scopes)
        }
    }

    /// A text that is not empty.
    fn text(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(Error::Malformed { what: name }),
        }
    }

    /// A `NumericDate` (RFC 7519 §2): seconds, perhaps with a fraction, rounded down to milliseconds.
    fn time(&self, name: &'static str) -> Result<Option<UnixMillis>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number
                .as_u64()
                .map(|seconds| seconds.saturating_mul(1000))
                .or_else(|| number.as_f64().and_then(millis))
                .map(|millis| Some(UnixMillis(millis)))
                .ok_or(Error::Malformed { what: name }),
            Some(_) => Err(Error::Malformed { what: name }),
        }
    }
}

fn millis(seconds: f64) -> Option<u64> {
    let millis = (seconds * 1000.0).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "negative numbers are refused, and the cast saturates"
    )]
    (millis >= 0.0).then_some(millis as u64)
}

fn principal(issuer: &str, subject: &str) -> String {
    let plain = format!("{issuer}:{subject}");
    if is_name(&plain) && !subject.starts_with(':') {
        return plain;
    }
    let mut digest = Base64UrlUnpadded::encode_string(&Sha256::digest(subject));
    digest.truncate(SUBJECT_DIGEST);
    format!("{issuer}::{digest}")
}

#[cfg(test)]
mod tests;
