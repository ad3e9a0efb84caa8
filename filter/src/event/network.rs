//! The network of a client, in place of its address.

use std::net::IpAddr;

use ipnet::IpNet;

/// How much of an IPv4 address is kept, in bits.
const V4_PREFIX: u8 = 24;
/// How much of an IPv6 address is kept, in bits: what one site is given (RFC 6177 §2).
const V6_PREFIX: u8 = 48;

/// The /24 or /48 that `client` is in. An IPv4 address in IPv6 clothes counts as IPv4.
pub(super) fn masked(client: IpAddr) -> String {
    let client = client.to_canonical();
    let prefix = if client.is_ipv4() { V4_PREFIX } else { V6_PREFIX };
    // The prefixes are within the length of an address.
    IpNet::new(client, prefix).map(|network| network.trunc().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_an_address_is_dropped() {
        for (client, network) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ] {
            assert_eq!(masked(client.parse().unwrap()), network);
        }
    }
}
