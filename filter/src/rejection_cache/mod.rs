//! A short memory of refusals that cannot come out otherwise.
//!
//! Most bad requests come more than once: a client that was not told of its new key, a scanner. The
//! second time, one hash answers what a look-up and two digests answered the first time.
//!
//! - Only verdicts that hold until the policy changes can be expressed ([`Refused`]). A wrong secret
//!   or signature for a key id that exists is not among them, nor is anything that depends on time
//!   passing, load, limits or failures.
//! - A verdict is kept under a keyed hash of all it depends on ([`Entry`]): never under a key id
//!   alone, or whoever knows the id could lock its owner out, and never under a digest that a client
//!   only claims.
//! - A new epoch ends every entry at once, so that a key works as soon as it is published, whoever
//!   asked for it before.
//! - Memory is fixed, and one network holds at most a quarter of where it falls: a scanner pushes
//!   out nothing but its own entries.
//! - An entry that has expired never answers, not even once more. Acceptances are not remembered.
//! - Gates with the same key may tell each other of bodies ([`wanted`](RejectionCache::wanted),
//!   [`news`](RejectionCache::news)): to refuse a key costs less than to ask.
//!
//! It is no HTTP cache: every answer is still made for its request.

mod slot;
#[cfg(test)]
mod tests;

use std::hash::Hasher as _;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use zeroize::Zeroizing;

use crate::request::Clock;
use slot::{Moment, Slot};

/// Entries that a cache holds at most: 1.5 MiB of them.
pub const SLOTS: usize = 64 * 1024;
/// Slots that one tag may lie in.
const WAYS: usize = 8;
/// One in this many hits is verified, so that a refusal that should not be here is noticed.
const CANARY: u64 = 128;

/// The memory of one host. It has no `Debug`: its key must not reach a log.
pub struct RejectionCache {
    key: Zeroizing<[u8; 16]>,
    /// Sets of [`WAYS`] slots. Empty until the first insertion: most hosts never need them.
    slots: Vec<Slot>,
    size: usize,
    /// The newest epoch that was asked about.
    epoch: Option<u64>,
    counters: Counters,
    /// The body that was last looked for in vain, until somebody asks.
    wanted: Option<u64>,
    /// The body that was last remembered, until somebody asks.
    news: Option<(u64, u8)>,
}

/// Everything a refusal depends on.
///
/// The reason is not part of it: it is what the cache answers. With the reason in the hash, a look-up
/// would have to try every reason there is.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The whole credential as sent, with its secret half.
    pub credential: &'a [u8],
    /// The name of the route.
    pub route: &'a str,
    /// The digest of the body where the body was refused. Only a digest that was verified over the
    /// whole body may stand here: a claimed one could be that of a colleague's good image.
    pub digest: Option<&'a [u8]>,
    /// The version of the code that judges bodies: a newer one may read what an older one refused.
    pub decoder: u32,
    /// The epoch that the request is judged by.
    pub epoch: u64,
}

/// A verdict that holds as long as its epoch does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// No record has the key's id.
    UnknownKey,
    /// The key was withdrawn.
    RevokedKey,
    /// The key's time is over.
    ExpiredKey,
    /// The credential cannot be read.
    MalformedCredential,
    /// The node read the whole body, verified its digest, and found that it is not the image it says
    /// it is. The number is the host's own, for the code of its answer.
    MalformedBody(u8),
}

/// What to do with a request whose refusal is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hit {
    /// Refuse it.
    Reject(Refused),
    /// Judge it as if nothing were remembered. If it turns out good, let it pass and say so with
    /// [`RejectionCache::verified_wrong`].
    Verify(Refused),
}

/// What has happened since the cache was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Requests whose refusal was remembered.
    pub hits: u64,
    /// Refusals that were stored, or stored again.
    pub inserts: u64,
    /// Entries that still answered and gave way to another one of their own source.
    pub evictions: u64,
    /// Refusals that found no place they may take.
    pub dropped: u64,
    /// Changes of the epoch, each of which ended all entries.
    pub epoch_flushes: u64,
    /// Remembered refusals of requests that were good. Must stay 0.
    pub false_rejections: u64,
}

impl RejectionCache {
    /// An empty cache under the host's secret `key`: without the key, nobody can tell which
    /// credentials fall together.
    pub fn new(key: [u8; 16]) -> Self {
        Self::with_slots(key, SLOTS)
    }

    /// A cache of another size, rounded down to whole sets.
    pub fn with_slots(key: [u8; 16], slots: usize) -> Self {
        Self {
            key: Zeroizing::new(key),
            slots: Vec::new(),
            size: slots - slots % WAYS,
            epoch: None,
            counters: Counters::default(),
            wanted: None,
            news: None,
        }
    }

    /// Whether the refusal of such a request is remembered.
    pub fn find(&mut self, entry: &Entry<'_>, now: Clock) -> Option<Hit> {
        self.wanted = None;
        let moment = self.moment(entry.epoch, now)?;
        if self.slots.is_empty() && entry.digest.is_none() {
            return None;
        }
        let tag = self.tag(entry);
        let found =
            self.set(tag).and_then(|set| set.iter().find_map(|slot| slot.answer(tag, moment)));
        let Some(refused) = found else {
            self.wanted = entry.digest.map(|_| tag);
            return None;
        };
        self.counters.hits += 1;
        let canary = self.counters.hits.is_multiple_of(CANARY);
        Some(if canary { Hit::Verify(refused) } else { Hit::Reject(refused) })
    }

    /// A request that [`Hit::Verify`] spoke of is good: its entry is removed and counted.
    pub fn verified_wrong(&mut self, entry: &Entry<'_>) {
        self.counters.false_rejections += 1;
        let tag = self.tag(entry);
        if let Some(slot) = self.set(tag).and_then(|set| slot::holding(set, tag)) {
            *slot = Slot::EMPTY;
        }
    }

    /// Remembers that such a request was refused, on behalf of the network it came from.
    ///
    /// Requests whose address the host cannot tell share one source. A credential that its check
    /// digits give away is refused as cheaply without a cache, and should not be inserted.
    pub fn insert(
        &mut self,
        entry: &Entry<'_>,
        refused: Refused,
        source: Option<IpAddr>,
        now: Clock,
    ) {
        let tag = self.tag(entry);
        if let (Refused::MalformedBody(code), Some(_)) = (refused, entry.digest) {
            self.news = Some((tag, code));
        }
        self.store(tag, refused, source, (entry.epoch, now));
    }

    /// The name of the body that the last look-up did not know, once. Another gate with the same key and
    /// epoch may know it.
    pub fn wanted(&mut self) -> Option<u64> {
        self.wanted.take()
    }

    /// The name of the body that was last remembered, and what as, once: to tell other gates.
    pub fn news(&mut self) -> Option<(u64, u8)> {
        self.news.take()
    }

    /// Remembers what another gate with the same key told of a body that is judged by `epoch`.
    pub fn learn(&mut self, name: u64, code: u8, epoch: u64, now: Clock) {
        self.store(name, Refused::MalformedBody(code), None, (epoch, now));
    }

    fn store(
        &mut self,
        tag: u64,
        refused: Refused,
        source: Option<IpAddr>,
        (epoch, now): (u64, Clock),
    ) {
        let stored = self.moment(epoch, now).and_then(|moment| {
            self.allocate();
            let source = self.source(source);
            slot::store(self.set(tag)?, tag, refused, source, moment)
        });
        match stored {
            None => self.counters.dropped += 1,
            Some(stored) => {
                self.counters.inserts += 1;
                self.counters.evictions += u64::from(stored == slot::Stored::InsteadOfAnother);
            }
        }
    }

    /// What has happened since the cache was made.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The bytes that the entries take: nothing before the first insertion, then always the same.
    pub fn byte_len(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// When something happens; `None` for a request that began before the epoch changed, which has
    /// nothing to learn here and nothing to tell.
    fn moment(&mut self, epoch: u64, now: Clock) -> Option<Moment> {
        let newest = self.epoch.unwrap_or(epoch);
        if epoch < newest {
            return None;
        }
        self.counters.epoch_flushes += u64::from(epoch > newest);
        self.epoch = Some(epoch);
        Some(Moment { epoch, steady: now.steady })
    }

    /// Takes the memory. Where there is none, nothing is remembered.
    fn allocate(&mut self) {
        if self.slots.is_empty() && self.slots.try_reserve_exact(self.size).is_ok() {
            self.slots.resize(self.size, Slot::EMPTY);
        }
    }

    /// The slots that `tag` may lie in.
    fn set(&mut self, tag: u64) -> Option<&mut [Slot]> {
        let sets = u64::try_from(self.slots.len() / WAYS).ok()?;
        let index = usize::try_from(tag.checked_rem(sets)?).ok()?;
        self.slots.chunks_exact_mut(WAYS).nth(index)
    }

    /// The keyed hash of all that a refusal depends on; every part is preceded by its length, so
    /// that no two entries read the same.
    fn tag(&self, entry: &Entry<'_>) -> u64 {
        let mut hash = self.hasher(b'e');
        let length = |bytes: &[u8]| bytes.len() as u64;
        // Lengths first, in one piece: no two entries read the same, and the hasher is called seldom.
        let (credential, route) = (length(entry.credential), length(entry.route.as_bytes()));
        let digest = entry.digest.map_or(u64::MAX, length);
        let numbers = [credential, route, digest, entry.decoder.into(), entry.epoch];
        hash.write(numbers.map(u64::to_le_bytes).as_flattened());
        hash.write(entry.credential);
        hash.write(entry.route.as_bytes());
        hash.write(entry.digest.unwrap_or_default());
        hash.finish()
    }

    /// The /24 or /48 that shares one share, as a keyed hash that fits a slot.
    fn source(&self, address: Option<IpAddr>) -> u32 {
        let mut hash = self.hasher(b's');
        match address.map(|address| address.to_canonical()) {
            None => {}
            Some(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                hash.write(&[a, b, c]);
            }
            Some(IpAddr::V6(address)) => {
                let [a, b, c, ..] = address.segments();
                for segment in [a, b, c] {
                    hash.write(&segment.to_be_bytes());
                }
            }
        }
        (hash.finish() >> 32) as u32
    }

    fn hasher(&self, purpose: u8) -> SipHasher24 {
        let mut hash = SipHasher24::new_with_key(&self.key);
        hash.write(&[purpose]);
        hash
    }
}
