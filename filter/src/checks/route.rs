//! Path and method name one route of the policy (RFC 9110 §15.5.5, §15.5.6).

use std::sync::Arc;

use super::target::Unambiguous;
use crate::policy::Dialect;
use crate::{Policy, Route};

/// Why no route was found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// No route has this path.
    #[error("there is no such path here")]
    Unknown,
    /// Routes have this path, but not with this method.
    #[error("this path takes {}{}", .allowed.join(", "), if *.fetches { NO_FETCHING } else { "" })]
    Method {
        /// The methods that the path takes.
        allowed: Vec<String>,
        /// Whether another server would fetch an image here.
        fetches: bool,
    },
}

/// `GET /api/remove?url=` of rembg.
const NO_FETCHING: &str = ": nothing is fetched from URLs here; send the image itself";

/// Finds the route. The route itself is the evidence: it can only come from the policy.
pub(crate) fn check<'p>(
    policy: &'p Policy,
    method: &str,
    target: Unambiguous<'_>,
) -> Result<&'p Arc<Route>, Error> {
    policy.route(method, target.path()).map_err(|methods| {
        if methods.is_empty() {
            Error::Unknown
        } else {
            let rembg = |route: &&Arc<Route>| route.dialect == Dialect::Rembg;
            let fetches =
                policy.routes.iter().filter(rembg).any(|route| route.path == target.path());
            Error::Method { allowed: methods.into_iter().map(str::to_owned).collect(), fetches }
        }
    })
}
