//! The route may be used from the client's address.

use std::net::IpAddr;

use crate::Route;

/// Evidence that the client's address is one the route takes requests from.
#[derive(Clone, Copy, Debug)]
pub struct Admitted(());

/// Why an address was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The route does not take requests from there.
    #[error("this path takes no requests from this address")]
    NotAdmitted,
}

/// Checks the client's address against the route's lists.
pub(crate) fn check(route: &Route, client: Option<IpAddr>) -> Result<Admitted, Error> {
    if route.clients.admits(client) { Ok(Admitted(())) } else { Err(Error::NotAdmitted) }
}
