//! Any bytes as a policy file: refused with what was expected, or right in every part.
#![no_main]

use filter::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| match Policy::parse(json) {
    Err(error) => assert!(!error.problem.is_empty()),
    Ok(policy) => {
        for route in &policy.routes {
            // A route that no request can reach, or that takes nothing, would be a silent mistake.
            assert_eq!(policy.route(&route.method, &route.path), Ok(route));
            assert!(!route.formats.is_empty() && route.max_bytes > 0);
        }
        assert!(!policy.tiers.is_empty());
        let (nonces, ..) = policy.store_sizes().capacity();
        for tier in policy.tiers.keys() {
            assert!(policy.nonces_per_key(tier) <= nonces.max(policy.replay_nonces.into()));
        }
        for issuer in &policy.issuers {
            assert!(policy.tiers.contains_key(&issuer.tier) && issuer.check().is_ok());
        }
    }
});
