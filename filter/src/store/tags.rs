//! How nonces, keys and quotas are named inside pages: by keyed hashes.
//!
//! A page then has a fixed size whatever clients send, and nobody outside can aim at one page or
//! make two things look the same.

use std::hash::Hasher as _;
use std::net::IpAddr;

use ipnet::IpNet;
use siphasher::sip128::{Hash128, Hasher128 as _, SipHasher24};
use zeroize::Zeroizing;

use super::FirstUse;
use crate::key::hmac_sha256;
use crate::quota::{Charge, Subject, Unit};

/// The secret behind the tags. All who share one memory must use the same one.
pub struct TagKey(Zeroizing<[u8; 16]>);

impl TagKey {
    /// Derives the key from a secret of the host.
    pub fn derive(secret: &[u8; 32]) -> Self {
        let derived = Zeroizing::new(hmac_sha256(secret, &[b"lunette-store-v1"]));
        Self(Zeroizing::new(derived.first_chunk().copied().unwrap_or_default()))
    }

    /// Eight bytes by which two holders see whether their keys are the same.
    pub(super) fn check(&self) -> u64 {
        self.hash(Kind::Check, |_| {}).h1
    }

    /// Names a nonce of a key.
    pub(super) fn nonce(&self, first: &FirstUse) -> Tag {
        Tag::from(self.hash(Kind::Nonce, |hasher| {
            field(hasher, first.key.as_bytes());
            hasher.write(first.nonce.as_bytes());
        }))
    }

    /// Names the key among the owners of one page; two keys with one name share their share.
    pub(super) fn owner(&self, first: &FirstUse) -> u32 {
        let hash = self.hash(Kind::Owner, |hasher| hasher.write(first.key.as_bytes()));
        (hash.h1 >> 32) as u32
    }

    /// Names a quota of a subject. The limit is not part of it: a new limit does not forgive.
    pub(super) fn counter(&self, charge: &Charge) -> Tag {
        Tag::from(self.hash(Kind::Counter, |hasher| {
            field(hasher, charge.quota.name.as_bytes());
            hasher.write_u8(match charge.quota.unit {
                Unit::Requests => 0,
                Unit::Pixels => 1,
            });
            hasher.write(&charge.quota.window.to_le_bytes());
            subject(hasher, &charge.subject);
        }))
    }

    fn hash(&self, kind: Kind, write: impl FnOnce(&mut SipHasher24)) -> Hash128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(kind as u8);
        write(&mut hasher);
        hasher.finish128()
    }
}

/// What is hashed, so that no two kinds share a tag.
#[derive(Clone, Copy)]
enum Kind {
    Check,
    Nonce,
    Owner,
    Counter,
}

/// A name inside a page, and which page of a table.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub(super) value: u64,
    place: u64,
}

impl Tag {
    /// The number of the page in a table of `pages`.
    pub(super) fn page(self, pages: u32) -> u64 {
        self.place % u64::from(pages.max(1))
    }
}

impl From<Hash128> for Tag {
    fn from(hash: Hash128) -> Self {
        Self { value: hash.h1, place: hash.h2 }
    }
}

/// Writes bytes behind their length, so that two fields cannot run into each other.
fn field(hasher: &mut SipHasher24, bytes: &[u8]) {
    hasher.write(&(bytes.len() as u64).to_le_bytes());
    hasher.write(bytes);
}

/// The numbers are stable, and different for each kind: a store recognises a subject by them.
fn subject(hasher: &mut SipHasher24, subject: &Subject) {
    let mut network = |kind, network: &IpNet| {
        hasher.write_u8(kind);
        hasher.write_u8(network.prefix_len());
        match network.network() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
    };
    match subject {
        Subject::Network(of) => network(0, of),
        Subject::Failures(of) => network(1, of),
        Subject::Ration(of) => network(2, of),
        Subject::Everyone => hasher.write_u8(3),
        Subject::Key(id) => {
            hasher.write_u8(4);
            hasher.write(id.as_bytes());
        }
        Subject::Principal(name) => {
            hasher.write_u8(5);
            hasher.write(name.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixMillis;
    use crate::quota::{Quota, Subject};

    fn nonce(key: &str, nonce: &str) -> FirstUse {
        super::super::first_use(key, nonce, UnixMillis(0), 0)
    }

    #[test]
    fn a_nonce_belongs_to_its_key_and_its_tag_to_the_secret() {
        let tags = TagKey::derive(&[1; 32]);
        let value = |first| tags.nonce(&first).value;
        assert_eq!(value(nonce("a", "bc")), value(nonce("a", "bc")));
        assert_ne!(value(nonce("a", "bc")), value(nonce("ab", "c")));
        assert_ne!(value(nonce("a", "bc")), value(nonce("b", "bc")));

        let other = TagKey::derive(&[2; 32]);
        assert_ne!(value(nonce("a", "bc")), other.nonce(&nonce("a", "bc")).value);
        assert_ne!(tags.check(), other.check());
    }

    #[test]
    fn subjects_of_different_kinds_never_share_a_tag() {
        let network: IpNet = "192.0.2.0/24".parse().unwrap();
        let bytes = String::from("\u{18}\u{2}");
        let subjects = [
            Subject::Key(bytes.clone()),
            Subject::Principal(bytes),
            Subject::Network(network),
            Subject::Network("192.0.2.0/25".parse().unwrap()),
            Subject::Network("c000:200::/24".parse().unwrap()),
            Subject::Failures(network),
            Subject::Ration(network),
            Subject::Everyone,
        ];
        let tags = TagKey::derive(&[1; 32]);
        let quota = Quota { name: "a".into(), unit: Unit::Requests, limit: 5, window: 60 };
        let tag = |subject: &Subject| {
            let charge = Charge { subject: subject.clone(), quota: quota.clone(), amount: 1 };
            tags.counter(&charge).value
        };
        let different: std::collections::BTreeSet<_> = subjects.iter().map(tag).collect();
        assert_eq!(different.len(), subjects.len());
    }

    #[test]
    fn a_counter_is_told_apart_by_all_but_its_limit() {
        let tags = TagKey::derive(&[1; 32]);
        let quota = Quota { name: "a".into(), unit: Unit::Requests, limit: 5, window: 60 };
        let charge = Charge { subject: Subject::Key("k".into()), quota, amount: 1 };
        let with = |change: fn(&mut Charge)| {
            let mut charge = charge.clone();
            change(&mut charge);
            tags.counter(&charge).value
        };
        let same = tags.counter(&charge).value;
        assert_eq!(with(|charge| charge.quota.limit = 6), same);
        assert_eq!(with(|charge| charge.amount = 6), same);
        assert_ne!(with(|charge| charge.quota.name = "b".into()), same);
        assert_ne!(with(|charge| charge.quota.unit = Unit::Pixels), same);
        assert_ne!(with(|charge| charge.quota.window = 61), same);
        assert_ne!(with(|charge| charge.subject = Subject::Principal("k".into())), same);
    }
}
