//! What is known about one key.

use serde::{Deserialize, Serialize};

use super::{Environment, KeyId};
use crate::UnixMillis;
use crate::address::AddressList;
use crate::algorithm::Algorithm;
use crate::signature::Scheme;

/// What is known about one key. It holds no secret: the verifier is a keyed hash of a hash, and
/// signing secrets are derived.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// The public half of the key.
    pub id: KeyId,
    /// HMAC-SHA256(pepper, SHA-256(secret)), in hex.
    #[serde(with = "hex32")]
    pub verifier: [u8; 32],
    /// The key was made elsewhere: it is found by its verifier, because its text names no id.
    #[serde(default, skip_serializing_if = "is_false")]
    pub imported: bool,
    /// Whom the key acts for.
    pub principal: String,
    /// What it may do; a route names the scopes it asks for.
    pub scopes: Vec<String>,
    /// Which quotas apply.
    pub tier: String,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Not valid before this time, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Not valid from this time on, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Withdrawn for good.
    pub revoked: bool,
    /// How requests are signed with this key; without it a signature that names this key is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// From where it may be used.
    #[serde(default, skip_serializing_if = "AddressList::is_empty")]
    pub clients: AddressList,
    /// The names of the routes it may use; with none named, all that its scopes allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Grows with every change of the record.
    pub version: u32,
}

/// How requests are signed with a key. The record decides, never the message: a client cannot
/// choose a weaker scheme or algorithm (RFC 9421 §7.3.6).
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The one scheme.
    pub scheme: Scheme,
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// Whether the API key alone is not enough.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Which version of the realm key derives the secret; for `hmac-sha256`.
    pub realm: u32,
    /// Which secret of the key this is: a new number gives a new secret.
    pub secret: u32,
    /// The public key, as `SubjectPublicKeyInfo` (RFC 5280 §4.1) in base64; for the other algorithms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// Whether a key may be used at a given time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It may.
    Valid,
    /// It was withdrawn.
    Revoked,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
}

impl KeyRecord {
    /// A key that is valid at any time and may do nothing yet.
    pub fn new(id: KeyId, environment: Environment, verifier: [u8; 32]) -> Self {
        Self {
            id,
            verifier,
            imported: false,
            principal: String::new(),
            scopes: Vec::new(),
            tier: String::new(),
            environment,
            not_before: None,
            expires: None,
            revoked: false,
            signing: None,
            clients: AddressList::default(),
            routes: Vec::new(),
            version: 1,
        }
    }

    /// Whether the key may be used at `now`.
    pub fn standing(&self, now: UnixMillis) -> Standing {
        if self.revoked {
            Standing::Revoked
        } else if self.expires.is_some_and(|expires| now.0 >= expires) {
            Standing::Expired
        } else if self.not_before.is_some_and(|start| now.0 < start) {
            Standing::NotYetValid
        } else {
            Standing::Valid
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// 32 bytes as 64 hex digits, for serde.
mod hex32 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&crate::hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(input)?;
        crate::hex::decode(&text).ok_or_else(|| D::Error::custom("expected 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_valid_from_its_start_to_just_before_its_end() {
        let id = KeyId::parse("0000000000").unwrap();
        let record = KeyRecord {
            not_before: Some(10),
            expires: Some(20),
            ..KeyRecord::new(id, Environment::Test, [0; 32])
        };
        let at = |now| record.standing(UnixMillis(now));
        assert_eq!(
            [at(9), at(10), at(19), at(20)],
            [Standing::NotYetValid, Standing::Valid, Standing::Valid, Standing::Expired]
        );
        let revoked = KeyRecord { revoked: true, ..record };
        assert_eq!(revoked.standing(UnixMillis(15)), Standing::Revoked);
    }
}
