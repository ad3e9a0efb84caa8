//! The key holds every scope the route asks for.

use super::credential::Authenticated;
use crate::Route;

/// Evidence that the key may use the route.
#[derive(Clone, Copy, Debug)]
pub struct Authorised(());

/// Why a key may not use a route.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A scope is missing.
    #[error("the key does not hold the scope {scope}")]
    Scope {
        /// The first scope that is missing.
        scope: String,
    },
}

/// Checks the key's scopes against the route's.
pub(crate) fn check(route: &Route, who: &Authenticated) -> Result<Authorised, Error> {
    match route.scopes.iter().find(|scope| !who.record().scopes.contains(scope)) {
        None => Ok(Authorised(())),
        Some(scope) => Err(Error::Scope { scope: scope.clone() }),
    }
}
