//! What failed credentials cost, in the policy file.

use serde::Deserialize;

use crate::policy::Failures;
use crate::policy::error::{PolicyError, require};
use crate::policy::units::Duration;

/// The longest window in seconds.
const WINDOW_MAX: u64 = 3_600;

/// When failed credentials from one network are answered 429. A valid credential always passes.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Failures"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawFailures {
    /// How many failures of one network in the window are answered as failures.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    limit: u32,
    /// The window, 1 s to 1 h.
    window: Duration,
    /// How many signatures of public keys are still verified for such a network in the window.
    /// Never none: else a neighbour could lock the owner of a key out.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    verifications: u32,
}

pub(super) fn check(raw: &RawFailures) -> Result<Failures, PolicyError> {
    for (path, value) in
        [("failures.limit", raw.limit), ("failures.verifications", raw.verifications)]
    {
        require(value > 0, path, || "expected a number above 0".to_owned())?;
    }
    let window = raw.window.seconds;
    require((1..=WINDOW_MAX).contains(&window), "failures.window", || {
        "expected 1s to 1h".to_owned()
    })?;
    Ok(Failures { limit: raw.limit, window, verifications: raw.verifications })
}
