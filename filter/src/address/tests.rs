use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

/// A gate behind up to two proxies: one beside it, one in another network of the same operator.
const TRUSTED: [&str; 3] = ["10.0.0.0/8", "198.51.100.7", "2001:db8:ffff::/48"];
const BESIDE: &str = "10.0.0.1";
const BEFORE: &str = "198.51.100.7";
const CLIENT: &str = "203.0.113.9";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn resolve(peer: Peer, lines: &[&[u8]]) -> Client {
    let headers = Headers::new(lines.iter().map(|line| ("X-Forwarded-For", *line)));
    client(peer, &headers, &Networks::parse(&TRUSTED).unwrap())
}

/// The client of a request that `peer` brought with these lines, which must not be a proxy.
fn found(peer: &str, lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let client = resolve(Peer::Direct(address(peer)), &lines);
    assert!(!client.is_proxy, "{client:?}");
    client.address.unwrap().to_string()
}

/// The same, where the walk ends at a proxy.
fn proxy(peer: &str, lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let client = resolve(Peer::Direct(address(peer)), &lines);
    assert!(client.is_proxy, "{client:?}");
    client.address.unwrap().to_string()
}

#[test]
fn without_a_proxy_the_peer_is_the_client_whatever_it_claims() {
    assert_eq!(found(CLIENT, &[]), CLIENT);
    assert_eq!(found(CLIENT, &["192.0.2.1"]), CLIENT);
    assert_eq!(found(CLIENT, &["10.0.0.1, 10.0.0.2"]), CLIENT);
}

#[test]
fn behind_one_proxy_the_client_is_what_that_proxy_added() {
    assert_eq!(found(BESIDE, &[CLIENT]), CLIENT);
    assert_eq!(found(BESIDE, &["192.0.2.1, 203.0.113.9"]), CLIENT);
    assert_eq!(found(BESIDE, &["192.0.2.1", CLIENT]), CLIENT);
}

#[test]
fn behind_two_proxies_both_are_passed() {
    assert_eq!(found(BESIDE, &["203.0.113.9, 198.51.100.7"]), CLIENT);
    assert_eq!(found(BESIDE, &["192.0.2.1,203.0.113.9", BEFORE]), CLIENT);
    assert_eq!(found(BESIDE, &["2001:db8::9, 2001:db8:ffff::1"]), "2001:db8::9");
}

#[test]
fn a_client_that_claims_to_be_a_proxy_is_found_behind_its_own_address() {
    assert_eq!(found(BESIDE, &["10.0.0.9, 203.0.113.9"]), CLIENT);
    assert_eq!(found(BESIDE, &["192.0.2.1, 10.0.0.9, 203.0.113.9, 198.51.100.7"]), CLIENT);
}

#[test]
fn a_peer_that_the_host_has_added_already_changes_nothing() {
    assert_eq!(found(CLIENT, &["192.0.2.1, 203.0.113.9"]), CLIENT);
    assert_eq!(found(BESIDE, &["192.0.2.1, 203.0.113.9, 10.0.0.1"]), CLIENT);
    assert_eq!(found(BESIDE, &["203.0.113.9, 198.51.100.7, 10.0.0.1"]), CLIENT);
}

#[test]
fn ipv4_written_as_ipv6_is_ipv4() {
    assert_eq!(found("::ffff:203.0.113.9", &[]), CLIENT);
    assert_eq!(found("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]), CLIENT);
    assert_eq!(found(BESIDE, &["[::ffff:cb00:7109]:443, ::ffff:198.51.100.7"]), CLIENT);
}

#[test]
fn hops_may_carry_ports() {
    for hop in ["203.0.113.9:4711", " 203.0.113.9 ", "\t203.0.113.9"] {
        assert_eq!(found(BESIDE, &[hop]), CLIENT, "{hop}");
    }
    for hop in ["2001:db8::9", "[2001:db8::9]", "[2001:db8::9]:4711", "[2001:DB8:0::9]:1"] {
        assert_eq!(found(BESIDE, &[hop]), "2001:db8::9", "{hop}");
    }
}

#[test]
fn what_is_no_address_stops_the_walk_at_the_proxy_on_its_right() {
    for garbage in [
        "",
        "unknown",
        "_hidden",
        "\"203.0.113.9\"",
        "\"[2001:db8::9]:1\"",
        "for=203.0.113.9",
        "203.0.113.9:",
        "203.0.113.9:65536",
        "203.0.113.9 192.0.2.1",
        "203.0.113.09",
        "0xcb.0.113.9",
        "3405803785",
        "[203.0.113.9]",
        "[2001:db8::9",
        "2001:db8::9]",
        "fe80::9%eth0",
        "[fe80::9%2]:1",
        "203.0.113.0/24",
    ] {
        assert_eq!(proxy(BESIDE, &["192.0.2.1", garbage]), BESIDE, "{garbage}");
        assert_eq!(proxy(BESIDE, &["192.0.2.1", garbage, BEFORE]), BEFORE, "{garbage}");
    }
    let bytes: &[u8] = b"\xff\xfe";
    let got = resolve(Peer::Direct(address(BESIDE)), &[b"192.0.2.1", bytes]);
    assert_eq!(got, Client { address: Some(address(BESIDE)), is_proxy: true });
}

#[test]
fn a_chain_of_proxies_alone_is_flagged() {
    assert_eq!(proxy(BESIDE, &[]), BESIDE);
    assert_eq!(proxy(BESIDE, &["10.0.0.3, 198.51.100.7"]), "10.0.0.3");
}

#[test]
fn the_walk_is_bounded() {
    let chain = |proxies: usize| format!("{CLIENT}{}", ", 10.0.0.2".repeat(proxies));
    // The peer is the first hop and the client the last one that is looked at.
    assert_eq!(found(BESIDE, &[&chain(HOPS_MAX - 2)]), CLIENT);
    assert_eq!(proxy(BESIDE, &[&chain(HOPS_MAX - 1)]), "10.0.0.2");
}

#[test]
fn a_client_that_the_host_names_is_the_answer() {
    let lines: [&[u8]; 1] = [b"192.0.2.1"];
    let expected = |text, is_proxy| Client { address: Some(address(text)), is_proxy };
    assert_eq!(resolve(Peer::Client(address(CLIENT)), &lines), expected(CLIENT, false));
    let mapped = Peer::Client(address("::ffff:203.0.113.9"));
    assert_eq!(resolve(mapped, &lines), expected(CLIENT, false));
    assert_eq!(resolve(Peer::Client(address(BESIDE)), &lines), expected(BESIDE, true));
}

#[test]
fn a_host_that_cannot_tell_learns_nothing_from_the_header() {
    let lines: [&[u8]; 1] = [b"192.0.2.1"];
    assert_eq!(resolve(Peer::Unknown, &lines), Client { address: None, is_proxy: false });
}

#[test]
fn ipv4_is_counted_alone_and_ipv6_in_three_networks() {
    let of = |text| networks(address(text)).map(|network| network.to_string()).collect::<Vec<_>>();
    assert_eq!(of("203.0.113.9"), ["203.0.113.9/32"]);
    assert_eq!(of("::ffff:203.0.113.9"), ["203.0.113.9/32"]);
    assert_eq!(
        of("2001:db8:1:2345:6::1"),
        ["2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"]
    );
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let hop = prop_oneof![
        any_address().prop_map(|address| address.to_string().into_bytes()),
        Just(BESIDE.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(hop, 0..5).prop_map(|hops| hops.join(&b','))
}

proptest! {
    #[test]
    fn what_a_client_writes_never_changes_who_it_is(
        written in prop::collection::vec(line(), 0..4),
        sender in any_address(),
        proxies in prop::collection::vec(prop_oneof![Just(BESIDE), Just(BEFORE)], 0..4),
        new_lines: bool,
    ) {
        let trusted = Networks::parse(&TRUSTED).unwrap();
        let sender = sender.to_canonical();
        prop_assume!(!trusted.iter().any(|network| network.contains(&sender)));

        // Each proxy adds whom it heard from, as an element or as a line; the last one is the peer.
        let mut lines = written;
        let mut from = sender;
        for proxy in proxies {
            let heard = from.to_string().into_bytes();
            match lines.last_mut().filter(|_| !new_lines) {
                Some(last) => last.extend([b", ".to_vec(), heard].concat()),
                None => lines.push(heard),
            }
            from = address(proxy);
        }
        let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        let expected = Client { address: Some(sender), is_proxy: false };
        prop_assert_eq!(resolve(Peer::Direct(from), &lines), expected);
    }

    #[test]
    fn the_walk_takes_any_bytes(lines in prop::collection::vec(line(), 0..6), peer in any_address()) {
        let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        let client = resolve(Peer::Direct(peer), &lines);
        prop_assert!(client.address.is_some_and(|address| address == address.to_canonical()));
    }
}
