//! A page of nonces: which were used, and until when that must be known.

use std::collections::BTreeSet;

use super::paged::Page;
use super::start::ENTRIES;
use super::{FirstUse, Refusal};
use crate::Clock;

/// From this many live nonces on, a key may add one only while it is below its fair share: four
/// fifths of a page. One key alone can so never take the last fifth from the others.
const CROWDED: usize = ENTRIES * 4 / 5 + 1;

/// One nonce. Times are in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    tag: u64,
    owner: u32,
    /// By the wall clock.
    until: u64,
    /// By the steady clock.
    steady: u64,
}

impl Entry {
    /// The nonce `first`, seen at `clock`.
    pub(super) fn new(tag: u64, owner: u32, first: &FirstUse, clock: Clock) -> Self {
        let left = first.until.0.saturating_sub(clock.unix.0);
        Self { tag, owner, until: first.until.0, steady: clock.steady.saturating_add(left) }
    }

    /// Whether both clocks say that its signature no longer verifies. One clock is not believed:
    /// the wall clock may be an hour ahead for a minute.
    fn is_over(&self, clock: Clock) -> bool {
        self.until <= clock.unix.0 && self.steady <= clock.steady
    }
}

/// The nonces of one page.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Nonces {
    /// The latest `until` of all that was forgotten here. Whatever would have been forgotten by then
    /// may have been used: the wall clock was set back, and old signatures verify again.
    forgotten: u64,
    entries: Vec<Entry>,
}

impl Nonces {
    /// Records a nonce that was not used before.
    pub(super) fn record(&mut self, new: Entry, clock: Clock) -> Result<(), Refusal> {
        self.forget_what_is_over(clock);
        if self.entries.iter().any(|entry| entry.tag == new.tag) {
            return Err(Refusal::Replayed);
        }
        if new.until <= self.forgotten.max(clock.unix.0) {
            return Err(Refusal::BeforeStart);
        }
        if !self.has_room(new.owner) {
            return Err(Refusal::Full);
        }
        self.entries.push(new);
        Ok(())
    }

    /// Takes back a nonce that was recorded for a request which is then refused unused.
    pub(super) fn take_back(&mut self, tag: u64) {
        self.entries.retain(|entry| entry.tag != tag);
    }

    fn forget_what_is_over(&mut self, clock: Clock) {
        let over = self.entries.extract_if(.., |entry| entry.is_over(clock));
        self.forgotten = over.map(|entry| entry.until).fold(self.forgotten, u64::max);
    }

    fn has_room(&self, owner: u32) -> bool {
        let live = self.entries.len();
        if live < CROWDED {
            return true;
        }
        let owners: BTreeSet<u32> = self.entries.iter().map(|entry| entry.owner).collect();
        let held = self.entries.iter().filter(|entry| entry.owner == owner).count();
        live < ENTRIES && held < ENTRIES / (owners.len() + 1)
    }
}

const VERSION: u8 = 2;
const ENTRY: usize = 8 + 4 + 8 + 8;
/// The most bytes of a page.
pub(super) const BYTES_MAX: usize = 1 + 8 + ENTRIES * ENTRY;

impl Page for Nonces {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 8 + self.entries.len() * ENTRY);
        bytes.push(VERSION);
        bytes.extend(self.forgotten.to_le_bytes());
        for entry in &self.entries {
            bytes.extend(entry.tag.to_le_bytes());
            bytes.extend(entry.owner.to_le_bytes());
            bytes.extend(entry.until.to_le_bytes());
            bytes.extend(entry.steady.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (forgotten, rest) = rest.split_first_chunk()?;
        let (entries, left) = rest.as_chunks::<ENTRY>();
        if version != VERSION || !left.is_empty() || entries.len() > ENTRIES {
            return None;
        }
        let entries = entries.iter().map(|bytes| decode_entry(bytes)).collect::<Option<_>>()?;
        Some(Self { forgotten: u64::from_le_bytes(*forgotten), entries })
    }
}

fn decode_entry(bytes: &[u8]) -> Option<Entry> {
    let (tag, rest) = bytes.split_first_chunk()?;
    let (owner, rest) = rest.split_first_chunk()?;
    let (until, rest) = rest.split_first_chunk()?;
    let (steady, _) = rest.split_first_chunk()?;
    Some(Entry {
        tag: u64::from_le_bytes(*tag),
        owner: u32::from_le_bytes(*owner),
        until: u64::from_le_bytes(*until),
        steady: u64::from_le_bytes(*steady),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::UnixMillis;

    const NOW: Clock = Clock { unix: UnixMillis(1_000_000), steady: 0 };

    fn entry(tag: u64, owner: u32) -> Entry {
        Entry { tag, owner, until: 2_000_000, steady: 1_000_000 }
    }

    /// Records as many nonces of `owner` as the page takes.
    fn fill(page: &mut Nonces, owner: u32) -> usize {
        let tag = |n| u64::from(owner) << 32 | n;
        (0..1_000).take_while(|n| page.record(entry(tag(*n), owner), NOW).is_ok()).count()
    }

    #[test]
    fn one_key_cannot_take_a_page_from_the_others() {
        let mut page = Nonces::default();
        assert_eq!(fill(&mut page, 1), 52);
        // A second owner may have a third of the page, but there is only a fifth left.
        assert_eq!(fill(&mut page, 2), 12);
        assert_eq!(page.record(entry(99, 3), NOW), Err(Refusal::Full));

        let mut shared = Nonces::default();
        for tag in 0..40 {
            shared.record(entry(tag, 1), NOW).unwrap();
        }
        for owner in 2..=25 {
            assert_eq!(shared.record(entry(u64::from(owner) + 100, owner), NOW), Ok(()), "{owner}");
        }
        assert_eq!(shared.record(entry(999, 26), NOW), Err(Refusal::Full));
    }

    #[test]
    fn what_is_over_makes_room() {
        let mut page = Nonces::default();
        fill(&mut page, 1);
        let later = Clock { unix: UnixMillis(2_000_000), steady: 1_000_000 };
        let next = Entry { tag: 1, owner: 1, until: 3_000_000, steady: 2_000_000 };
        assert_eq!(page.record(next, later), Ok(()));
        assert_eq!(page, Nonces { forgotten: 2_000_000, entries: vec![next] });
    }

    #[test]
    fn a_nonce_is_over_when_both_clocks_say_so() {
        let at = |unix, steady| Clock { unix: UnixMillis(unix), steady };
        for (clock, expected) in [
            (at(1_999_999, 1_000_000), Err(Refusal::Replayed)),
            (at(2_000_000, 999_999), Err(Refusal::Replayed)),
            (at(2_000_000, 1_000_000), Ok(())),
        ] {
            let mut page = Nonces::default();
            page.record(entry(1, 1), NOW).unwrap();
            let again = Entry { until: 3_000_000, ..entry(1, 1) };
            assert_eq!(page.record(again, clock), expected, "{clock:?}");
        }
    }

    #[test]
    fn what_may_have_been_forgotten_is_refused() {
        let mut page = Nonces::default();
        page.record(entry(1, 1), NOW).unwrap();
        // Something newer comes, and the first is forgotten; then the wall clock is set back.
        let later = Clock { unix: UnixMillis(2_000_000), steady: 1_000_000 };
        page.record(Entry { until: 3_000_000, ..entry(2, 1) }, later).unwrap();
        let back = Clock { unix: UnixMillis(1_000_000), steady: 1_000_001 };
        assert_eq!(page.record(entry(1, 1), back), Err(Refusal::BeforeStart));
        let newer = Entry { until: 2_000_001, ..entry(1, 1) };
        assert_eq!(page.record(newer, back), Ok(()));
    }

    #[test]
    fn a_page_is_read_back_as_it_was_written() {
        let mut page = Nonces::default();
        fill(&mut page, 7);
        page.forgotten = 9;
        assert_eq!(page.encode().len(), BYTES_MAX - (ENTRIES - 52) * ENTRY);
        assert_eq!(Nonces::decode(&page.encode()), Some(page));
        let empty = Nonces::default();
        assert_eq!(Nonces::decode(&empty.encode()), Some(empty));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_page_are_not_read(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            if let Some(page) = Nonces::decode(&bytes) {
                prop_assert_eq!(page.encode(), bytes);
            }
        }
    }
}
