use proptest::prelude::*;

use super::super::Unit;
use super::*;

fn quota(limit: u64, window: u64) -> Quota {
    Quota { name: "q".into(), unit: Unit::Requests, limit, window }
}

/// Takes at each time in turn and says which were granted.
fn granted(quota: &Quota, takes: &[(u64, u64)]) -> Vec<bool> {
    let mut arrival = ArrivalTime::default();
    let mut one = |&(now, amount): &(u64, u64)| match take(quota, arrival, amount, now) {
        Ok((next, _)) => {
            arrival = next;
            true
        }
        Err(_) => false,
    };
    takes.iter().map(&mut one).collect()
}

#[test]
fn the_whole_limit_may_be_used_at_once_and_comes_back_evenly() {
    // Two in ten seconds: both at once, then one every five seconds.
    let takes = [(0, 1), (0, 1), (0, 1), (4_999, 1), (5_000, 1), (5_001, 1), (10_000, 1)];
    let expected = [true, true, false, false, true, false, true];
    assert_eq!(granted(&quota(2, 10), &takes), expected);
}

#[test]
fn a_limit_that_does_not_divide_its_window_does_not_drift() {
    // Seven in a minute for a day, each asked for the very millisecond in which it is due. Rounding
    // each interval up to a millisecond would lose a request within the first two hours.
    let quota = quota(7, 60);
    let mut arrival = ArrivalTime::default();
    for _ in 0..7 {
        arrival = take(&quota, arrival, 1, 0).unwrap().0;
    }
    for n in 1..=10_080_u64 {
        let due = (n * 60_000).div_ceil(7);
        assert!(take(&quota, arrival, 1, due - 1).is_err(), "{n} early");
        arrival = take(&quota, arrival, 1, due).unwrap().0;
    }
}

#[test]
fn more_than_the_limit_is_never_granted() {
    let over = take(&quota(10, 60), ArrivalTime::default(), 11, 0).unwrap_err();
    assert_eq!((over.wait, over.level.remaining), (None, 10));
    let none = take(&quota(0, 60), ArrivalTime::default(), 1, 0).unwrap_err();
    assert_eq!((none.wait, none.level.remaining), (None, 0));
}

#[test]
fn asking_for_nothing_tells_the_level() {
    let quota = quota(4, 8);
    let (arrival, _) = take(&quota, ArrivalTime::default(), 3, 1_000).unwrap();
    let (same, level) = take(&quota, arrival, 0, 1_000).unwrap();
    assert_eq!((same, level), (arrival, Level { remaining: 1, next: 2_000 }));
    // Nothing was used: four at once, and the fifth two seconds later.
    let (_, fresh) = take(&quota, ArrivalTime::default(), 0, 1_000).unwrap();
    assert_eq!(fresh, Level { remaining: 4, next: 2_000 });
}

#[test]
fn what_was_used_under_an_old_limit_is_not_forgiven_by_a_new_one() {
    let (arrival, _) = take(&quota(3, 60), ArrivalTime::default(), 3, 0).unwrap();
    let over = take(&quota(6, 60), arrival, 1, 0).unwrap_err();
    assert_eq!((over.wait, over.level.remaining), (Some(10_000), 0));
}

#[test]
fn a_refund_gives_back_what_was_taken_and_never_more_than_the_limit() {
    let quota = quota(1_000, 60);
    let (before, _) = take(&quota, ArrivalTime::default(), 300, 0).unwrap();
    let (after, _) = take(&quota, before, 700, 0).unwrap();
    assert_eq!(give_back(&quota, after, 700, 0), before);
    let all = give_back(&quota, before, u64::MAX, 0);
    assert_eq!(take(&quota, all, 0, 0).unwrap().1.remaining, 1_000);
    assert!(take(&quota, all, 1_001, 0).is_err());
}

#[test]
fn absurd_quotas_and_times_do_not_overflow() {
    for limit in [0, 1, LIMIT_MAX, u64::MAX] {
        for window in [0, 1, WINDOW_MAX, u64::MAX] {
            for now in [0, u64::MAX] {
                for amount in [0, 1, u64::MAX] {
                    let quota = quota(limit, window);
                    let far = ArrivalTime { millis: u64::MAX, part: u64::MAX };
                    for arrival in [ArrivalTime::default(), far] {
                        let _ = take(&quota, arrival, amount, now);
                        let _ = give_back(&quota, arrival, amount, now);
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_refusal_says_to_the_millisecond_when_to_come_back(
        limit in 1..1_000_u64,
        window in 1..100_000_u64,
        takes in prop::collection::vec((0..5_000_u64, 1..200_u64), 1..40),
    ) {
        let quota = quota(limit, window);
        let (mut arrival, mut now) = (ArrivalTime::default(), 0);
        for (later, amount) in takes {
            now += later;
            match take(&quota, arrival, amount, now) {
                Ok((next, level)) => {
                    arrival = next;
                    prop_assert!(take(&quota, arrival, level.remaining, now).is_ok());
                    prop_assert!(take(&quota, arrival, level.remaining + 1, now).is_err());
                }
                Err(Exceeded { wait: None, .. }) => prop_assert!(amount > limit),
                Err(Exceeded { wait: Some(wait), .. }) => {
                    prop_assert!(take(&quota, arrival, amount, now + wait - 1).is_err());
                    prop_assert!(take(&quota, arrival, amount, now + wait).is_ok());
                }
            }
        }
    }

    /// The model fills a bucket of `limit * window` drops, `limit` drops a millisecond, and lets
    /// each unit take `window` of them.
    #[test]
    fn it_decides_as_a_bucket_that_fills_evenly(
        limit in 1..50_u64,
        window in 1..20_u64,
        takes in prop::collection::vec((0..3_000_u64, 1..60_u64), 1..60),
    ) {
        let quota = quota(limit, window);
        let full = limit * window * 1000;
        let (mut arrival, mut drops, mut now) = (ArrivalTime::default(), full, 0);
        for (later, amount) in takes {
            now += later;
            drops = (drops + later * limit).min(full);
            let model = amount * window * 1000 <= drops;
            let taken = take(&quota, arrival, amount, now);
            prop_assert_eq!(taken.is_ok(), model);
            if let Ok((next, level)) = taken {
                arrival = next;
                drops -= amount * window * 1000;
                prop_assert_eq!(level.remaining, drops / (window * 1000));
            }
        }
    }

    #[test]
    fn no_window_sees_more_than_twice_the_limit(
        limit in 1..50_u64,
        window in 1..10_u64,
        takes in prop::collection::vec((0..2_000_u64, 1..20_u64), 1..120),
    ) {
        let quota = quota(limit, window);
        let (mut arrival, mut now) = (ArrivalTime::default(), 0);
        let mut history: Vec<(u64, u64)> = Vec::new();
        for (later, amount) in takes {
            now += later;
            if let Ok((next, _)) = take(&quota, arrival, amount, now) {
                arrival = next;
                history.push((now, amount));
            }
            let within = history.iter().filter(|(at, _)| at + window * 1000 > now);
            prop_assert!(within.map(|(_, amount)| amount).sum::<u64>() <= 2 * limit);
        }
    }
}
