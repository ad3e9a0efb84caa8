//! The judgement of whole bodies, with the node's own code.

use axum::body::Body;
use bytes::Bytes;
use filter::{Claims, PermitKey, Policy, body, permit};
use http::Response;
use http::request::Parts;
use inference_node::api::error::ApiError;

use crate::keys;
use crate::vectors::Moment;

/// The gates of the tests. They share one secret, and no permit of one is one of another.
pub(super) const GATES: [&str; 3] = [crate::gate::NAME, "envoy-1", "edge-1"];

/// The node's refusal of a whole body, if it would refuse it.
pub(super) fn refuse(policy: &Policy, head: &Parts, bytes: &Bytes) -> Option<Response<Body>> {
    let claims = claims_of(head)?;
    let route = policy.route(&claims.method, claims.target.split('?').next()?).ok()?;
    // Of a page there is no body to judge.
    claims.format?;
    let rejection = body::inspect(bytes.clone(), &claims, route).err()?;
    Some(ApiError::from(rejection).reply(&claims, route.dialect))
}

fn claims_of(head: &Parts) -> Option<Claims> {
    let text = head.headers.get(permit::HEADER)?.to_str().ok()?;
    let keys = GATES.map(|gate| PermitKey::new(gate, 1, keys::PERMIT_KEY));
    permit::open(text, &keys, Moment::real().0).ok()
}
