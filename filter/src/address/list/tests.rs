use super::*;

const CLIENT: &str = "203.0.113.9";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn list(json: &str) -> Result<AddressList, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn admits(json: &str, text: &str) -> bool {
    list(json).unwrap().admits(Some(address(text)))
}

#[test]
fn an_empty_list_restricts_nothing() {
    for json in ["{}", r#"{"allow": [], "deny": []}"#] {
        assert!(admits(json, CLIENT) && admits(json, "2001:db8::9"), "{json}");
        assert!(list(json).unwrap().admits(None), "{json}");
    }
}

#[test]
fn an_unknown_address_passes_no_restriction() {
    for json in [r#"{"allow": ["0.0.0.0/0", "::/0"]}"#, r#"{"deny": ["192.0.2.1"]}"#] {
        assert!(!list(json).unwrap().admits(None), "{json}");
    }
}

#[test]
fn networks_and_single_addresses_admit() {
    let json = r#"{"allow": ["203.0.113.0/24", "192.0.2.1", "2001:db8::/32", "2001:db9::1"]}"#;
    for text in ["203.0.113.0", "203.0.113.255", "192.0.2.1", "2001:db8:ffff::1", "2001:db9::1"] {
        assert!(admits(json, text), "{text}");
    }
    for text in ["203.0.112.255", "203.0.114.0", "192.0.2.2", "2001:db9::2", "::1"] {
        assert!(!admits(json, text), "{text}");
    }
}

#[test]
fn deny_wins_over_allow() {
    let json = r#"{"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16", "192.0.2.1"]}"#;
    assert!(admits(json, "10.2.0.1"));
    assert!(!admits(json, "10.1.2.3"));
    let exact = r#"{"allow": ["10.0.0.1"], "deny": ["10.0.0.1"]}"#;
    assert!(!admits(exact, "10.0.0.1"));
    let deny_alone = r#"{"deny": ["192.0.2.1"]}"#;
    assert!(admits(deny_alone, "192.0.2.2") && !admits(deny_alone, "192.0.2.1"));
}

#[test]
fn ipv4_written_as_ipv6_is_ipv4_in_entries_and_addresses() {
    let json = r#"{"deny": ["::ffff:10.0.0.0/104", "::ffff:192.0.2.1"]}"#;
    for text in ["10.255.0.1", "::ffff:10.255.0.1", "192.0.2.1", "::ffff:192.0.2.1"] {
        assert!(!admits(json, text), "{text}");
    }
    assert!(admits(json, "11.0.0.1") && admits(json, "192.0.2.2"));
    assert!(!admits(r#"{"deny": ["10.0.0.0/8"]}"#, "::ffff:10.0.0.1"));
}

#[test]
fn one_family_says_nothing_of_the_other() {
    assert!(admits(r#"{"deny": ["::/0"]}"#, CLIENT));
    assert!(!admits(r#"{"allow": ["0.0.0.0/0"]}"#, "2001:db8::9"));
}

#[test]
fn mistakes_are_told_where_and_what_was_expected() {
    for (text, expected) in [
        ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1 alone"),
        ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1 alone"),
        ("::ffff:10.0.0.1/104", "write 10.0.0.0/8, or 10.0.0.1 alone"),
        ("10.0.0.0/33", "at most 32, got 33"),
        ("::/129", "at most 128, got 129"),
        ("10.0.0.0/", "expected a network"),
        ("10.0.0.0/+8", "expected a network"),
        ("10.0.0.0/8/8", "expected a network"),
        ("10.0.0.010/32", "expected a network"),
        ("10.0.0", "expected a network"),
        ("localhost", "expected a network"),
        (" 10.0.0.1", "expected a network"),
        ("[::1]", "expected a network"),
        ("fe80::1%eth0", "expected a network"),
        ("", "expected a network"),
    ] {
        let json = format!(r#"{{"allow": ["192.0.2.1", {text:?}]}}"#);
        let mut input = serde_json::Deserializer::from_str(&json);
        let error = serde_path_to_error::deserialize::<_, AddressList>(&mut input).unwrap_err();
        assert_eq!(error.path().to_string(), "allow[1]", "{text}");
        assert!(error.inner().to_string().contains(expected), "{text}: {error}");
    }
    assert!(list(r#"{"allow": [1]}"#).unwrap_err().contains("expected a string"));
    assert!(list(r#"{"allow": "10.0.0.1"}"#).unwrap_err().contains("expected a sequence"));
    assert!(list(r#"{"alow": []}"#).unwrap_err().contains("alow"));
}

#[test]
fn a_list_is_bounded() {
    let json = |entries: usize| format!(r#"{{"deny": {:?}}}"#, vec!["192.0.2.1"; entries]);
    assert!(list(&json(NETWORKS_MAX)).is_ok());
    assert!(list(&json(NETWORKS_MAX + 1)).unwrap_err().contains("at most 64 networks"));
    let texts = ["192.0.2.1"; NETWORKS_MAX + 1];
    assert_eq!(Networks::parse(&texts), Err(NetworkError::TooMany));
}

#[test]
fn what_is_written_is_what_was_read() {
    let json = r#"{"allow":["10.0.0.0/8","2001:db8::/32"],"deny":["10.0.0.1/32"]}"#;
    assert_eq!(serde_json::to_string(&list(json).unwrap()).unwrap(), json);
    assert_eq!(serde_json::to_string(&AddressList::default()).unwrap(), "{}");
}
