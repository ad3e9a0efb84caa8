//! What a gate answers where no check failed, but the gate itself.

use http::StatusCode as S;

use super::{Reply, problem};
use crate::PermitId;
use crate::policy::Dialect;

/// Why a gate cannot judge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It was never told a policy, or cannot read it.
    NoPolicy,
    /// What it was told has expired.
    StalePolicy,
    /// Its host failed it.
    Host,
    /// The request was let through, and the node could not be reached.
    Node,
}

impl Fault {
    /// Status, public code, and what the client is told.
    fn outcome(self) -> (S, &'static str, &'static str) {
        match self {
            Self::NoPolicy => {
                (S::SERVICE_UNAVAILABLE, "policy-unavailable", "the gate has no policy")
            }
            Self::StalePolicy => {
                let detail = "the gate has not heard of its node for too long";
                (S::SERVICE_UNAVAILABLE, "policy-stale", detail)
            }
            Self::Host => (S::SERVICE_UNAVAILABLE, "gate-unavailable", "the gate cannot judge now"),
            Self::Node => {
                (S::SERVICE_UNAVAILABLE, "node-unavailable", "the service cannot be reached now")
            }
        }
    }

    /// The public code.
    pub fn code(self) -> &'static str {
        self.outcome().1
    }

    /// The answer.
    pub fn reply(self, request_id: PermitId) -> Reply {
        let (status, code, detail) = self.outcome();
        problem(status, code, detail, request_id, Dialect::Lunette)
    }
}
