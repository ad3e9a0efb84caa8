//! The policy file's shape, and how it becomes a [`Policy`].
//!
//! Each field is bounded here; what fields must mean together is in `consistency.rs`.

mod authority;
mod failures;
mod form;
mod issuer;
mod name;
mod origin;
mod page;
mod proxies;
mod quotas;
mod report;
mod route;
mod signatures;
#[cfg(test)]
mod tests;
mod unique;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use self::authority::Authority;
use self::failures::RawFailures;
use self::issuer::RawIssuer;
use self::name::Name;
use self::origin::Origin;
use self::page::RawPage;
use self::quotas::{RawQuota, RawTier};
use self::report::RawReport;
use self::route::RawRoute;
use self::signatures::RawReplay;
use super::error::{PolicyError, require};
use super::units::{ByteSize, Duration};
use super::{HEADER_BYTES_DEFAULT, HEADER_BYTES_MAX, OnStoreFailure, Policy, Route, SharedSubject};
use crate::address::Networks;
use crate::signature::Scheme;

/// The only version there is.
const VERSION: u32 = 1;
/// The fewest bytes an image header may be held up to.
const HEADER_BYTES_MIN: u64 = 1024;
/// The most routes a policy may have.
const ROUTES_MAX: usize = 64;

/// What is allowed. A field that is not described here is refused; that the fields fit together is
/// checked when a policy is loaded.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "Lunette policy"))]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    /// The version of this shape.
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    version: u32,
    /// How far into the body an image header may reach, 1 KiB to 1 MiB; 512 KiB if left out.
    header_bytes: Option<ByteSize>,
    /// The proxies whose word on the client's address is believed; none if left out.
    #[serde(default)]
    trusted_proxies: Networks,
    /// The hosts that signatures may name; needed as soon as a route takes signatures.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = signatures::AUTHORITIES_MAX)))]
    authorities: Vec<Authority>,
    /// How far the clock of a signer may differ, 1 s to 300 s; 300 s if left out.
    skew: Option<Duration>,
    /// The ways of signing that are understood; `rfc9421` and `simple` if left out.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    schemes: Option<Vec<Scheme>>,
    /// How many nonces a gate remembers.
    replay: Option<RawReplay>,
    /// What becomes of a request whose quotas cannot be looked up; `refuse` if left out.
    #[serde(default)]
    on_store_failure: OnStoreFailure,
    /// When failed credentials from one network are answered 429; after 60 a minute if left out.
    failures: Option<RawFailures>,
    /// Quotas that do not ask who a request is from.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = quotas::QUOTAS_MAX)))]
    quotas: Vec<RawQuota<SharedSubject>>,
    /// The tiers by name, and what their keys may use.
    #[serde(deserialize_with = "unique::deserialize")]
    #[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1, "maxProperties" = quotas::TIERS_MAX)))]
    tiers: BTreeMap<Name, RawTier>,
    /// Whose tokens are taken; nobody's if left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = issuer::ISSUERS_MAX)))]
    issuers: Vec<RawIssuer>,
    /// The report-only mode; needed as soon as a route is in it.
    report: Option<RawReport>,
    /// The routes; anything else does not exist.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = ROUTES_MAX)))]
    routes: Vec<RawRoute>,
    /// The origins whose pages may read the answers; none if left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = crate::cors::ORIGINS_MAX), extend("uniqueItems" = true)))]
    origins: Vec<Origin>,
    /// Paths that are only read; none if left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = ROUTES_MAX)))]
    pages: Vec<RawPage>,
}

pub(super) fn parse(json: &[u8]) -> Result<Policy, PolicyError> {
    let mut input = serde_json::Deserializer::from_slice(json);
    let raw: RawPolicy = serde_path_to_error::deserialize(&mut input)
        .map_err(|error| PolicyError::new(error.path().to_string(), error.inner().to_string()))?;
    input.end().map_err(|error| PolicyError::new(".", error.to_string()))?;
    check(raw)
}

#[cfg(feature = "schema")]
pub(super) fn schema() -> serde_json::Value {
    schemars::schema_for!(RawPolicy).to_value()
}

fn check(raw: RawPolicy) -> Result<Policy, PolicyError> {
    require(raw.version == VERSION, "version", || format!("expected {VERSION}"))?;
    let header_bytes = raw.header_bytes.map_or(HEADER_BYTES_DEFAULT, |size| size.0);
    require((HEADER_BYTES_MIN..=HEADER_BYTES_MAX).contains(&header_bytes), "header_bytes", || {
        format!("expected {HEADER_BYTES_MIN} to {HEADER_BYTES_MAX} bytes, got {header_bytes}")
    })?;
    let skew = signatures::check_skew(raw.skew)?;
    Ok(Policy {
        header_bytes,
        trusted_proxies: proxies::check(&raw.trusted_proxies)?,
        authorities: signatures::check_authorities(raw.authorities)?,
        skew,
        schemes: signatures::check_schemes(raw.schemes)?,
        replay_nonces: signatures::check_replay(raw.replay)?,
        on_store_failure: raw.on_store_failure,
        failures: raw.failures.as_ref().map(failures::check).transpose()?.unwrap_or_default(),
        quotas: quotas::check_shared(raw.quotas)?,
        tiers: quotas::check_tiers(raw.tiers)?,
        issuers: issuer::check(raw.issuers, skew)?,
        origins: origin::check(raw.origins)?,
        report: raw.report.as_ref().map(report::check).transpose()?,
        routes: check_routes(raw.routes, raw.pages)?.into_iter().map(Arc::new).collect(),
    })
}

fn check_routes(raw: Vec<RawRoute>, pages: Vec<RawPage>) -> Result<Vec<Route>, PolicyError> {
    require((1..=ROUTES_MAX).contains(&raw.len()), "routes", || {
        format!("expected 1 to {ROUTES_MAX} routes")
    })?;
    require(pages.len() <= ROUTES_MAX, "pages", || format!("expected at most {ROUTES_MAX} pages"))?;
    let raw = raw.into_iter().enumerate().map(|(index, raw)| {
        let at = format!("routes[{index}]");
        route::check(raw, &at).map(|route| (at, route))
    });
    let pages = pages.into_iter().enumerate().map(|(index, raw)| {
        let at = format!("pages[{index}]");
        page::check(raw, &at).map(|route| (at, route))
    });
    let mut routes: Vec<Route> = Vec::new();
    for checked in raw.chain(pages) {
        let (at, route) = checked?;
        let taken = |other: &Route| {
            other.name == route.name || (other.method == route.method && other.path == route.path)
        };
        require(!routes.iter().any(taken), &at, || {
            "another route has this name, or this method and path".to_owned()
        })?;
        routes.push(route);
    }
    Ok(routes)
}
