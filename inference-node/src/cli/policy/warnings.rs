//! What deserves a second look in a policy that is right.

use std::net::{IpAddr, SocketAddr};

use filter::Policy;
use filter::policy::{Mode as Verdicts, OnStoreFailure};
use filter::signature::Scheme;
use serde::Serialize;

use crate::api::faces::rembg;
use crate::clock;
use crate::config::Mode;

/// Whoever trusts more than this share of all addresses trusts strangers.
const TRUSTED_PREFIX_MIN: (u8, u8) = (8, 16);

/// One thing that is allowed and may not be meant.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Warning {
    /// The field, as `routes[2].scopes`.
    pub(super) path: String,
    /// What follows from it.
    pub(super) problem: String,
}

/// Everything that deserves a second look in `policy`, for a node of this `mode`.
pub(super) fn of(policy: &Policy, mode: Mode) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |path: String, problem: String| warnings.push(Warning { path, problem });
    for (index, network) in policy.trusted_proxies.iter().enumerate() {
        let least = match network.addr() {
            IpAddr::V4(_) => TRUSTED_PREFIX_MIN.0,
            IpAddr::V6(_) => TRUSTED_PREFIX_MIN.1,
        };
        if network.prefix_len() < least {
            let problem =
                format!("whoever connects from {network} chooses the address he is taken for");
            warn(format!("trusted_proxies[{index}]"), problem);
        }
    }
    for (index, authority) in policy.authorities.iter().enumerate() {
        if mode == Mode::Production && is_local(authority) {
            let problem = format!(
                "clients of a production node do not sign for {authority}, their own machine"
            );
            warn(format!("authorities[{index}]"), problem);
        }
    }
    for scheme in policy.schemes.iter() {
        if let Some(open) = left_open(scheme) {
            warn("schemes".to_owned(), format!("{} {open}", scheme.as_str()));
        }
    }
    if policy.on_store_failure == OnStoreFailure::Allow {
        let problem =
            "while a gate's store fails, quotas limit nobody: whoever makes it fail has no limit";
        warn("on_store_failure".to_owned(), problem.to_owned());
    }
    if let Some(until) = policy.report.as_ref().and_then(|report| report.until) {
        let problem = format!("until {} {REPORTED}", clock::display(until));
        warn("report.until".to_owned(), problem);
    }
    for (index, route) in policy.routes.iter().enumerate() {
        if route.scopes.is_empty() && !route.anonymous {
            let problem = "no scope is asked for: every valid key and token may use this route";
            warn(format!("routes[{index}].scopes"), problem.to_owned());
        }
        if route.weight == 1 && rembg::takes_matting(route) {
            let problem = "with `a` a client asks for alpha matting, seconds of a processor for the price of \
                           a cut-out: expected a greater weight";
            warn(format!("routes[{index}].weight"), problem.to_owned());
        }
        if route.mode == Verdicts::Report {
            warn(format!("routes[{index}].mode"), format!("here {REPORTED}"));
        }
    }
    warnings
}

/// What the report-only mode means.
const REPORTED: &str = "requests pass whose credential, scopes or quotas are refused elsewhere; \
                        production nodes take them only with accept_report";

/// What a scheme for migrating clients leaves open; nothing for the two that cover the request.
fn left_open(scheme: Scheme) -> Option<&'static str> {
    match scheme {
        Scheme::Rfc9421 | Scheme::Simple => None,
        Scheme::KongHmac | Scheme::ApisixHmac => Some(
            "covers no nonce: a copied request is good again until its date is stale; and host, \
             media type and body only where the client lists them",
        ),
        Scheme::StandardWebhooks => Some(
            "covers body, nonce and time, but not method, host, path, query and media type: what \
             was signed for one route is good at another",
        ),
        Scheme::CloudflareTimed => Some(
            "covers path and time, but not method, host, query, media type, body and a nonce: \
             whoever has a link may send anything with it until it is stale",
        ),
    }
}

/// Whether an authority means the machine itself, whichever that is.
fn is_local(authority: &str) -> bool {
    let address = authority
        .parse::<SocketAddr>()
        .map(|socket| socket.ip())
        .or_else(|_| authority.trim_matches(['[', ']']).parse::<IpAddr>());
    let host = authority.split(':').next().unwrap_or_default();
    match address {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::DEFAULT_POLICY;

    fn paths(mode: Mode, change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut policy: Value = serde_json::from_str(DEFAULT_POLICY).unwrap();
        change(&mut policy);
        let policy = Policy::parse(policy.to_string().as_bytes()).unwrap();
        of(&policy, mode).into_iter().map(|warning| warning.path).collect()
    }

    #[test]
    fn the_built_in_policy_is_for_one_s_own_machine() {
        assert_eq!(paths(Mode::Development, |_| {}), [""; 0]);
        assert_eq!(paths(Mode::Production, |_| {}), ["authorities[0]", "authorities[1]"]);
    }

    #[test]
    fn what_is_wide_open_is_warned_of() {
        let warned = |change: fn(&mut Value)| paths(Mode::Development, change);
        let none = [""; 0];
        assert_eq!(
            warned(|policy| policy["routes"][0]["scopes"] = json!([])),
            ["routes[0].scopes"]
        );
        assert_eq!(
            warned(|policy| policy["on_store_failure"] = json!("allow")),
            ["on_store_failure"]
        );
        let matting = |weight: u32, values: &[&str]| {
            paths(Mode::Development, |policy| {
                let route = &mut policy["routes"][1];
                route["weight"] = json!(weight);
                let fields = route["query"].as_array_mut().unwrap();
                let a = fields.iter_mut().find(|field| field["name"] == "a").unwrap();
                a["values"] = json!(values);
            })
        };
        assert_eq!(matting(1, &["false", "True"]), ["routes[1].weight"]);
        assert_eq!(matting(20, &["false", "True"]), none);
        assert_eq!(matting(1, &["false", "no"]), none);
        let report = json!({ "requests": 1, "window": "60s" });
        let reporting = paths(Mode::Development, |policy| {
            policy["report"] = report.clone();
            policy["routes"][0]["mode"] = json!("report");
        });
        assert_eq!(reporting, ["routes[0].mode"]);
        let until = paths(Mode::Development, |policy| {
            policy["report"] = report;
            policy["report"]["until"] = json!("2026-12-24T00:00:00Z");
        });
        assert_eq!(until, ["report.until"]);
        let proxies =
            |list: Value| paths(Mode::Development, |policy| policy["trusted_proxies"] = list);
        assert_eq!(proxies(json!(["10.0.0.0/8", "2001::/16", "::1"])), none);
        let wide = proxies(json!(["10.0.0.0/8", "128.0.0.0/1", "2000::/3"]));
        assert_eq!(wide, ["trusted_proxies[1]", "trusted_proxies[2]"]);
    }

    #[test]
    fn every_scheme_that_leaves_something_open_says_so() {
        for scheme in Scheme::ALL {
            let warned = paths(Mode::Development, |policy| {
                policy["schemes"] = json!([scheme]);
                // Standard Webhooks needs a body that is held.
                policy["routes"][0]["body"] = json!("hold");
                policy["routes"][0]["max_bytes"] = json!("1MiB");
            });
            let standard = [Scheme::Rfc9421, Scheme::Simple].contains(&scheme);
            assert_eq!(warned.len(), usize::from(!standard), "{scheme:?}: {warned:?}");
        }
    }

    #[test]
    fn local_authorities_are_told_from_others() {
        for local in
            ["localhost", "localhost:8080", "a.localhost", "127.0.0.2:80", "[::1]:8080", "[::1]"]
        {
            assert!(is_local(local), "{local}");
        }
        for other in ["images.example", "localhost.example", "192.0.2.1:8080", "[2001:db8::1]"] {
            assert!(!is_local(other), "{other}");
        }
    }
}
