//! A clock that jumps: what was signed is good once, whatever the time.

use conformance::clock::{JUMPS, SetClock};
use conformance::envoy::{Envoy, Options};
use serde_json::json;

use crate::upstream::Upstream;
use crate::{default_policy, good, options, problem, request, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_by_an_hour_makes_no_signature_good_twice() {
    let (clock, upstream) = (SetClock::new(), Upstream::plain().await);
    let options = options(&upstream, default_policy());
    let secrets = [options.secrets.clone(), clock.variables()].concat();
    let envoy = Envoy::start(Options { secrets, ..options }).await;
    let signed = || request(json!({ "sign": { "key": "replay-1" } }));
    let first = signed();
    assert_eq!(send(&envoy, &first).await.status, 200);
    let mut served = 1;
    for (seconds, code) in JUMPS {
        clock.set(seconds);
        for request in [&first, &signed()] {
            assert_eq!(problem(&send(&envoy, request).await).1, code, "{seconds} s");
        }
        let by_key = send(&envoy, &good()).await;
        if code == "policy-stale" {
            assert_eq!(problem(&by_key), (503, code.to_owned()), "{seconds} s");
        } else {
            assert_eq!(by_key.status, 200, "{seconds} s");
            served += 1;
        }
        clock.set(0);
        let replayed = (401, "signature-replayed".to_owned());
        assert_eq!(problem(&send(&envoy, &first).await), replayed, "{seconds} s and back");
    }
    assert_eq!(send(&envoy, &signed()).await.status, 200);
    assert_eq!(upstream.count(), served + 1, "the upstream saw nothing else");
}
