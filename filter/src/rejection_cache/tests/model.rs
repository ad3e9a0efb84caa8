use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One thing that happens to a cache.
#[derive(Clone, Debug)]
enum Event {
    Insert { credential: u8, refused: Refused, source: u32 },
    Find { credential: u8 },
    VerifiedWrong { credential: u8 },
    NextEpoch,
    Tick(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let refused = prop_oneof![
        Just(Refused::UnknownKey),
        Just(Refused::RevokedKey),
        any::<u8>().prop_map(Refused::MalformedBody),
    ];
    prop_oneof![
        4 => (0u8..24, refused, 0u32..6).prop_map(|(credential, refused, source)| {
            Event::Insert { credential, refused, source }
        }),
        4 => (0u8..24).prop_map(|credential| Event::Find { credential }),
        1 => (0u8..24).prop_map(|credential| Event::VerifiedWrong { credential }),
        1 => Just(Event::NextEpoch),
        2 => (0u64..40_000).prop_map(Event::Tick),
    ]
}

proptest! {
    #[test]
    fn it_answers_only_what_was_inserted_in_this_epoch_in_the_last_minute(
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut cache = RejectionCache::with_slots(KEY, 2 * WAYS);
        let (mut now, mut epoch) = (0, 0);
        let mut last = BTreeMap::new();
        for event in events {
            let id = match event {
                Event::Insert { credential, .. }
                | Event::Find { credential }
                | Event::VerifiedWrong { credential } => [credential],
                _ => [0],
            };
            let entry = Entry { epoch, ..of(&id) };
            match event {
                Event::Insert { refused, source: from, .. } => {
                    cache.insert(&entry, refused, Some(source(from)), at(now));
                    last.insert(id, (refused, now));
                }
                Event::Find { .. } => {
                    if let Some(Hit::Reject(refused) | Hit::Verify(refused)) = cache.find(&entry, at(now)) {
                        let (expected, since) = last.get(&id).copied().expect("never inserted");
                        prop_assert_eq!(refused, expected);
                        prop_assert!(now < since + MINUTE);
                    }
                }
                Event::VerifiedWrong { .. } => {
                    cache.verified_wrong(&entry);
                    last.remove(&id);
                }
                Event::NextEpoch => {
                    epoch += 1;
                    last.clear();
                }
                Event::Tick(millis) => now += millis,
            }
        }
    }
}
