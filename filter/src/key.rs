//! Key records: who a key belongs to and what it may do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::UnixMillis;

/// Digits of a key id.
const ID_LEN: usize = 10;
/// The longest principal, scope or tier name, in bytes; a permit carries them.
pub const NAME_MAX: usize = 64;
/// The most scopes one key may hold; a permit carries them.
pub const SCOPES_MAX: usize = 16;

/// The public half of a key: ten base62 digits.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// Reads an id; `None` unless it is ten base62 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == ID_LEN && text.bytes().all(|digit| digit.is_ascii_alphanumeric());
        valid.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a key id is ten base62 digits")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// Which world a key, a gate and a node belong to; they never mix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Paying customers.
    Live,
    /// Development and tests.
    Test,
}

impl Environment {
    /// The word used in keys, configuration and permits.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// What is known about one key. It holds no secret: the verifier is a keyed hash of a hash.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// The public half of the key.
    pub id: KeyId,
    /// HMAC-SHA256(pepper, SHA-256(secret)), in hex.
    #[serde(with = "hex32")]
    pub verifier: [u8; 32],
    /// Whom the key acts for.
    pub principal: String,
    /// What it may do; a route names the scopes it asks for.
    pub scopes: Vec<String>,
    /// Which quotas apply.
    pub tier: String,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Not valid before this time, in Unix milliseconds.
    pub not_before: Option<u64>,
    /// Not valid from this time on, in Unix milliseconds.
    pub expires: Option<u64>,
    /// Withdrawn for good.
    pub revoked: bool,
    /// Grows with every change of the record.
    pub version: u32,
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

/// Where a gate finds key records.
pub trait KeyRing {
    /// The record of `id`, if there is one.
    ///
    /// A ring that cannot tell must answer `Err`: the request is then refused with 503. Answering
    /// `Ok(None)` for a key that exists only turns an owner away; answering a record that was
    /// withdrawn lets a stranger in.
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable>;
}

impl<K: KeyRing + ?Sized> KeyRing for Arc<K> {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        (**self).find(id)
    }
}

/// The records cannot be read now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unavailable;

/// Key records in memory.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<KeyId, KeyRecord>);

impl FromIterator<KeyRecord> for Keys {
    fn from_iter<I: IntoIterator<Item = KeyRecord>>(records: I) -> Self {
        Self(records.into_iter().map(|record| (record.id.clone(), record)).collect())
    }
}

impl KeyRing for Keys {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        Ok(self.0.get(id).cloned())
    }
}

/// Turns a presented secret into the value a record can be compared with.
pub trait KeyDigest {
    /// The verifier of `secret`.
    fn verifier(&self, secret: &[u8]) -> [u8; 32];
}

/// The host secret that keeps published key records useless to whoever reads them.
pub struct Pepper(Zeroizing<[u8; 32]>);

impl Pepper {
    /// Wraps the 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The verifier of a key whose secret was hashed at rest: HMAC(pepper, hash).
    pub fn verifier_of_hash(&self, hash: &[u8; 32]) -> [u8; 32] {
        hmac_sha256(&self.0, &[hash])
    }
}

impl KeyDigest for Pepper {
    fn verifier(&self, secret: &[u8]) -> [u8; 32] {
        self.verifier_of_hash(&hash_at_rest(secret))
    }
}

/// What is stored of a key's secret: its SHA-256. The secret has 190 random bits, so no salt or
/// stretching is needed.
pub fn hash_at_rest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// HMAC-SHA256 (RFC 2104) over the concatenation of `parts`.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the block is padded with zeros (RFC 2104 §2).
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
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
    fn the_verifier_is_the_hmac_of_the_hash() {
        // RFC 4231 test case 2 checks the HMAC itself.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            crate::hex::encode(&hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let pepper = Pepper::new([7; 32]);
        assert_eq!(pepper.verifier(b"secret"), pepper.verifier_of_hash(&hash_at_rest(b"secret")));
    }

    #[test]
    fn a_key_is_valid_from_its_start_to_just_before_its_end() {
        let record = KeyRecord {
            id: KeyId::parse("0000000000").unwrap(),
            verifier: [0; 32],
            principal: "p".into(),
            scopes: vec![],
            tier: "free".into(),
            environment: Environment::Test,
            not_before: Some(10),
            expires: Some(20),
            revoked: false,
            version: 1,
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
