//! A page of quotas: until when each is spoken for.

use super::Refusal;
use super::paged::Page;
use super::start::ENTRIES;
use crate::quota::gcra::{self, ArrivalTime, Exceeded};
use crate::quota::{Charge, Remaining};

/// The quotas of one page.
///
/// A full page forgets the quota that would be whole again first. Its subject then has its whole
/// limit once more; that is a loss only of accuracy, and keys and principals lie in tables that
/// strangers cannot write to.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Counters(Vec<Counter>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Counter {
    tag: u64,
    arrival: ArrivalTime,
}

impl Counters {
    /// Takes a charge at the steady time `now`.
    pub(super) fn take(
        &mut self,
        tag: u64,
        charge: &Charge,
        now: u64,
    ) -> Result<Remaining, Refusal> {
        match gcra::take(&charge.quota, self.arrival(tag), charge.amount, now) {
            Ok((arrival, level)) => {
                self.put(tag, arrival, now);
                Ok(Remaining::new(&charge.quota, level))
            }
            Err(Exceeded { level, wait }) => Err(Refusal::Exceeded {
                quota: Remaining::new(&charge.quota, level),
                retry_after: wait.map(|millis| millis.div_ceil(1000).max(1)),
            }),
        }
    }

    /// Gives a charge back.
    pub(super) fn give_back(&mut self, tag: u64, charge: &Charge, now: u64) {
        let arrival = gcra::give_back(&charge.quota, self.arrival(tag), charge.amount, now);
        self.put(tag, arrival, now);
    }

    fn arrival(&self, tag: u64) -> ArrivalTime {
        let found = self.0.iter().find(|counter| counter.tag == tag);
        found.map(|counter| counter.arrival).unwrap_or_default()
    }

    fn put(&mut self, tag: u64, arrival: ArrivalTime, now: u64) {
        self.0.retain(|counter| counter.tag != tag && !counter.arrival.is_past(now));
        if arrival.is_past(now) {
            return;
        }
        if self.0.len() >= ENTRIES {
            let first = self.0.iter().map(|counter| counter.arrival).min();
            if let Some(at) = self.0.iter().position(|counter| Some(counter.arrival) == first) {
                self.0.swap_remove(at);
            }
        }
        self.0.push(Counter { tag, arrival });
    }
}

const VERSION: u8 = 3;
const ENTRY: usize = 3 * 8;
/// The most bytes of a page.
pub(super) const BYTES_MAX: usize = 1 + ENTRIES * ENTRY;

impl Page for Counters {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.0.len() * ENTRY);
        bytes.push(VERSION);
        for Counter { tag, arrival } in &self.0 {
            for number in [*tag, arrival.millis, arrival.part] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (entries, left) = rest.as_chunks::<ENTRY>();
        if version != VERSION || !left.is_empty() || entries.len() > ENTRIES {
            return None;
        }
        entries.iter().map(|bytes| decode_counter(bytes)).collect::<Option<_>>().map(Self)
    }
}

fn decode_counter(bytes: &[u8]) -> Option<Counter> {
    let (&[tag, millis, part], []) = bytes.as_chunks::<8>() else { return None };
    let [tag, millis, part] = [tag, millis, part].map(u64::from_le_bytes);
    Some(Counter { tag, arrival: ArrivalTime { millis, part } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quota::{Quota, Subject, Unit};

    fn charge(limit: u64, window: u64, amount: u64) -> Charge {
        let quota = Quota { name: "q".into(), unit: Unit::Requests, limit, window };
        Charge { subject: Subject::Everyone, quota, amount }
    }

    #[test]
    fn a_quota_that_is_whole_again_takes_no_room() {
        let mut page = Counters::default();
        page.take(1, &charge(2, 10, 1), 0).unwrap();
        page.take(2, &charge(2, 10, 2), 0).unwrap();
        page.take(3, &charge(2, 10, 0), 5_000).unwrap();
        assert_eq!(page.0.iter().map(|counter| counter.tag).collect::<Vec<_>>(), [2]);
        page.give_back(2, &charge(2, 10, 2), 5_000);
        assert_eq!(page, Counters::default());
    }

    #[test]
    fn a_full_page_forgets_the_quota_that_is_whole_again_first() {
        let mut page = Counters::default();
        for tag in 0..64 {
            page.take(tag, &charge(100, 100, if tag == 7 { 1 } else { 50 }), 0).unwrap();
        }
        page.take(64, &charge(100, 100, 50), 0).unwrap();
        assert_eq!(page.0.len(), 64);
        assert_eq!(page.take(7, &charge(100, 100, 0), 0).unwrap().remaining, 100);
        assert_eq!(page.take(8, &charge(100, 100, 0), 0).unwrap().remaining, 50);
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_rounded_up() {
        let retry = |wait_of: Charge, now| {
            let mut page = Counters::default();
            page.take(1, &charge(2, 3, 2), 0).unwrap();
            match page.take(1, &wait_of, now) {
                Err(Refusal::Exceeded { retry_after, .. }) => retry_after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(retry(charge(2, 3, 1), 0), Some(2), "1.5 s");
        assert_eq!(retry(charge(2, 3, 1), 500), Some(1), "1.0 s");
        assert_eq!(retry(charge(2, 3, 1), 1_499), Some(1), "1 ms");
        assert_eq!(retry(charge(2, 3, 3), 0), None, "more than there ever is");
    }

    #[test]
    fn a_page_is_read_back_as_it_was_written() {
        let mut page = Counters::default();
        for tag in 0..64 {
            page.take(tag, &charge(7, 60, 3), 1_000 + tag).unwrap();
        }
        assert_eq!(page.encode().len(), BYTES_MAX);
        assert_eq!(Counters::decode(&page.encode()), Some(page));
        assert_eq!(Counters::decode(&Counters::default().encode()), Some(Counters::default()));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_page_are_not_read(bytes in prop::collection::vec(any::<u8>(), 0..1_800)) {
            if let Some(page) = Counters::decode(&bytes) {
                prop_assert_eq!(page.encode(), bytes);
            }
        }

        #[test]
        fn any_page_can_be_worked_on(
            entries in prop::collection::vec(any::<[u8; ENTRY]>(), 0..=ENTRIES),
            limit in any::<u64>(),
            window in any::<u64>(),
            amount in any::<u64>(),
            now in any::<u64>(),
        ) {
            let bytes = [&[VERSION], entries.as_flattened()].concat();
            let mut page = Counters::decode(&bytes).unwrap();
            let _ = page.take(1, &charge(limit, window, amount), now);
            page.give_back(1, &charge(limit, window, amount), now);
            prop_assert!(page.0.len() <= ENTRIES);
        }
    }
}
