//! What holds for any sequence of requests, clocks and pages.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::paged::Page as _;
use super::super::{counters, nonces};
use super::*;

proptest! {
    /// The wall clock does what it likes, the steady one only goes on, and signatures are shown
    /// whenever they verify.
    #[test]
    fn no_signature_is_granted_twice_whatever_the_wall_clock_does(
        steps in prop::collection::vec(
            (0..4_u8, -2 * 3600..2 * 3600_i64, 0..600_u64, 0..3_usize, 0..3_usize, -300..=300_i64),
            1..120,
        ),
    ) {
        let store = fresh(small());
        let (mut wall, mut steady) = (10_000_i64, 10_000_u64);
        let mut seen: Vec<(usize, usize, i64)> = Vec::new();
        let mut accepted = BTreeSet::new();
        for (kind, jump, passed, key, nonce, dated) in steps {
            match kind {
                0 => wall = (wall + jump).max(0),
                1 => {
                    steady += passed;
                    wall += i64::try_from(passed).unwrap();
                }
                // A new signature, or all the old ones again.
                2 => seen.push((key, nonce, (wall + dated).max(0))),
                _ => {}
            }
            let clock = faces(u64::try_from(wall).unwrap(), steady);
            for &(key, nonce, created) in &seen {
                if (wall - created).unsigned_abs() > SKEW {
                    continue;
                }
                let (key, nonce) = (key.to_string(), nonce.to_string());
                let first = signed(&key, &nonce, u64::try_from(created).unwrap());
                if admit(&store, first, clock) == granted() {
                    prop_assert!(accepted.insert((key, nonce, created)), "granted twice");
                }
            }
        }
    }

    /// The model remembers each nonce with its end, and forgets it then.
    #[test]
    fn a_nonce_is_accepted_once_per_window(
        steps in prop::collection::vec(
            (0..200_u64, 0..4_usize, 0..4_usize, -300..=300_i64),
            1..200,
        ),
    ) {
        let store = fresh(small());
        let mut model: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        let mut now = 1_000_u64;
        for (tick, key, nonce, dated) in steps {
            now += tick;
            model.retain(|_, until| *until > now);
            let created = now.saturating_add_signed(dated);
            let expected = match model.get(&(key, nonce)) {
                Some(_) => refused(Refusal::Replayed),
                None => granted(),
            };
            let answer = admit(&store, signed(&key.to_string(), &nonce.to_string(), created), at(now));
            prop_assert_eq!(&answer, &expected);
            if answer == granted() {
                model.insert((key, nonce), created + SKEW + GRACE);
            }
        }
    }

    #[test]
    fn whatever_the_pages_hold_nothing_panics_and_nothing_unreadable_is_granted(
        start in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
        nonces in prop::collection::vec(any::<u8>(), 0..200),
        version in prop::option::of(0..4_u8),
    ) {
        let memory = Arc::new(LocalMemory::new());
        if let Some(start) = start {
            memory.create("lunette.store.start", &start).unwrap();
            let joined = PagedStore::open(memory, TagKey::derive(&[7; 32]), small(), at(0));
            prop_assert!(joined.is_err());
            return Ok(());
        }
        let store = open(&memory, small(), at(0));
        let page: Vec<u8> = version.into_iter().chain(nonces).collect();
        let readable = nonces::Nonces::decode(&page).is_some();
        memory.create("lunette.store.nonces.0", &page).unwrap();
        memory.create("lunette.store.keys.0", &page).unwrap();
        let answer = admit(&store, signed("k", "n", 10), at(10));
        prop_assert_eq!(answer == Answer::Unavailable, !readable);
        let charges = vec![requests("k", 10)];
        store.refund(&charges, at(10));
        let readable = counters::Counters::decode(&page).is_some();
        let answer = store.resolve(&Lookup::Take { charges }, at(10));
        prop_assert_eq!(answer == Answer::Unavailable, !readable);
    }
}
