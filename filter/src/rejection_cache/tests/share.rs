use super::*;

#[test]
fn a_source_holds_a_quarter_of_a_set_and_pushes_out_its_own_oldest() {
    let mut cache = one_set();
    remember(&mut cache, b"theirs", 1, 0);
    for (n, millis) in [(b"a", 1), (b"b", 2), (b"c", 3)] {
        remember(&mut cache, n, 2, millis);
    }
    let mut left = |credential: &[u8]| is_remembered(&mut cache, credential, 4);
    assert_eq!([&b"theirs"[..], b"a", b"b", b"c"].map(&mut left), [true, false, true, true]);
    assert_eq!(cache.counters().evictions, 1);
}

#[test]
fn the_oldest_is_the_one_that_was_judged_longest_ago() {
    let mut cache = one_set();
    for (millis, credential) in (0..).zip([b"a", b"b", b"a", b"c"]) {
        remember(&mut cache, credential, 1, millis);
    }
    let mut left = |credential| is_remembered(&mut cache, credential, 4);
    assert_eq!([b"a", b"b", b"c"].map(|credential| left(credential)), [true, false, true]);
}

#[test]
fn an_entry_stays_in_the_share_of_whoever_asked_first() {
    let mut cache = one_set();
    remember(&mut cache, b"a", 1, 0);
    remember(&mut cache, b"a", 2, 1);
    remember(&mut cache, b"b", 1, 2);
    remember(&mut cache, b"c", 1, 3);
    let mut left = |credential| is_remembered(&mut cache, credential, 4);
    assert_eq!([b"a", b"b", b"c"].map(|credential| left(credential)), [false, true, true]);
}

#[test]
fn neighbours_of_a_network_share_a_share() {
    for (addresses, alone) in [
        (["192.0.2.1", "192.0.2.99", "192.0.2.200"], false),
        (["192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3"], false),
        (["2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:ffff::1"], false),
        (["192.0.2.1", "192.0.3.1", "192.0.4.1"], true),
        (["2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"], true),
    ] {
        let mut cache = one_set();
        for (address, n) in addresses.iter().zip(0..) {
            let address = Some(address.parse().unwrap());
            cache.insert(&of(&[n]), Refused::UnknownKey, address, at(n.into()));
        }
        assert_eq!(is_remembered(&mut cache, &[0], 5), alone, "{addresses:?}");
    }
    let mut cache = one_set();
    for n in 0..3 {
        cache.insert(&of(&[n]), Refused::UnknownKey, None, at(n.into()));
    }
    assert!(!is_remembered(&mut cache, &[0], 5), "requests of unknown origin are one source");
}

#[test]
fn where_nothing_may_give_way_nothing_is_stored() {
    let mut cache = one_set();
    for n in 0..8 {
        remember(&mut cache, &[n], u32::from(n) / 2, 0);
    }
    remember(&mut cache, b"fifth", 5, SECOND);
    assert!(!is_remembered(&mut cache, b"fifth", SECOND));
    assert!((0..8).all(|n| is_remembered(&mut cache, &[n], SECOND)));
    assert_eq!(
        cache.counters(),
        Counters { hits: 8, inserts: 8, dropped: 1, ..Counters::default() }
    );

    // What has expired gives way to anyone.
    remember(&mut cache, b"fifth", 5, 5 * SECOND);
    assert!(is_remembered(&mut cache, b"fifth", 5 * SECOND));
    assert_eq!(cache.counters().evictions, 0);
}

#[test]
fn a_scanner_pushes_out_nobody_elses_entry() {
    let mut cache = cache();
    let owners: Vec<_> = (0..8u32).map(|n| (n.to_le_bytes(), n)).collect();
    for (credential, owner) in &owners {
        remember(&mut cache, credential, *owner, 0);
    }
    for n in 0..200_000u64 {
        remember(&mut cache, &n.to_le_bytes(), 77, 1);
    }
    assert!(owners.iter().all(|(credential, _)| is_remembered(&mut cache, credential, 2)));
    assert!(cache.counters().evictions > 190_000);
}

#[test]
fn ten_million_bad_credentials_take_no_more_memory_than_one() {
    // Without optimisation a tenth of it has to do, or the test takes half a minute.
    let credentials: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    let mut cache = RejectionCache::new(KEY);
    assert_eq!(cache.byte_len(), 0);
    remember(&mut cache, b"theirs", 1_000, 0);
    assert_eq!(cache.byte_len(), SLOTS * 24);
    for n in 0..credentials {
        remember(&mut cache, &n.to_le_bytes(), 77, 1);
    }
    assert_eq!(cache.byte_len(), SLOTS * 24);
    assert!(is_remembered(&mut cache, b"theirs", 2));
    assert!(is_remembered(&mut cache, &(credentials - 1).to_le_bytes(), 2));
    let counters = cache.counters();
    assert_eq!((counters.inserts, counters.dropped), (credentials + 1, 0));
}

#[test]
fn a_cache_without_slots_remembers_nothing() {
    let mut cache = RejectionCache::with_slots(KEY, WAYS - 1);
    remember(&mut cache, b"key", 1, 0);
    assert!(!is_remembered(&mut cache, b"key", 0));
    assert_eq!(cache.counters().dropped, 1);
}
