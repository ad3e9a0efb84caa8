//! The node takes a request only with a gate's permit for exactly that request, and only once.

mod nonces;
mod shared;
mod used;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use filter::checks::credential::{self, Fault};
use filter::key::Standing;
use filter::permit::{self, CLOCK_TOLERANCE, Credential, Invalid, Token};
use filter::policy::Mode;
use filter::{Claims, Environment, KeyRing, PermitKey, Rejection, Unavailable, UnixMillis, jwt};

use used::{Now, Use, Used};

pub use shared::{SharedError, SharedRecord};

/// Why a permit does not cover a request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PermitError {
    /// There is none.
    #[error("the request carries no permit")]
    Missing,
    /// There is more than one.
    #[error("the request carries more than one permit")]
    Several,
    /// It is not a valid permit of a known gate.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It was made for another request; names what differs.
    #[error("the permit was made for another {0}")]
    Mismatch(&'static str),
    /// It was made before this process started, so its use may have been forgotten.
    #[error("the permit was made before this server started")]
    BeforeStart,
    /// Failed checks were only reported, and this node takes no such permits.
    #[error("the permit is for a request that its gate would have refused")]
    OnlyReported,
    /// It was used before.
    #[error("the permit was used before")]
    Used,
    /// No more permits can be remembered; without memory none is accepted.
    #[error("too many permits are remembered")]
    LogFull,
    /// A gate that knew what this node knows would have refused the request.
    #[error(transparent)]
    AtTheGate(Rejection),
}

impl PermitError {
    fn at_the_gate(error: impl Into<Rejection>) -> Self {
        Self::AtTheGate(error.into())
    }
}

/// Which permits are taken.
pub struct PermitTerms {
    /// The keys that seal them.
    pub keys: Vec<PermitKey>,
    /// The deployment they are for.
    pub audience: String,
    /// The environment they are for.
    pub environment: Environment,
    /// The issuers whose tokens may be behind them, by the policy's names.
    pub issuers: Vec<String>,
    /// Whether they are taken where a gate only reported what failed.
    pub accept_report: bool,
    /// When this process started.
    pub started: UnixMillis,
    /// How long after its head a request may come to its turn.
    pub longest_wait: Duration,
}

/// Opens permits for one deployment.
pub struct Permits {
    terms: PermitTerms,
    record: Record,
}

/// Where it is written down what was used.
enum Record {
    /// In this process: for a node that serves alone.
    Here(Mutex<Used>),
    /// Where other nodes look too.
    Shared(SharedRecord),
}

impl Permits {
    /// Takes permits by `terms`, and remembers in this process which were used.
    pub fn new(terms: PermitTerms) -> Self {
        let used = Mutex::new(Used::new(terms.longest_wait, Instant::now()));
        Self { terms, record: Record::Here(used) }
    }

    /// Takes permits by `terms`, and writes down where other nodes look too which were used.
    pub fn shared(terms: PermitTerms, record: SharedRecord) -> Self {
        Self { terms, record: Record::Shared(record) }
    }

    /// Opens the permit of a request head and compares it with the request and the records of keys
    /// and tokens.
    pub fn open(
        &self,
        head: &Parts,
        ring: &impl KeyRing,
        now: UnixMillis,
    ) -> Result<Claims, PermitError> {
        let mut permits = head.headers.get_all(permit::HEADER).iter();
        let first = permits.next().ok_or(PermitError::Missing)?;
        if permits.next().is_some() {
            return Err(PermitError::Several);
        }
        let text = first.to_str().map_err(|_| Invalid::Malformed)?;
        let claims = permit::open(text, &self.terms.keys, now)?;
        if self.forgot(claims.issued_at) {
            return Err(PermitError::BeforeStart);
        }
        self.compare(&claims, head)?;
        self.check_mode(&claims)?;
        self.check_credential(&claims, ring, now)?;
        Ok(claims)
    }

    /// Records the permit, and the nonce behind it, as used: called once, when nothing can go wrong
    /// any more but the work.
    pub async fn use_once(&self, claims: &Claims, now: UnixMillis) -> Result<(), PermitError> {
        let used = Use::of(claims);
        match &self.record {
            Record::Here(log) => {
                let now = Now { wall: now, steady: Instant::now() };
                log.lock().unwrap_or_else(PoisonError::into_inner).record(&used, now)
            }
            Record::Shared(record) => record.record(&used, now).await,
        }
    }

    /// Whether the use of a permit that was issued then may have been forgotten. A shared record
    /// outlives this process, and says itself when it began.
    fn forgot(&self, issued_at: u64) -> bool {
        matches!(self.record, Record::Here(_))
            && issued_at.saturating_add(CLOCK_TOLERANCE) < self.terms.started.0
    }

    /// Whether what failed at the gate was enforced there, or may pass here all the same.
    fn check_mode(&self, claims: &Claims) -> Result<(), PermitError> {
        let enforced = claims.mode == Mode::Enforce;
        if enforced && (claims.credential == Credential::Unverified || !claims.reported.is_empty())
        {
            // No gate says so.
            return Err(Invalid::Malformed.into());
        }
        if enforced || self.terms.accept_report { Ok(()) } else { Err(PermitError::OnlyReported) }
    }

    /// Whether the credential behind the permit is still good, whatever the gate knew.
    fn check_credential(
        &self,
        claims: &Claims,
        ring: &impl KeyRing,
        now: UnixMillis,
    ) -> Result<(), PermitError> {
        let unavailable = |_: Unavailable| PermitError::at_the_gate(credential::Error::Unavailable);
        match &claims.credential {
            Credential::Key(id) => match ring.find(id).map_err(unavailable)? {
                Some(record)
                    if record.standing(now) == Standing::Valid
                        && record.principal == claims.principal
                        && record.environment == claims.environment =>
                {
                    Ok(())
                }
                _ => Err(PermitError::at_the_gate(credential::Error::Key(Fault::Revoked))),
            },
            Credential::Token(Token { issuer, id, expires }) => {
                if now > UnixMillis(*expires).plus(CLOCK_TOLERANCE) {
                    let expired = credential::Error::Token(jwt::Error::Expired);
                    return Err(PermitError::at_the_gate(expired));
                }
                let known = self.terms.issuers.contains(issuer);
                let revoked = match id {
                    Some(id) => ring.is_revoked(id).map_err(unavailable)?,
                    None => false,
                };
                if !known {
                    let unknown = credential::Error::Token(jwt::Error::UnknownIssuer);
                    return Err(PermitError::at_the_gate(unknown));
                }
                if revoked {
                    return Err(PermitError::at_the_gate(credential::Error::TokenRevoked));
                }
                Ok(())
            }
            // Judged with the mode: nothing is known that could have been withdrawn.
            // Nothing was asked for, on a page of this node's own policy.
            Credential::Unverified | Credential::Anonymous => Ok(()),
        }
    }

    fn compare(&self, claims: &Claims, head: &Parts) -> Result<(), PermitError> {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let same = [
            (claims.audience == self.terms.audience, "audience"),
            (claims.environment == self.terms.environment, "environment"),
            (claims.method == head.method.as_str(), "method"),
            (claims.target == target, "path"),
            (field_is(&head.headers, header::CONTENT_TYPE, &claims.content_type), "content type"),
            (field_is(&head.headers, header::CONTENT_LENGTH, &length(claims)), "content length"),
        ];
        match same.into_iter().find(|(same, _)| !same) {
            None => Ok(()),
            Some((_, what)) => Err(PermitError::Mismatch(what)),
        }
    }
}

/// The declared length; a request without a body need not declare one.
fn length(claims: &Claims) -> String {
    if claims.content_length == 0 { String::new() } else { claims.content_length.to_string() }
}

/// Whether there is one such field with this value; to say nothing, and to leave it out, is the same, and
/// so is a length of 0.
fn field_is(headers: &HeaderMap, name: header::HeaderName, expected: &str) -> bool {
    let nothing: &[&[u8]] = if name == header::CONTENT_LENGTH { &[b"", b"0"] } else { &[b""] };
    let mut values = headers.get_all(name).iter();
    let value = values.next().map_or(&b""[..], |value| value.as_bytes());
    let same = value == expected.as_bytes() || (expected.is_empty() && nothing.contains(&value));
    same && values.next().is_none()
}

#[cfg(test)]
mod tests;
