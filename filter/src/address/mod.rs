//! Where a request comes from.
//!
//! A gate sees the address of whoever connected to it. Behind proxies that is the last proxy, and
//! the client is somewhere in `X-Forwarded-For`: a list that anyone may begin and every proxy
//! continues on its right. Only what a trusted proxy has written is worth anything, so the list is
//! read from the right, and no further than the first address that is not a trusted proxy.

mod list;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::request::{Headers, Peer};

pub use list::{AddressList, NETWORKS_MAX, NetworkError, Networks};

/// The most addresses of a forwarding chain that are looked at, the direct peer included.
pub const HOPS_MAX: usize = 32;

/// Who sent a request, as far as the host and the trusted proxies can tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Client {
    /// The address; `None` where the host cannot tell. Never an IPv4 address written as IPv6.
    pub address: Option<IpAddr>,
    /// The address is itself a trusted proxy: the request began there, or a proxy is misconfigured
    /// and many clients share this address. Limits by network do not apply then.
    pub is_proxy: bool,
}

/// Finds the client of a request.
///
/// The chain is every `X-Forwarded-For` line in order and the direct peer last. It is walked from
/// the right past addresses inside `trusted`; the first other one is the client. A hop that is no
/// address stops the walk: the client is the last good address on its right.
///
/// A host that has already added the peer to the header, as Envoy does, changes nothing: the peer is
/// passed twice, or it is the client at its first mention.
pub fn client(peer: Peer, headers: &Headers, trusted: &[IpNet]) -> Client {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = match peer {
        Peer::Unknown => return Client { address: None, is_proxy: false },
        Peer::Client(address) => {
            let address = address.to_canonical();
            return Client { address: Some(address), is_proxy: is_trusted(&address) };
        }
        Peer::Direct(address) => address.to_canonical(),
    };
    let mut hops = Hops::new(headers).take(HOPS_MAX - 1);
    while is_trusted(&client) {
        match hops.next().and_then(hop) {
            Some(address) => client = address,
            None => return Client { address: Some(client), is_proxy: true },
        }
    }
    Client { address: Some(client), is_proxy: false }
}

/// The networks that a limit by network counts an address in, narrowest first.
///
/// One client of IPv6 usually holds a /64 and sometimes up to a /48, so a single address says
/// nothing there.
pub fn networks(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let address = address.to_canonical();
    let prefixes: &[u8] = if address.is_ipv4() { &[32] } else { &[64, 56, 48] };
    prefixes.iter().filter_map(move |&prefix| Some(IpNet::new(address, prefix).ok()?.trunc()))
}

/// The elements of all `X-Forwarded-For` lines, from the right.
struct Hops<'a> {
    /// Lines not yet begun; the last one is next.
    lines: Vec<&'a [u8]>,
    /// What is left of the current line.
    rest: Option<&'a [u8]>,
}

impl<'a> Hops<'a> {
    fn new(headers: &'a Headers) -> Self {
        let lines = headers.iter().filter(|(name, _)| *name == "x-forwarded-for");
        Self { lines: lines.map(|(_, value)| value).collect(), rest: None }
    }
}

impl<'a> Iterator for Hops<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.take().or_else(|| self.lines.pop())?;
        match line.iter().rposition(|&byte| byte == b',').and_then(|at| line.split_at_checked(at)) {
            None => Some(line),
            Some((rest, element)) => {
                self.rest = Some(rest);
                element.get(1..)
            }
        }
    }
}

/// Reads one hop: an address, with or without a port; IPv6 with a port is in brackets.
///
/// Quoted and obfuscated forms belong to `Forwarded` (RFC 7239 §6), and a zone (RFC 4007 §11) means
/// something only on the machine that wrote it.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok().filter(|text| !text.contains('%'))?;
    let in_brackets = || -> Option<Ipv6Addr> {
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']'))?.parse().ok()
    };
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| in_brackets().map(IpAddr::V6));
    address.map(|address| address.to_canonical())
}
