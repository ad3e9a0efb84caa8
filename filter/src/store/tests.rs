mod memories;
mod properties;
mod quotas;

use super::*;
use crate::quota::{Quota, Subject, Unit};

const SKEW: u64 = 300;
const HOUR: u64 = 3600;
/// When the stores of these tests began, in seconds.
const START: u64 = 1_700_000_000;

type Local = PagedStore<Arc<LocalMemory>>;

/// A clock that shows so many seconds since [`START`] on both faces.
fn at(seconds: u64) -> Clock {
    faces(seconds, seconds)
}

/// A clock whose wall shows so many seconds since [`START`] after so many steady ones.
fn faces(wall: u64, steady: u64) -> Clock {
    Clock { unix: UnixMillis((START + wall) * 1000), steady: steady * 1000 }
}

/// Tables of one page each, so that everything meets everything.
fn small() -> Sizes {
    Sizes::holding(1, 1, 1).unwrap()
}

fn open(memory: &Arc<LocalMemory>, sizes: Sizes, clock: Clock) -> Local {
    PagedStore::open(Arc::clone(memory), TagKey::derive(&[7; 32]), sizes, clock).unwrap()
}

fn fresh(sizes: Sizes) -> Local {
    open(&Arc::new(LocalMemory::new()), sizes, at(0))
}

fn signed(key: &str, nonce: &str, created: u64) -> FirstUse {
    first_use(key, nonce, UnixMillis((START + created) * 1000), SKEW)
}

fn admit(store: &impl Store, first: FirstUse, clock: Clock) -> Answer {
    store.resolve(&Lookup::Admit { nonce: Some(first), charges: vec![] }, clock)
}

fn charge(subject: &str, name: &str, unit: Unit, limit: u64, amount: u64) -> Charge {
    let quota = Quota { name: name.into(), unit, limit, window: 60 };
    Charge { subject: Subject::Key(subject.into()), quota, amount }
}

fn requests(subject: &str, limit: u64) -> Charge {
    charge(subject, "requests", Unit::Requests, limit, 1)
}

/// What is left of a quota.
fn left(store: &impl Store, of: &Charge, clock: Clock) -> u64 {
    let asked = vec![Charge { amount: 0, ..of.clone() }];
    match store.resolve(&Lookup::Take { charges: asked }, clock) {
        Answer::Granted(left) => left[0].remaining,
        other => panic!("{other:?}"),
    }
}

fn granted() -> Answer {
    Answer::Granted(vec![])
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

#[test]
fn a_signature_dated_ahead_is_remembered_until_it_stops_verifying() {
    let now = 1_000;
    let store = fresh(Sizes::default());
    assert_eq!(admit(&store, signed("k", "n", now + SKEW), at(now)), granted());
    for replayed in [now, now + SKEW + 1, now + 2 * SKEW - 1, now + 2 * SKEW] {
        let answer = admit(&store, signed("k", "n", now + SKEW), at(replayed));
        assert_eq!(answer, refused(Refusal::Replayed), "{replayed}");
    }
    // Long after, its owner may use the same nonce for another request.
    let later = now + 2 * SKEW + GRACE;
    assert_eq!(admit(&store, signed("k", "n", later), at(later)), granted());
}

#[test]
fn a_nonce_is_its_owners_alone() {
    let store = fresh(Sizes::default());
    assert_eq!(admit(&store, signed("a", "n", 10), at(10)), granted());
    assert_eq!(admit(&store, signed("b", "n", 10), at(10)), granted());
    assert_eq!(admit(&store, signed("a", "n", 10), at(10)), refused(Refusal::Replayed));
}

#[test]
fn after_a_restart_what_was_signed_before_is_refused() {
    let before = fresh(Sizes::default());
    assert_eq!(admit(&before, signed("k", "n", 100), at(100)), granted());

    let after = open(&Arc::new(LocalMemory::new()), Sizes::default(), at(110));
    assert_eq!(admit(&after, signed("k", "n", 100), at(111)), refused(Refusal::BeforeStart));
    assert_eq!(admit(&after, signed("k", "unused", 109), at(111)), refused(Refusal::BeforeStart));
    assert_eq!(admit(&after, signed("k", "unused", 110), at(111)), granted());
}

#[test]
fn a_clock_that_goes_an_hour_ahead_and_back_allows_no_replay() {
    let store = fresh(small());
    assert_eq!(admit(&store, signed("k", "n", 100), at(100)), granted());
    // The wall clock goes ahead for a minute, and others use the store.
    assert_eq!(admit(&store, signed("k", "m", 110 + HOUR), faces(110 + HOUR, 110)), granted());
    assert_eq!(admit(&store, signed("k", "n", 100), at(170)), refused(Refusal::Replayed));
    assert_eq!(admit(&store, signed("k", "new", 170), at(170)), granted(), "and locks nobody out");
}

#[test]
fn a_clock_that_goes_an_hour_back_and_ahead_allows_no_replay() {
    let store = fresh(small());
    let (then, now) = (100, 100 + HOUR);
    assert_eq!(admit(&store, signed("k", "n", then), at(then)), granted());
    // An hour later it is forgotten, since it no longer verifies.
    assert_eq!(admit(&store, signed("k", "m", now), at(now)), granted());
    // The wall clock goes back to where it does.
    let back = faces(then, now + 1);
    assert_eq!(admit(&store, signed("k", "n", then), back), refused(Refusal::BeforeStart));
    // And ahead again.
    assert_eq!(admit(&store, signed("k", "m", now), at(now + 2)), refused(Refusal::Replayed));
    assert_eq!(admit(&store, signed("k", "new", now), at(now + 2)), granted());
}

#[test]
fn a_key_that_floods_the_store_leaves_the_others_unaffected() {
    let store = fresh(Sizes::holding(24 * 8, 1, 1).unwrap());
    let flood = (0..5_000).map(|n| admit(&store, signed("flood", &n.to_string(), 10), at(10)));
    let (taken, rest): (Vec<_>, Vec<_>) = flood.partition(|answer| *answer == granted());
    assert_eq!(taken.len(), 8 * 52, "four fifths of every page");
    assert!(rest.iter().all(|answer| *answer == refused(Refusal::Full)));

    for n in 0..40 {
        assert_eq!(admit(&store, signed("other", &n.to_string(), 10), at(11)), granted(), "{n}");
    }
}

#[test]
fn a_store_without_room_refuses_until_nonces_are_over() {
    let store = fresh(small());
    for owner in 0..64 {
        assert_eq!(admit(&store, signed(&owner.to_string(), "n", 10), at(10)), granted());
    }
    assert_eq!(admit(&store, signed("late", "n", 10), at(10)), refused(Refusal::Full));
    assert_eq!(admit(&store, signed("0", "n", 10), at(10)), refused(Refusal::Replayed));
    let over = 10 + SKEW + GRACE;
    assert_eq!(admit(&store, signed("late", "n", over), at(over)), granted());
}

#[test]
fn a_request_over_its_quota_keeps_its_nonce_and_a_replay_costs_its_owner_nothing() {
    let store = fresh(Sizes::default());
    let quota = requests("k", 2);
    let ask = |nonce: &str, seconds: u64| {
        let nonce = Some(signed("k", nonce, 10));
        store.resolve(&Lookup::Admit { nonce, charges: vec![quota.clone()] }, at(seconds))
    };
    assert!(matches!(ask("a", 10), Answer::Granted(left) if left[0].remaining == 1));
    assert_eq!(ask("a", 10), refused(Refusal::Replayed));
    assert_eq!(left(&store, &quota, at(10)), 1);

    assert!(matches!(ask("b", 10), Answer::Granted(_)));
    let Answer::Refused(Refusal::Exceeded { quota: spent, retry_after }) = ask("c", 10) else {
        panic!("granted over the quota");
    };
    assert_eq!((spent.name.as_str(), spent.remaining, retry_after), ("requests", 0, Some(30)));
    assert!(matches!(
        ask("c", 39),
        Answer::Refused(Refusal::Exceeded { retry_after: Some(1), .. })
    ));
    assert!(matches!(ask("c", 40), Answer::Granted(_)), "the nonce was not used up");
}

#[test]
fn a_second_vm_joins_the_store_as_it_is() {
    let memory = Arc::new(LocalMemory::new());
    let first = open(&memory, small(), at(0));
    let second = open(&memory, Sizes::default(), at(50));
    assert_eq!(second.sizes(), first.sizes());
    assert_eq!(admit(&first, signed("k", "n", 10), at(60)), granted(), "it began at 0");
    assert_eq!(admit(&second, signed("k", "n", 10), at(60)), refused(Refusal::Replayed));

    let other_key = PagedStore::open(memory, TagKey::derive(&[8; 32]), small(), at(0));
    assert!(other_key.is_err(), "it would look for nonces elsewhere");
}
