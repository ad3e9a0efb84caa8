//! Path and method name one route of the policy (RFC 9110 §15.5.5, §15.5.6).

use std::sync::Arc;

use super::target::Unambiguous;
use crate::{Policy, Route};

/// Why no route was found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// No route has this path.
    #[error("there is no such path here")]
    Unknown,
    /// Routes have this path, but not with this method.
    #[error("this path takes {}", .allowed.join(", "))]
    Method {
        /// The methods that the path takes.
        allowed: Vec<String>,
    },
}

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
            Error::Method { allowed: methods.into_iter().map(str::to_owned).collect() }
        }
    })
}
