//! Networks as an operator writes them, and lists of who may send a request.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// The most networks one list may hold.
pub const NETWORKS_MAX: usize = 64;

/// Bits of an IPv6 address before the IPv4 address that is mapped into it (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Which addresses a key or a route takes requests from.
///
/// An empty list restricts nothing. An address in `deny` is refused, whatever `allow` says; where
/// `allow` holds anything, an address that is not in it is refused too.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddressList {
    #[serde(default, skip_serializing_if = "<[IpNet]>::is_empty")]
    allow: Networks,
    #[serde(default, skip_serializing_if = "<[IpNet]>::is_empty")]
    deny: Networks,
}

impl AddressList {
    /// A list that admits what is in `allow`, or everything where that is empty, without `deny`.
    pub fn new(allow: Networks, deny: Networks) -> Self {
        Self { allow, deny }
    }

    /// Whether nothing is restricted.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a request from `address` may pass. An address that the host cannot tell passes only
    /// where nothing is restricted.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        match address.map(|address| address.to_canonical()) {
            None => self.allow.is_empty() && self.deny.is_empty(),
            Some(address) if self.deny.holds(&address) => false,
            Some(address) => self.allow.is_empty() || self.allow.holds(&address),
        }
    }
}

/// At most [`NETWORKS_MAX`] networks, written as a list of `10.0.0.0/8`, `2001:db8::/32` or plain
/// addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Vec<Element>", into = "Vec<String>")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "Vec<String>", extend("maxItems" = NETWORKS_MAX)))]
#[cfg_attr(
    feature = "schema",
    schemars(
        description = "Networks such as `10.0.0.0/8` or `2001:db8::/32`, or plain addresses."
    )
)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads each text as a network.
    pub fn parse(texts: &[&str]) -> Result<Self, NetworkError> {
        let elements = texts.iter().map(|text| network(text).map(Element));
        elements.collect::<Result<Vec<_>, _>>()?.try_into()
    }

    fn holds(&self, address: &IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Deref for Networks {
    type Target = [IpNet];

    fn deref(&self) -> &[IpNet] {
        &self.0
    }
}

/// Why a text is not a network, or a list not one of networks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// It is not an address with an optional prefix length.
    #[error("expected a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", or an address")]
    Form,
    /// The prefix length is more than the address has bits.
    #[error("expected a prefix length of at most {bits}, got {prefix}")]
    PrefixTooLong {
        /// The prefix length as written.
        prefix: u8,
        /// The bits of the address.
        bits: u8,
    },
    /// The address is one inside the network, so that it is not clear which of the two is meant.
    #[error("{written} is an address inside a network: write {network}, or {address} alone")]
    HostBits {
        /// What was written.
        written: String,
        /// The network around the address.
        network: IpNet,
        /// The address itself.
        address: IpAddr,
    },
    /// More networks than one list may hold.
    #[error("expected at most {NETWORKS_MAX} networks")]
    TooMany,
}

/// Reads one network. What is IPv4 inside IPv6 becomes IPv4, as the addresses it is compared with.
fn network(text: &str) -> Result<IpNet, NetworkError> {
    let (address, prefix) = match text.split_once('/') {
        None => (text, None),
        Some((address, prefix)) => (address, Some(prefix_length(prefix)?)),
    };
    // The standard library's reader refuses octets such as 010, which others read as 8.
    let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(bits);
    let network =
        IpNet::new(address, prefix).map_err(|_| NetworkError::PrefixTooLong { prefix, bits })?;
    if network.trunc() != network {
        let (written, network) = (text.to_owned(), unmapped(network.trunc()));
        return Err(NetworkError::HostBits { written, network, address: address.to_canonical() });
    }
    Ok(unmapped(network))
}

fn prefix_length(text: &str) -> Result<u8, NetworkError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NetworkError::Form)
}

fn unmapped(network: IpNet) -> IpNet {
    let inner = |address: Ipv4Addr| {
        Ipv4Net::new(address, network.prefix_len().checked_sub(MAPPED_BITS)?).ok()
    };
    match network.addr() {
        IpAddr::V4(_) => network,
        IpAddr::V6(address) => address.to_ipv4_mapped().and_then(inner).map_or(network, IpNet::V4),
    }
}

/// One element of a list, read on its own so that an error names its index.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Element(IpNet);

impl TryFrom<String> for Element {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        network(&text).map(Self)
    }
}

impl TryFrom<Vec<Element>> for Networks {
    type Error = NetworkError;

    fn try_from(elements: Vec<Element>) -> Result<Self, NetworkError> {
        if elements.len() > NETWORKS_MAX {
            return Err(NetworkError::TooMany);
        }
        Ok(Self(elements.into_iter().map(|Element(network)| network).collect()))
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.iter().map(IpNet::to_string).collect()
    }
}
