//! A snapshot in the shared data of a host, for all its VMs.
//!
//! The host keeps these entries:
//!
//! | key | value |
//! |---|---|
//! | [`EPOCH`] | a [`Term`]: the epoch, and until when it holds; absent means that nothing was published yet |
//! | [`POLICY`] | the policy file of that epoch |
//! | [`keys`], [`imported`] | the key records whose ids, or verifiers, fall into that bucket |
//! | [`tokens`] | the ids of revoked tokens that fall into that bucket, one after the other |
//!
//! Records lie in a fixed number of buckets, so that a gate reads a handful of records for a
//! request, whatever the number of keys, and the shared data never grows. In a bucket each record is
//! preceded by what it is found by and by its length, so that only one is ever parsed.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::Content;
use crate::UnixMillis;
use crate::key::{KeyId, KeyRecord, TokenId};

/// Where the epoch is.
pub const EPOCH: &str = "lunette.epoch";
/// Where the policy file is.
pub const POLICY: &str = "lunette.policy";
/// The number of buckets of each kind.
pub const BUCKETS: u16 = 4096;

/// The epoch in which a gate judges, and the time from which on it must not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Term {
    /// The epoch; it only grows.
    pub epoch: u64,
    /// When it ends, if the node is not heard of before; never where the node is in the same process.
    pub expires_at: Option<UnixMillis>,
}

impl Term {
    /// Its 8 or 16 bytes, little endian.
    pub fn bytes(self) -> Vec<u8> {
        let expires_at = self.expires_at.map(|at| at.0.to_le_bytes());
        self.epoch.to_le_bytes().into_iter().chain(expires_at.into_iter().flatten()).collect()
    }

    /// Reads what [`bytes`](Self::bytes) wrote.
    ///
    /// # Errors
    /// If there are not 8 or 16 bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let (epoch, rest) = bytes.split_first_chunk().ok_or(Damaged)?;
        let expires_at = match rest {
            [] => None,
            rest => {
                let at = rest.try_into().map_err(|_| Damaged)?;
                Some(UnixMillis(u64::from_le_bytes(at)))
            }
        };
        Ok(Self { epoch: u64::from_le_bytes(*epoch), expires_at })
    }
}

/// Where the record of a key is found by its id.
pub fn keys(id: &KeyId) -> Bucket {
    let digest = Sha256::digest(id.as_str());
    Bucket::new(Kind::Keys, digest.first_chunk())
}

/// Where the record of an imported key is found by its verifier.
pub fn imported(verifier: &[u8; 32]) -> Bucket {
    Bucket::new(Kind::Imported, verifier.first_chunk())
}

/// Where a revoked token is found.
pub fn tokens(token: &TokenId) -> Bucket {
    Bucket::new(Kind::Tokens, token.bytes().first_chunk())
}

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Key records by id.
    Keys,
    /// Key records by verifier.
    Imported,
    /// Revoked tokens.
    Tokens,
}

/// One bucket.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Bucket {
    kind: Kind,
    number: u16,
}

impl Bucket {
    fn new(kind: Kind, digest: Option<&[u8; 2]>) -> Self {
        let number = digest.map_or(0, |head| u16::from_be_bytes(*head)) % BUCKETS;
        Self { kind, number }
    }

    /// What it holds.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Which of its kind it is, below [`BUCKETS`].
    pub fn number(self) -> u16 {
        self.number
    }

    /// Its key in the shared data.
    pub fn name(self) -> String {
        let kind = match self.kind {
            Kind::Keys => "keys",
            Kind::Imported => "imported",
            Kind::Tokens => "tokens",
        };
        format!("lunette.{kind}.{}", self.number)
    }

    /// The bucket of a key in the shared data; `None` if it names none.
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, digits) = name.strip_prefix("lunette.")?.split_once('.')?;
        let kind = match kind {
            "keys" => Kind::Keys,
            "imported" => Kind::Imported,
            "tokens" => Kind::Tokens,
            _ => return None,
        };
        let number = digits.parse().ok().filter(|&number: &u16| number < BUCKETS)?;
        // One spelling only.
        let bucket = Self { kind, number };
        (bucket.name() == name).then_some(bucket)
    }
}

/// Every bucket of a content that is not empty, and its bytes.
pub fn fill(content: &Content) -> BTreeMap<Bucket, Vec<u8>> {
    let mut buckets: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    for record in &content.keys {
        let id = record.id.as_str().as_bytes();
        write(buckets.entry(keys(&record.id)).or_default(), id, record);
        if record.imported {
            let found_by = &record.verifier;
            write(buckets.entry(imported(found_by)).or_default(), found_by, record);
        }
    }
    for token in &content.revoked_tokens {
        buckets.entry(tokens(token)).or_default().extend_from_slice(token.bytes());
    }
    buckets
}

/// Every bucket there can be.
pub fn all() -> impl Iterator<Item = Bucket> {
    let kinds = [Kind::Keys, Kind::Imported, Kind::Tokens];
    kinds.into_iter().flat_map(|kind| (0..BUCKETS).map(move |number| Bucket { kind, number }))
}

/// Adds a record to the bytes of the bucket that it is found in by `found_by`: the ten digits of
/// its id, or the 32 bytes of its verifier.
pub fn write(bucket: &mut Vec<u8>, found_by: &[u8], record: &KeyRecord) {
    // Strings, numbers and lists of them always serialise.
    let json = serde_json::to_vec(record).unwrap_or_default();
    bucket.extend_from_slice(found_by);
    bucket.extend_from_slice(&u32::try_from(json.len()).unwrap_or(0).to_le_bytes());
    bucket.extend_from_slice(&json);
}

/// A bucket that is not as [`write()`] leaves it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Damaged;

/// Finds a record in the bytes of a bucket.
pub fn find(mut bucket: &[u8], found_by: &[u8]) -> Result<Option<KeyRecord>, Damaged> {
    while !bucket.is_empty() {
        let (name, rest) = bucket.split_at_checked(found_by.len()).ok_or(Damaged)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Damaged)?;
        let (json, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
        // Neither an id nor a verifier is a secret of the client: a plain comparison will do.
        if name == found_by {
            return serde_json::from_slice(json).map(Some).map_err(|_| Damaged);
        }
        bucket = rest;
    }
    Ok(None)
}

/// Whether a token is among the bytes of a bucket.
pub fn contains(bucket: &[u8], token: &TokenId) -> Result<bool, Damaged> {
    let (tokens, rest) = bucket.as_chunks::<16>();
    if rest.is_empty() { Ok(tokens.contains(token.bytes())) } else { Err(Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Environment;

    fn record(n: u32) -> KeyRecord {
        let id = KeyId::parse(&format!("{n:010}")).unwrap();
        KeyRecord::new(id, Environment::Test, [1; 32])
    }

    #[test]
    fn a_record_is_found_among_others_and_nothing_else_is() {
        let mut bucket = Vec::new();
        for n in 0..5 {
            write(&mut bucket, record(n).id.as_str().as_bytes(), &record(n));
        }
        assert_eq!(find(&bucket, b"0000000003"), Ok(Some(record(3))));
        assert_eq!(find(&bucket, b"0000000005"), Ok(None));
        assert_eq!(find(&[], b"0000000005"), Ok(None));
        for cut in 1..bucket.len() {
            let found = find(&bucket[..cut], b"9999999999");
            assert!(found == Err(Damaged) || found == Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn a_term_is_read_as_it_was_written() {
        for expires_at in [None, Some(UnixMillis(7))] {
            let term = Term { epoch: 5, expires_at };
            assert_eq!(Term::read(&term.bytes()), Ok(term));
        }
        for length in [0, 7, 9, 15, 17] {
            assert_eq!(Term::read(&vec![1; length]), Err(Damaged), "{length} bytes");
        }
    }

    #[test]
    fn a_bucket_has_one_name() {
        for bucket in [keys(&record(1).id), imported(&[7; 32]), tokens(&TokenId::of("a", "b"))] {
            assert_eq!(Bucket::parse(&bucket.name()), Some(bucket));
        }
        for name in ["", "lunette", "lunette.keys.", "lunette.keys.4096", "lunette.keys.00", "x.0"]
        {
            assert_eq!(Bucket::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_revoked_token_is_found() {
        let [one, two] = [TokenId::of("a", "b"), TokenId::of("ab", "")];
        assert_eq!(contains(one.bytes(), &one), Ok(true));
        assert_eq!(contains(one.bytes(), &two), Ok(false));
        assert_eq!(contains(&one.bytes()[1..], &one), Err(Damaged));
    }
}
