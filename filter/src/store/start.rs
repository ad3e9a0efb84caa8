//! When a store began and how large its tables are: the page that all who share it agree on.

use super::tags::TagKey;
use super::{counters, nonces};
use crate::{Clock, UnixMillis};

/// The number of entries in a page. With these, a page has less than 2 KiB.
pub(super) const ENTRIES: usize = 64;
/// How many live entries of a page its table is sized for.
///
/// Entries fall into pages by chance. Where 24 are expected, one page in two million has the 52
/// from which on a page of nonces takes no more than fair shares (Poisson, mean 24: P(n >= 52) = 5e-7),
/// and one in 10^11 is full.
const EXPECTED: u32 = 24;
/// The most pages of one table: 16,384 pages of 1.8 KiB are 29 MiB, and 393,216 live entries.
pub const PAGES_MAX: u32 = 16_384;

/// How many pages each table of a store has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sizes {
    pub(super) nonces: u32,
    pub(super) keys: u32,
    pub(super) networks: u32,
}

/// Room for 49,152 live nonces, 49,152 counters of keys and principals and 24,576 of networks: at
/// most 9 MiB.
impl Default for Sizes {
    fn default() -> Self {
        Self { nonces: 2048, keys: 2048, networks: 1024 }
    }
}

impl Sizes {
    /// Tables for so many live nonces, counters of keys and principals, and counters of networks;
    /// `None` if a table would have more than [`PAGES_MAX`] pages.
    pub fn holding(nonces: u64, keys: u64, networks: u64) -> Option<Self> {
        let pages = |live: u64| {
            let pages = u32::try_from(live.div_ceil(u64::from(EXPECTED))).ok()?;
            (pages <= PAGES_MAX).then_some(pages.max(1))
        };
        Some(Self { nonces: pages(nonces)?, keys: pages(keys)?, networks: pages(networks)? })
    }

    /// How many live nonces, counters of keys and principals, and counters of networks fit.
    pub fn capacity(self) -> (u64, u64, u64) {
        let live = |pages| u64::from(pages) * u64::from(EXPECTED);
        (live(self.nonces), live(self.keys), live(self.networks))
    }

    /// The most bytes that all pages hold, without their names.
    pub fn bytes_max(self) -> u64 {
        // One page more, for the quotas of everyone.
        let counters = u64::from(self.keys) + u64::from(self.networks) + 1;
        u64::from(self.nonces) * nonces::BYTES_MAX as u64 + counters * counters::BYTES_MAX as u64
    }
}

/// The start page: what was decided by whoever came first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Start {
    pub(super) sizes: Sizes,
    began: Clock,
}

const VERSION: u8 = 1;
const LEN: usize = 1 + 3 * 8 + 3 * 4;

impl Start {
    pub(super) fn new(sizes: Sizes, began: Clock) -> Self {
        Self { sizes, began }
    }

    /// Whether a signature was made before the store began.
    ///
    /// Signers write whole seconds, so the second in which the store began counts as after it; only a
    /// host that ends and starts within one second could be shown what it took before. Both clocks
    /// are asked: by a wall clock that was set forward since, the store began later than it wrote
    /// down.
    pub(super) fn is_before(&self, created: UnixMillis, clock: Clock) -> bool {
        let age = clock.steady.saturating_sub(self.began.steady);
        let began = self.began.unix.0.max(clock.unix.0.saturating_sub(age));
        created.0 / 1000 < began / 1000
    }

    pub(super) fn encode(&self, tags: &TagKey) -> Vec<u8> {
        let Sizes { nonces, keys, networks } = self.sizes;
        let mut bytes = Vec::with_capacity(LEN);
        bytes.push(VERSION);
        for number in [tags.check(), self.began.unix.0, self.began.steady] {
            bytes.extend(number.to_le_bytes());
        }
        for pages in [nonces, keys, networks] {
            bytes.extend(pages.to_le_bytes());
        }
        bytes
    }

    /// Reads the page; `None` if it is none, or if it was written with another key: with two keys
    /// one nonce would have two places.
    pub(super) fn decode(bytes: &[u8], tags: &TagKey) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (numbers, rest) = rest.split_at_checked(3 * 8)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let (pages, left) = rest.as_chunks::<4>();
        let (&[check, unix, steady], &[nonces, keys, networks], []) = (numbers, pages, left) else {
            return None;
        };
        let [check, unix, steady] = [check, unix, steady].map(u64::from_le_bytes);
        let pages = [nonces, keys, networks].map(u32::from_le_bytes);
        let valid = *version == VERSION
            && check == tags.check()
            && pages.iter().all(|pages| (1..=PAGES_MAX).contains(pages));
        let [nonces, keys, networks] = pages;
        let sizes = Sizes { nonces, keys, networks };
        valid.then_some(Self { sizes, began: Clock { unix: UnixMillis(unix), steady } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sized_by_what_they_hold_and_have_a_limit() {
        let sizes = Sizes::holding(49_152, 1, 25).unwrap();
        assert_eq!(sizes, Sizes { nonces: 2048, keys: 1, networks: 2 });
        assert_eq!(sizes.capacity(), (49_152, 24, 48));
        assert!(Sizes::holding(24 * 16_384, 0, 0).is_some());
        assert_eq!(Sizes::holding(24 * 16_384 + 1, 0, 0), None);
        assert_eq!(Sizes::holding(0, u64::MAX, 0), None);
    }

    #[test]
    fn the_tables_of_the_default_take_less_than_nine_mebibytes() {
        // 2048 pages of 1801 bytes, and 2048 + 1024 + 1 of 1537.
        assert_eq!(Sizes::default().bytes_max(), 8_411_649);
        assert!(Sizes::default().bytes_max() < 9 << 20);
    }

    #[test]
    fn the_page_is_read_back_by_whoever_has_the_key() {
        let (ours, theirs) = (TagKey::derive(&[1; 32]), TagKey::derive(&[2; 32]));
        let start = Start::new(Sizes::default(), Clock { unix: UnixMillis(5), steady: 7 });
        let bytes = start.encode(&ours);
        assert_eq!(bytes.len(), LEN);
        assert_eq!(Start::decode(&bytes, &ours), Some(start));
        assert_eq!(Start::decode(&bytes, &theirs), None);
        for len in 0..LEN {
            assert_eq!(Start::decode(&bytes[..len], &ours), None, "{len}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Start::decode(&longer, &ours), None);
        let mut none = bytes;
        none[25..29].fill(0);
        assert_eq!(Start::decode(&none, &ours), None, "a table without pages");
    }

    #[test]
    fn what_was_signed_before_the_store_began_is_told_by_both_clocks() {
        let began = Clock { unix: UnixMillis(1_000_500), steady: 0 };
        let start = Start::new(Sizes::default(), began);
        let accepts = |created: u64, unix: u64, steady: u64| {
            !start.is_before(UnixMillis(created * 1000), Clock { unix: UnixMillis(unix), steady })
        };
        assert!(accepts(1_000, 1_001_500, 1_000), "the second in which it began");
        assert!(!accepts(999, 1_001_500, 1_000));
        // The clock was an hour slow at the start and then set right: what was signed a minute
        // before the start is no longer before what the store wrote down.
        assert!(!accepts(4_540, 4_601_500, 1_000));
        assert!(accepts(4_600, 4_601_500, 1_000));
        // The clock was an hour fast at the start: nothing can be judged until it gets there.
        assert!(!accepts(900, 900_500, 1_000));
    }
}
