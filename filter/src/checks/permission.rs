//! Whoever asks may use the route: by its scopes, by its name, and from where it is asked.

use std::net::IpAddr;

use super::credential::Authenticated;
use crate::Route;

/// Evidence that the route may be used.
#[derive(Clone, Copy, Debug)]
pub struct Authorised(());

impl Authorised {
    /// The route may not be used, and that is only reported.
    pub(crate) fn reported() -> Self {
        Self(())
    }
}

/// Why a route may not be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A scope is missing.
    #[error("the credential does not hold the scope {scope}")]
    Scope {
        /// The first scope that is missing.
        scope: String,
    },
    /// The key is for other routes.
    #[error("the key may not use the route {route}")]
    Route {
        /// The route's name.
        route: String,
    },
    /// The key may not be used from the client's address.
    #[error("the key may not be used from this address")]
    Client,
}

/// Checks the scopes, routes and networks of whoever asks against the route and the client.
pub(crate) fn check(
    route: &Route,
    who: &Authenticated,
    client: Option<IpAddr>,
) -> Result<Authorised, Error> {
    if !who.clients.admits(client) {
        return Err(Error::Client);
    }
    if !who.routes.is_empty() && !who.routes.contains(&route.name) {
        return Err(Error::Route { route: route.name.clone() });
    }
    match route.scopes.iter().find(|scope| !who.scopes.contains(scope)) {
        None => Ok(Authorised(())),
        Some(scope) => Err(Error::Scope { scope: scope.clone() }),
    }
}
