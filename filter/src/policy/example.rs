//! The shipped policy, with changes, for tests.

use serde_json::{Value, json};

use super::{Policy, PolicyError};

/// The shipped policy.
pub(super) const TEXT: &str = include_str!("../../policy.json");

/// The shipped policy, in which each field that a JSON pointer names (RFC 6901) has this value.
pub(super) fn with(changes: &[(&str, Value)]) -> Result<Policy, PolicyError> {
    let mut policy: Value = serde_json::from_str(TEXT).unwrap();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = policy.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(elements) => match field.parse::<usize>() {
                Ok(index) => elements[index] = value.clone(),
                Err(_) => elements.push(value.clone()),
            },
            parent => parent[field] = value.clone(),
        }
    }
    Policy::parse(policy.to_string().as_bytes())
}

/// The shipped policy without one field.
pub(super) fn without(pointer: &str) -> Result<Policy, PolicyError> {
    let mut policy: Value = serde_json::from_str(TEXT).unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.remove(field).is_some(), "{pointer} is not in the shipped policy");
    Policy::parse(policy.to_string().as_bytes())
}

/// An issuer whose tokens are signed with a secret of the host.
pub(super) fn issuer() -> Value {
    json!({
        "name": "corp",
        "issuer": "https://id.example",
        "audiences": ["lunette"],
        "algorithms": ["HS256"],
        "hmac_secret": "corp-2026",
        "max_lifetime": "1h",
        "tier": "free",
    })
}
