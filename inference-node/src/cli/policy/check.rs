//! `lunette policy check`: what a policy allows, and what it takes to remember it.

use std::collections::BTreeMap;
use std::path::Path;

use filter::Policy;
use filter::policy::{SharedSubject, Tier, TierSubject};
use filter::quota::{Quota, Unit};
use serde::Serialize;
use serde_json::Value;

use super::warnings::{self, Warning};
use super::{Error, output};
use crate::config::{CommonFlags, Config, Mode, PolicySource};

/// Pixels of a megapixel.
const MEGA: u64 = 1_000_000;

/// Checks the policy in `file` and prints what follows from it.
pub(super) fn check(file: &Path, common: &CommonFlags, json: bool) -> Result<(), Error> {
    let source = PolicySource::read(file)?;
    let policy = &source.policy;
    let warnings = warnings(file, common, policy);
    let sizing = Sizing::of(policy);
    if json {
        let file: Value = serde_json::from_slice(&source.text).map_err(std::io::Error::from)?;
        let document =
            Document { policy: file, tiers: &sizing.tiers, store: &sizing.store, warnings };
        return Ok(output::json(&document)?);
    }
    routes(policy)?;
    quotas(policy, &sizing)?;
    tiers(policy)?;
    issuers(policy)?;
    output::line("")?;
    output::fields(terms(policy).chain(sizing.fields(policy)))?;
    for Warning { path, problem } in warnings {
        output::remark(&format!("warning: {path}: {problem}"))?;
    }
    Ok(output::remark(&format!("{} is right.", file.display()))?)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    policy: Value,
    tiers: &'a BTreeMap<&'a str, OfTier>,
    store: &'a Store,
    warnings: Vec<Warning>,
}

/// What deserves a second look in the policy, for the node that is configured here. A policy is often
/// checked where no node is, and a configuration that is wrong must not hide what is wrong with it.
fn warnings(file: &Path, common: &CommonFlags, policy: &Policy) -> Vec<Warning> {
    let common = CommonFlags { policy: Some(file.to_owned()), ..common.clone() };
    match Config::load_for_tools(&common) {
        Ok(config) => warnings::of(policy, config.mode),
        Err(error) => {
            let mut warnings = warnings::of(policy, common.mode.unwrap_or(Mode::Development));
            let problem = format!("no node starts with it here: {error}");
            warnings.push(Warning { path: ".".to_owned(), problem });
            warnings
        }
    }
}

fn routes(policy: &Policy) -> Result<(), Error> {
    let rows = policy.routes.iter().map(|route| {
        let limits = route.image;
        [
            route.name.clone(),
            format!("{} {}", route.method, route.path),
            listed(&route.scopes),
            word(&route.signature),
            word(&route.body),
            word(&route.mode),
            route.max_bytes.to_string(),
            format!("{}x{}", limits.max_width, limits.max_height),
            limits.max_pixels.to_string(),
            limits.max_frames.to_string(),
            route.weight.to_string(),
        ]
    });
    let heading = [
        "ROUTE",
        "REQUEST",
        "SCOPES",
        "SIGNATURE",
        "BODY",
        "MODE",
        "BYTES",
        "SIZE",
        "PIXELS",
        "FRAMES",
        "WEIGHT",
    ];
    Ok(output::table(heading, rows)?)
}

fn quotas(policy: &Policy, sizing: &Sizing<'_>) -> Result<(), Error> {
    let of_tier = |(name, tier): (&String, &Tier)| {
        let nonces = sizing.tiers.get(name.as_str()).map(OfTier::to_string).unwrap_or_default();
        let mut lines: Vec<_> = tier
            .quotas
            .iter()
            .map(|of_tier| {
                let whose = match of_tier.subject {
                    TierSubject::Key => "key",
                    TierSubject::Principal => "principal",
                };
                [name.clone(), of_tier.quota.name.clone(), whose.to_owned(), amount(&of_tier.quota)]
            })
            .collect();
        if lines.is_empty() {
            lines.push([name.clone(), "-".to_owned(), "-".to_owned(), "unlimited".to_owned()]);
        }
        lines
            .into_iter()
            .map(move |[tier, quota, whose, amount]| [tier, quota, whose, amount, nonces.clone()])
    };
    let shared = policy.quotas.iter().map(|shared| {
        let whose = match shared.subject {
            SharedSubject::Network => "network",
            SharedSubject::Everyone => "everyone",
        };
        let name = shared.quota.name.clone();
        ["-".to_owned(), name, whose.to_owned(), amount(&shared.quota), "-".to_owned()]
    });
    let unverified = policy.report.iter().map(|report| {
        let name = report.quota.name.clone();
        ["-".to_owned(), name, "everyone".to_owned(), amount(&report.quota), "-".to_owned()]
    });
    let rows = policy.tiers.iter().flat_map(of_tier).chain(shared).chain(unverified);
    output::line("")?;
    Ok(output::table(["TIER", "QUOTA", "SUBJECT", "AMOUNT", "NONCES OF A KEY"], rows)?)
}

/// How the tiers share the models of a node.
fn tiers(policy: &Policy) -> Result<(), Error> {
    let rows = policy.tiers.iter().map(|(name, tier)| {
        let concurrent =
            tier.concurrent.map_or_else(|| "unlimited".to_owned(), |most| most.to_string());
        [name.clone(), tier.priority.as_str().to_owned(), concurrent]
    });
    output::line("")?;
    Ok(output::table(["TIER", "PRIORITY", "REQUESTS AT ONCE"], rows)?)
}

fn issuers(policy: &Policy) -> Result<(), Error> {
    if policy.issuers.is_empty() {
        return Ok(());
    }
    let rows = policy.issuers.iter().map(|issuer| {
        let algorithms = issuer.algorithms.iter().map(|algorithm| algorithm.jwa_name().to_owned());
        [
            issuer.name.clone(),
            issuer.issuer.clone(),
            listed(&issuer.audiences),
            listed(&algorithms.collect::<Vec<_>>()),
            format!("{} s", issuer.max_lifetime),
            issuer.tier.clone(),
        ]
    });
    output::line("")?;
    let heading = ["ISSUER", "ISS", "AUDIENCES", "ALGORITHMS", "LIFETIME", "TIER"];
    Ok(output::table(heading, rows)?)
}

/// What holds for every route.
fn terms(policy: &Policy) -> impl Iterator<Item = (&'static str, String)> {
    let failures = &policy.failures;
    let networks: Vec<_> = policy.trusted_proxies.iter().map(ToString::to_string).collect();
    let schemes: Vec<_> = policy.schemes.iter().map(|scheme| scheme.as_str().to_owned()).collect();
    [
        ("trusted proxies", listed(&networks)),
        ("authorities", listed(&policy.authorities)),
        ("schemes", listed(&schemes)),
        ("skew", format!("{} s", policy.skew / 1_000)),
        (
            "failures",
            format!(
                "{} of a network in {} s, and {} verifications more",
                failures.limit, failures.window, failures.verifications
            ),
        ),
    ]
    .into_iter()
}

/// What it takes to remember what the policy says must be remembered.
struct Sizing<'a> {
    tiers: BTreeMap<&'a str, OfTier>,
    store: Store,
}

/// What the keys of a tier need.
#[derive(Clone, Copy, Serialize)]
struct OfTier {
    /// The most nonces that one key can have remembered at once.
    nonces_per_key: u64,
    /// Whether a quota bounds them, and not only the size of the table.
    bounded: bool,
}

/// The tables of a gate's store: how much each holds, and what they take together.
#[derive(Serialize)]
struct Store {
    /// The nonces that one key of each tier needs at its full rate.
    nonces_needed: u64,
    nonces: u64,
    keys: u64,
    networks: u64,
    bytes_max: u64,
}

impl<'a> Sizing<'a> {
    fn of(policy: &'a Policy) -> Self {
        let of_tier = |(name, tier): (&'a String, &Tier)| {
            let bounded = tier.quotas.iter().any(|of_tier| {
                of_tier.subject == TierSubject::Key && of_tier.quota.unit == Unit::Requests
            });
            (name.as_str(), OfTier { nonces_per_key: policy.nonces_per_key(name), bounded })
        };
        let tiers: BTreeMap<_, _> = policy.tiers.iter().map(of_tier).collect();
        let bounded = tiers.values().filter(|tier| tier.bounded);
        let nonces_needed =
            bounded.fold(0, |sum: u64, tier| sum.saturating_add(tier.nonces_per_key));
        let sizes = policy.store_sizes();
        let (nonces, keys, networks) = sizes.capacity();
        let bytes_max = sizes.bytes_max();
        Self { tiers, store: Store { nonces_needed, nonces, keys, networks, bytes_max } }
    }

    fn fields(&self, policy: &Policy) -> impl Iterator<Item = (&'static str, String)> {
        let Store { nonces_needed, nonces, keys, networks, bytes_max } = self.store;
        let signed = policy.routes.iter().any(|route| route.signature.takes_signatures());
        let needed = if signed {
            format!(
                "room for {nonces}; one key of each tier, at its full rate, needs {nonces_needed}"
            )
        } else {
            format!("room for {nonces}; no route takes signatures")
        };
        let memory = bytes_max.div_ceil(1 << 20);
        [
            ("nonces", needed),
            ("counters", format!("{keys} of keys and principals, {networks} of networks")),
            ("memory", format!("at most {memory} MiB in each gate")),
        ]
        .into_iter()
    }
}

impl std::fmt::Display for OfTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.bounded { write!(f, "{}", self.nonces_per_key) } else { f.write_str("all") }
    }
}

fn amount(quota: &Quota) -> String {
    match quota.unit {
        Unit::Requests => format!("{} requests in {} s", quota.limit, quota.window),
        Unit::Pixels => format!("{} megapixels in {} s", quota.limit / MEGA, quota.window),
    }
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

/// The word that a policy file has for a value.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
