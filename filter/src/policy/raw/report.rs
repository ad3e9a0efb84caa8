//! The report-only mode in the policy file.

use serde::Deserialize;

use super::quotas;
use crate::policy::Report;
use crate::policy::error::PolicyError;
use crate::policy::units::{Duration, Instant};

/// The name of the quota that unverified requests share.
const QUOTA_NAME: &str = "unverified";

/// The report-only mode: what may pass although checks failed.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Report"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawReport {
    /// Until then every route only reports; from then on, those that say so.
    until: Option<Instant>,
    /// How many requests whose credential failed may pass in the window, all together.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    requests: u32,
    /// The window, 1 s to 24 h.
    window: Duration,
}

pub(super) fn check(raw: &RawReport) -> Result<Report, PolicyError> {
    Ok(Report {
        until: raw.until.map(|instant| instant.0),
        quota: quotas::requests(QUOTA_NAME, raw.requests, raw.window, "report")?,
    })
}
