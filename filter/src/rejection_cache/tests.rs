mod model;
mod share;

use std::net::Ipv4Addr;

use super::*;

const KEY: [u8; 16] = *b"one host's secre";
const EPOCH: u64 = 7;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// The steady clock shows `millis`; the wall clock something that must not matter.
fn at(millis: u64) -> Clock {
    Clock { steady: millis, ..Clock::both(1_700_000_000_000) }
}

fn of(credential: &[u8]) -> Entry<'_> {
    Entry { credential, route: "cut-out", digest: None, decoder: 1, epoch: EPOCH }
}

/// An address in the `n`th network of sources.
fn source(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0001 | n << 8).into()
}

fn cache() -> RejectionCache {
    RejectionCache::with_slots(KEY, 64)
}

/// A cache in which everything falls into one set.
fn one_set() -> RejectionCache {
    RejectionCache::with_slots(KEY, WAYS)
}

fn is_remembered(cache: &mut RejectionCache, credential: &[u8], millis: u64) -> bool {
    cache.find(&of(credential), at(millis)).is_some()
}

fn remember(cache: &mut RejectionCache, credential: &[u8], from: u32, millis: u64) {
    cache.insert(&of(credential), Refused::UnknownKey, Some(source(from)), at(millis));
}

#[test]
fn what_was_refused_is_refused_again_for_the_same_reason() {
    let reasons = [
        Refused::UnknownKey,
        Refused::RevokedKey,
        Refused::ExpiredKey,
        Refused::MalformedCredential,
        Refused::MalformedBody(3),
    ];
    let mut cache = cache();
    assert_eq!(cache.find(&of(b"key"), at(0)), None);
    for (n, refused) in (0..).zip(reasons) {
        let credential = [b'a' + n];
        cache.insert(&of(&credential), refused, Some(source(n.into())), at(0));
        assert_eq!(cache.find(&of(&credential), at(1)), Some(Hit::Reject(refused)));
    }
    let expected = Counters { hits: 5, inserts: 5, ..Counters::default() };
    assert_eq!(cache.counters(), expected);
}

#[test]
fn an_entry_answers_only_for_all_that_it_depends_on() {
    let stored = Entry { digest: Some(b"digest"), ..of(b"key") };
    let mut cache = cache();
    cache.insert(&stored, Refused::MalformedBody(0), None, at(0));
    assert!(cache.find(&stored, at(0)).is_some());
    for other in [
        Entry { credential: b"kez", ..stored },
        Entry { route: "cut-in", ..stored },
        Entry { digest: Some(b"digesu"), ..stored },
        Entry { digest: Some(b""), ..stored },
        Entry { digest: None, ..stored },
        Entry { decoder: 2, ..stored },
        // The border between two parts is a part of them.
        Entry { credential: b"keyc", route: "ut-out", ..stored },
        Entry { route: "cut-outd", digest: Some(b"igest"), ..stored },
    ] {
        assert_eq!(cache.find(&other, at(0)), None);
    }
    let absent = of(b"key");
    cache.insert(&absent, Refused::UnknownKey, None, at(0));
    assert_eq!(cache.find(&Entry { digest: Some(b""), ..absent }, at(0)), None);
    assert_eq!(cache.find(&Entry { epoch: EPOCH + 256, ..absent }, at(0)), None);
}

#[test]
fn two_hosts_keep_an_entry_under_different_tags() {
    let [one, other] = [KEY, [0; 16]].map(RejectionCache::new);
    assert_ne!(one.tag(&of(b"key")), other.tag(&of(b"key")));
    assert_ne!(one.source(None), other.source(None));
}

#[test]
fn an_unknown_key_is_remembered_for_5_seconds_and_each_time_for_twice_as_long_up_to_a_minute() {
    let mut cache = cache();
    let mut now = 1_000_000;
    for seconds in [5, 10, 20, 40, 60, 60] {
        remember(&mut cache, b"key", 1, now);
        now += seconds * SECOND;
        assert!(is_remembered(&mut cache, b"key", now - 1), "{seconds}");
        assert!(!is_remembered(&mut cache, b"key", now), "{seconds}");
        now += SECOND;
    }
}

#[test]
fn any_other_refusal_is_remembered_for_a_minute_every_time() {
    for refused in [
        Refused::RevokedKey,
        Refused::ExpiredKey,
        Refused::MalformedCredential,
        Refused::MalformedBody(9),
    ] {
        let mut cache = cache();
        for start in [0, 2 * MINUTE] {
            cache.insert(&of(b"key"), refused, None, at(start));
            assert!(is_remembered(&mut cache, b"key", start + MINUTE - 1), "{refused:?}");
            assert!(!is_remembered(&mut cache, b"key", start + MINUTE), "{refused:?}");
        }
    }
}

#[test]
fn after_5_minutes_nothing_is_known_of_an_entry() {
    for (pause, seconds) in [(5 * MINUTE - 1, 10), (5 * MINUTE, 5)] {
        let mut cache = cache();
        remember(&mut cache, b"key", 1, 0);
        remember(&mut cache, b"key", 1, pause);
        assert!(is_remembered(&mut cache, b"key", pause + seconds * SECOND - 1), "{pause}");
        assert!(!is_remembered(&mut cache, b"key", pause + seconds * SECOND), "{pause}");
    }
}

#[test]
fn another_reason_begins_anew() {
    let mut cache = cache();
    cache.insert(&of(b"key"), Refused::RevokedKey, None, at(0));
    remember(&mut cache, b"key", 1, MINUTE);
    assert_eq!(cache.find(&of(b"key"), at(MINUTE)), Some(Hit::Reject(Refused::UnknownKey)));
    assert!(!is_remembered(&mut cache, b"key", MINUTE + 5 * SECOND));
}

#[test]
fn judging_again_while_an_entry_answers_does_not_double_its_time() {
    let mut cache = cache();
    remember(&mut cache, b"key", 1, 0);
    remember(&mut cache, b"key", 1, 2 * SECOND);
    assert!(is_remembered(&mut cache, b"key", 7 * SECOND - 1));
    assert!(!is_remembered(&mut cache, b"key", 7 * SECOND));
}

#[test]
fn a_clock_that_was_set_back_ends_entries_and_prolongs_none() {
    let mut cache = cache();
    remember(&mut cache, b"key", 1, 10 * SECOND);
    assert!(!is_remembered(&mut cache, b"key", 10 * SECOND - 1));
    let wall_clock_set_back = Clock { unix: crate::UnixMillis(0), ..at(10 * SECOND) };
    assert!(cache.find(&of(b"key"), wall_clock_set_back).is_some());
}

#[test]
fn every_128th_hit_asks_for_a_verification() {
    let mut cache = cache();
    remember(&mut cache, b"key", 1, 0);
    let hits: Vec<_> = (0..256).map(|_| cache.find(&of(b"key"), at(1)).unwrap()).collect();
    let verified: Vec<_> =
        (1..).zip(hits).filter(|(_, hit)| matches!(hit, Hit::Verify(_))).collect();
    let canary = Hit::Verify(Refused::UnknownKey);
    assert_eq!(verified, [(128, canary), (256, canary)]);
}

#[test]
fn a_refusal_that_proves_wrong_is_counted_and_forgotten() {
    let mut cache = cache();
    remember(&mut cache, b"key", 1, 0);
    remember(&mut cache, b"other", 2, 0);
    cache.verified_wrong(&of(b"key"));
    assert!(!is_remembered(&mut cache, b"key", 1));
    assert!(is_remembered(&mut cache, b"other", 1));
    assert_eq!(cache.counters().false_rejections, 1);
}

#[test]
fn a_key_that_was_probed_works_in_the_epoch_that_creates_it() {
    let mut cache = cache();
    let old = of(b"a key that does not exist yet");
    cache.insert(&old, Refused::UnknownKey, Some(source(1)), at(0));
    assert!(cache.find(&old, at(1)).is_some());

    let created = Entry { epoch: EPOCH + 1, ..old };
    assert_eq!(cache.find(&created, at(2)), None);

    // A request that began before the change neither learns nor tells anything.
    assert_eq!(cache.find(&old, at(3)), None);
    cache.insert(&old, Refused::UnknownKey, Some(source(1)), at(3));
    assert_eq!(cache.find(&created, at(4)), None);
    assert_eq!(cache.find(&old, at(4)), None);

    let expected =
        Counters { hits: 1, inserts: 1, dropped: 1, epoch_flushes: 1, ..Counters::default() };
    assert_eq!(cache.counters(), expected);
}

#[test]
fn a_new_epoch_frees_what_the_old_one_filled() {
    let mut cache = one_set();
    for n in 0..8 {
        remember(&mut cache, &[n], u32::from(n) / 2, 0);
    }
    remember(&mut cache, b"no room", 9, 0);
    assert!(!is_remembered(&mut cache, b"no room", 0));
    let next = Entry { epoch: EPOCH + 1, ..of(b"room") };
    cache.insert(&next, Refused::UnknownKey, Some(source(9)), at(0));
    assert!(cache.find(&next, at(0)).is_some());
    assert_eq!(cache.counters().evictions, 0);
}

#[test]
fn gates_with_one_key_tell_each_other_of_bodies_and_of_nothing_else() {
    let body = |epoch| Entry { digest: Some(b"digest"), epoch, ..of(b"subject") };
    let (mut one, mut other) = (cache(), cache());
    assert_eq!(one.find(&body(EPOCH), at(0)), None);
    let name = one.wanted().expect("a body that is not known");
    assert_eq!(one.wanted(), None, "it is told once");

    other.insert(&body(EPOCH), Refused::MalformedBody(3), None, at(0));
    assert_eq!(other.news(), Some((name, 3)));
    assert_eq!(other.news(), None, "it is told once");

    one.learn(name, 3, EPOCH, at(1));
    assert_eq!(one.news(), None, "what was heard is not told again");
    let found = one.find(&body(EPOCH), at(2));
    assert_eq!(found, Some(Hit::Reject(Refused::MalformedBody(3))));
    assert_eq!(one.wanted(), None);

    // Another epoch has another name, and a key has none.
    assert_eq!(one.find(&body(EPOCH + 1), at(3)), None);
    assert!(one.wanted().is_some_and(|wanted| wanted != name));
    one.insert(&of(b"key"), Refused::UnknownKey, None, at(4));
    assert_eq!(one.find(&of(b"another key"), at(4)), None);
    assert_eq!((one.wanted(), one.news()), (None, None));
}
