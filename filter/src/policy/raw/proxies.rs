//! Trusted proxies in the policy file.

use ipnet::IpNet;

use crate::address::Networks;
use crate::policy::error::{PolicyError, require};

pub(super) fn check(raw: &Networks) -> Result<Vec<IpNet>, PolicyError> {
    for (index, network) in raw.iter().enumerate() {
        // Where everyone is a trusted proxy, the client is whatever the client wrote.
        require(network.prefix_len() > 0, &format!("trusted_proxies[{index}]"), || {
            "expected the networks of your own proxies, not every address".to_owned()
        })?;
    }
    Ok(raw.to_vec())
}
