//! Quotas and nonces together.

use super::*;

#[test]
fn charges_are_taken_all_or_none_and_the_longest_wait_is_told() {
    let store = fresh(small());
    let charges = vec![
        requests("k", 10),
        charge("k", "slow", Unit::Requests, 1, 1),
        charge("p", "pixels", Unit::Pixels, 1_000, 600),
    ];
    let take = |clock| store.resolve(&Lookup::Take { charges: charges.clone() }, clock);
    let Answer::Granted(after) = take(at(0)) else { panic!() };
    let remaining: Vec<_> =
        after.iter().map(|quota| (quota.name.as_str(), quota.remaining)).collect();
    assert_eq!(remaining, [("requests", 9), ("slow", 0), ("pixels", 400)]);

    // 200 pixels are missing, which takes 12 s; one slow request takes the whole minute.
    let Answer::Refused(Refusal::Exceeded { quota, retry_after }) = take(at(0)) else { panic!() };
    assert_eq!((quota.name.as_str(), retry_after), ("slow", Some(60)));
    let after: Vec<_> = charges.iter().map(|charge| left(&store, charge, at(0))).collect();
    assert_eq!(after, [9, 0, 400]);

    let never = vec![requests("k", 10), charge("k", "pixels", Unit::Pixels, 10, 11)];
    let answer = store.resolve(&Lookup::Take { charges: never }, at(0));
    let Answer::Refused(Refusal::Exceeded { retry_after: None, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(left(&store, &charges[0], at(0)), 9);
}

#[test]
fn only_pixels_are_given_back() {
    let store = fresh(Sizes::default());
    let charges = vec![requests("k", 10), charge("k", "pixels", Unit::Pixels, 1_000, 600)];
    let levels = || charges.iter().map(|c| left(&store, c, at(1))).collect::<Vec<_>>();
    store.resolve(&Lookup::Take { charges: charges.clone() }, at(1));
    assert_eq!(levels(), [9, 400]);
    store.refund(&charges, at(1));
    assert_eq!(levels(), [9, 1_000]);
    // A second time would be a mistake of the host; it never makes more than the limit of it.
    store.refund(&charges, at(1));
    assert_eq!(levels(), [9, 1_000]);
}

#[test]
fn quotas_of_networks_never_push_out_those_of_keys() {
    let store = fresh(small());
    let key = Charge { amount: 5, ..requests("k", 10) };
    let everyone = Charge { subject: Subject::Everyone, ..key.clone() };
    store.resolve(&Lookup::Take { charges: vec![key.clone(), everyone.clone()] }, at(0));
    for n in 0..200_u8 {
        let network = std::net::IpAddr::from([192, 0, 2, n]).into();
        let failure = Charge { subject: Subject::Failures(network), amount: 9, ..requests("", 10) };
        store.resolve(&Lookup::Take { charges: vec![failure] }, at(0));
    }
    assert_eq!(left(&store, &key, at(0)), 5);
    // Nor do those of keys push out those of all together.
    for n in 0..200 {
        let other = Charge { amount: 9, ..requests(&n.to_string(), 10) };
        store.resolve(&Lookup::Take { charges: vec![other] }, at(0));
    }
    assert_eq!(left(&store, &everyone, at(0)), 5);
}
