//! Memories that are shared, meddled with, or bad.

use std::cell::{Cell, RefCell};
use std::sync::Barrier;

use super::*;
use crate::Unavailable;

#[test]
fn of_two_threads_with_one_nonce_exactly_one_is_granted() {
    const ROUNDS: usize = 3_000;
    let memory = Arc::new(LocalMemory::new());
    let barrier = Barrier::new(2);
    let race = || {
        let store = open(&memory, Sizes::holding(100_000, 1, 1).unwrap(), at(0));
        let one = |round: usize| {
            barrier.wait();
            admit(&store, signed("k", &round.to_string(), 10), at(10))
        };
        (0..ROUNDS).map(one).collect::<Vec<_>>()
    };
    let (one, other) = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(race), scope.spawn(race));
        (one.join().unwrap(), other.join().unwrap())
    });
    for round in 0..ROUNDS {
        let (winner, loser) = if one[round] == granted() {
            (&one[round], &other[round])
        } else {
            (&other[round], &one[round])
        };
        assert_eq!((winner, loser), (&granted(), &refused(Refusal::Replayed)), "{round}");
    }
}

#[test]
fn two_threads_never_take_more_than_the_limit() {
    let memory = Arc::new(LocalMemory::new());
    let charges = vec![requests("k", 1_000), requests("p", 900)];
    let take = || {
        let store = open(&memory, small(), at(0));
        let one = |_: &usize| {
            let answer = store.resolve(&Lookup::Take { charges: charges.clone() }, at(0));
            matches!(answer, Answer::Granted(_))
        };
        (0..1_000).filter(one).count()
    };
    let total = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(take), scope.spawn(take));
        one.join().unwrap() + other.join().unwrap()
    });
    assert_eq!(total, 900);
    // What was taken of the first quota for refused requests was given back.
    assert_eq!(left(&open(&memory, small(), at(0)), &charges[0], at(0)), 100);
}

/// A memory on which something happens just before its next write.
struct Meddling<F> {
    memory: Arc<LocalMemory>,
    before: RefCell<Option<F>>,
}

impl<F: FnOnce()> Meddling<F> {
    fn meddle(&self) {
        if let Some(before) = self.before.take() {
            before();
        }
    }
}

impl<F: FnOnce()> SharedMemory for Meddling<F> {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        self.memory.read(page)
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        self.meddle();
        self.memory.create(page, bytes)
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        self.meddle();
        self.memory.replace(page, bytes, version)
    }
}

#[test]
fn a_request_that_loses_its_quota_to_another_after_the_peek_keeps_nonce_and_charges() {
    let memory = Arc::new(LocalMemory::new());
    let other = open(&memory, Sizes::default(), at(0));
    let (plenty, scarce) = (requests("k", 10), requests("p", 1));
    let steal = || {
        let charges = vec![scarce.clone()];
        assert!(matches!(other.resolve(&Lookup::Take { charges }, at(1)), Answer::Granted(_)));
    };
    let memory = Meddling { memory: Arc::clone(&memory), before: RefCell::new(Some(steal)) };
    let store =
        PagedStore::open(memory, TagKey::derive(&[7; 32]), Sizes::default(), at(0)).unwrap();

    let nonce = Some(signed("k", "n", 1));
    let charges = vec![plenty.clone(), scarce.clone()];
    let answer = store.resolve(&Lookup::Admit { nonce, charges }, at(1));
    assert!(matches!(answer, Answer::Refused(Refusal::Exceeded { .. })), "{answer:?}");
    assert_eq!(left(&other, &plenty, at(1)), 10);
    assert_eq!(admit(&other, signed("k", "n", 1), at(1)), granted());
}

/// A memory that fails, or on which others are always faster.
struct Bad {
    memory: LocalMemory,
    readable: Cell<bool>,
    writes: Cell<Result<Option<Written>, Unavailable>>,
}

impl Bad {
    fn write(
        &self,
        write: impl FnOnce() -> Result<Written, Unavailable>,
    ) -> Result<Written, Unavailable> {
        self.writes.get()?.map_or_else(write, Ok)
    }
}

impl SharedMemory for &Bad {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        if self.readable.get() { self.memory.read(page) } else { Err(Unavailable) }
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        self.write(|| self.memory.create(page, bytes))
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        self.write(|| self.memory.replace(page, bytes, version))
    }
}

#[test]
fn a_memory_that_fails_or_never_lets_us_win_makes_the_store_unavailable() {
    let (memory, readable) = (LocalMemory::new(), Cell::new(true));
    let bad = Bad { memory, readable, writes: Cell::new(Ok(None)) };
    let begin = || PagedStore::open(&bad, TagKey::derive(&[7; 32]), small(), at(0));
    let store = begin().unwrap();
    let take = || store.resolve(&Lookup::Take { charges: vec![requests("k", 10)] }, at(1));

    for writes in [Ok(Some(Written::Raced)), Err(Unavailable)] {
        bad.writes.set(writes);
        assert_eq!(admit(&store, signed("k", "n", 1), at(1)), Answer::Unavailable);
        assert_eq!(take(), Answer::Unavailable);
    }
    bad.writes.set(Ok(None));
    bad.readable.set(false);
    assert_eq!(admit(&store, signed("k", "n", 1), at(1)), Answer::Unavailable);
    assert_eq!(take(), Answer::Unavailable);
    assert!(begin().is_err());
    bad.readable.set(true);
    assert_eq!(admit(&store, signed("k", "n", 1), at(1)), granted());
}
