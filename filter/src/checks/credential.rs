//! One API key, and its secret is right.
//!
//! Whoever asks must not learn which half of a credential was wrong: unknown, revoked, expired and
//! wrong keys take the same look-up, the same hash and the same comparison, and get one answer.

use subtle::ConstantTimeEq as _;

use crate::api_key::{ApiKey, Malformed};
use crate::key::{Environment, KeyDigest, KeyRecord, KeyRing, Standing, Unavailable};
use crate::request::Headers;
use crate::{UnixMillis, api_key};

/// Fields that carry credentials: never passed on.
pub const FIELDS: [&str; 2] = ["authorization", "x-api-key"];

/// Evidence that the request's key is known, right and valid now.
#[derive(Clone, Debug)]
pub struct Authenticated {
    record: KeyRecord,
}

impl Authenticated {
    /// The record of the key.
    pub(crate) fn record(&self) -> &KeyRecord {
        &self.record
    }
}

/// Why a credential was refused. What the client learns of it is decided in
/// [`rejection`](crate::rejection): the last six look the same from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// No credential at all.
    #[error("an API key is required: send it as Authorization: Bearer or as X-API-Key")]
    Missing,
    /// More than one credential.
    #[error("exactly one credential is expected: send Authorization or X-API-Key, not both")]
    Ambiguous,
    /// The credential is not an API key.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The key is for another environment than this gate.
    #[error("the key belongs to another environment")]
    OtherEnvironment,
    /// No record has this id.
    #[error("the key is unknown")]
    Unknown,
    /// The id is known, the secret is not its secret.
    #[error("the secret is wrong")]
    WrongSecret,
    /// The key was withdrawn.
    #[error("the key was revoked")]
    Revoked,
    /// The key's time is over.
    #[error("the key has expired")]
    Expired,
    /// The key's time has not come.
    #[error("the key is not valid yet")]
    NotYetValid,
    /// The key records cannot be read.
    #[error("the key records cannot be read")]
    Unavailable,
}

/// Reads the one credential of a request.
pub(crate) fn presented(headers: &Headers) -> Result<ApiKey, Error> {
    let one = |name| headers.one(name).map_err(|_| Error::Ambiguous);
    let text = match (one("authorization")?, one("x-api-key")?) {
        (None, None) => return Err(Error::Missing),
        (Some(_), Some(_)) => return Err(Error::Ambiguous),
        (Some(value), None) => bearer(value).ok_or(Malformed::Form)?,
        (None, Some(value)) => value.trim_ascii(),
    };
    Ok(ApiKey::parse(text)?)
}

/// The token of a `Bearer` credential (RFC 6750 §2.1); the scheme's case does not matter.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Checks the key against the records.
///
/// Every path below the environment check costs one look-up, one digest and one comparison, whether
/// the id exists or not.
pub(crate) fn authenticate(
    key: &ApiKey,
    environment: Environment,
    ring: &impl KeyRing,
    digest: &impl KeyDigest,
    now: UnixMillis,
) -> Result<Authenticated, Error> {
    if key.environment() != environment {
        return Err(Error::OtherEnvironment);
    }
    let found = ring.find(key.id()).map_err(|Unavailable| Error::Unavailable)?;
    // An unknown id is compared with a verifier that no secret has.
    let expected = found.as_ref().map_or([0; 32], |record| record.verifier);
    let right = bool::from(digest.verifier(key.secret()).ct_eq(&expected));
    match found {
        None => Err(Error::Unknown),
        Some(_) if !right => Err(Error::WrongSecret),
        Some(record) if record.environment != environment => Err(Error::OtherEnvironment),
        Some(record) => match record.standing(now) {
            Standing::Valid => Ok(Authenticated { record }),
            Standing::Revoked => Err(Error::Revoked),
            Standing::Expired => Err(Error::Expired),
            Standing::NotYetValid => Err(Error::NotYetValid),
        },
    }
}

const _: () = assert!(api_key::SECRET_LEN == 32, "190 bits: no stretching needed");

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::key::{KeyId, Keys, Pepper};

    const SECRET: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn pepper() -> Pepper {
        Pepper::new([3; 32])
    }

    fn record(id: &str) -> KeyRecord {
        KeyRecord {
            id: KeyId::parse(id).unwrap(),
            verifier: pepper().verifier(SECRET),
            principal: "acme".into(),
            scopes: vec![],
            tier: "free".into(),
            environment: Environment::Test,
            not_before: None,
            expires: None,
            revoked: false,
            version: 1,
        }
    }

    fn key(id: &str, secret: &[u8; 32]) -> ApiKey {
        let id = KeyId::parse(id).unwrap();
        ApiKey::parse(ApiKey::compose(Environment::Test, &id, secret).unwrap().as_bytes()).unwrap()
    }

    /// Counts what a request made the gate do.
    #[derive(Default)]
    struct Counting {
        calls: RefCell<Vec<&'static str>>,
        keys: Keys,
    }

    impl KeyDigest for Counting {
        fn verifier(&self, secret: &[u8]) -> [u8; 32] {
            self.calls.borrow_mut().push("digest");
            pepper().verifier(secret)
        }
    }

    impl KeyRing for Counting {
        fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
            self.calls.borrow_mut().push("find");
            self.keys.find(id)
        }
    }

    #[test]
    fn unknown_wrong_revoked_and_expired_keys_cost_the_same_calls_as_a_good_one() {
        let keys = [
            record("good000000"),
            KeyRecord { revoked: true, ..record("revoked000") },
            KeyRecord { expires: Some(NOW.0), ..record("expired000") },
            KeyRecord { not_before: Some(NOW.0 + 1), ..record("early00000") },
            KeyRecord { environment: Environment::Live, ..record("live000000") },
        ];
        let wrong = b"0123456789ABCDEFGHIJKLMNOPQRSTUW";
        for (id, secret, expected) in [
            ("good000000", SECRET, None),
            ("good000000", wrong, Some(Error::WrongSecret)),
            ("unknown000", SECRET, Some(Error::Unknown)),
            ("revoked000", SECRET, Some(Error::Revoked)),
            ("revoked000", wrong, Some(Error::WrongSecret)),
            ("expired000", SECRET, Some(Error::Expired)),
            ("early00000", SECRET, Some(Error::NotYetValid)),
            ("live000000", SECRET, Some(Error::OtherEnvironment)),
        ] {
            let host = Counting { keys: keys.iter().cloned().collect(), ..Counting::default() };
            let got = authenticate(&key(id, secret), Environment::Test, &host, &host, NOW);
            assert_eq!(got.err(), expected, "{id}");
            assert_eq!(*host.calls.borrow(), ["find", "digest"], "{id}");
        }
    }

    #[test]
    fn records_that_cannot_be_read_refuse() {
        struct Down;
        impl KeyRing for Down {
            fn find(&self, _: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
                Err(Unavailable)
            }
        }
        let got =
            authenticate(&key("good000000", SECRET), Environment::Test, &Down, &pepper(), NOW);
        assert_eq!(got.unwrap_err(), Error::Unavailable);
    }

    #[test]
    fn one_credential_in_one_of_two_fields() {
        let id = KeyId::parse("good000000").unwrap();
        let text = ApiKey::compose(Environment::Test, &id, SECRET).unwrap();
        let bearer = format!("bearer {}", text.as_str());
        let outcome =
            |fields: &[(&str, &str)]| presented(&Headers::new(fields.iter().copied())).err();
        assert_eq!(outcome(&[("Authorization", &bearer)]), None);
        assert_eq!(outcome(&[("X-API-Key", &text)]), None);
        assert_eq!(outcome(&[]), Some(Error::Missing));
        let both = [("authorization", bearer.as_str()), ("x-api-key", &text)];
        assert_eq!(outcome(&both), Some(Error::Ambiguous));
        let form = Some(Error::Malformed(Malformed::Form));
        assert_eq!(outcome(&[("authorization", &text)]), form);
        assert_eq!(outcome(&[("authorization", "Basic YTpi")]), form);
        assert_eq!(outcome(&[("x-api-key", "sk_live_abc")]), form);
    }
}
