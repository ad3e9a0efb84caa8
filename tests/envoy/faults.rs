//! A disk that is full under the access log.

use std::time::Duration;

use conformance::envoy::{Envoy, Options};
use conformance::vectors::named;
use serde_json::{Value, json};

use crate::upstream::Upstream;
use crate::{default_policy, good, options, problem, send};

/// The access log goes to a device on which nothing can be written.
fn full_disk(envoy: &mut Value) {
    let log = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log/0/typed_config";
    let log = envoy.pointer_mut(log).expect("an access log");
    log["path"] = json!("/dev/full");
}

#[tokio::test]
async fn a_full_disk_under_the_access_log_changes_no_verdict() {
    let upstream = Upstream::plain().await;
    let options = Options { change: full_disk, ..options(&upstream, default_policy()) };
    let envoy = Envoy::start(options).await;
    for round in 1..=20 {
        assert_eq!(send(&envoy, &good()).await.status, 200);
        assert_eq!(upstream.count(), round);
        let refused = send(&envoy, &named("an unknown key").request()).await;
        assert_eq!(problem(&refused), (401, "invalid-key".into()));
    }
    assert_eq!(upstream.count(), 20, "the upstream saw nothing of what was refused");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(send(&envoy, &good()).await.status, 200, "also once the log was flushed in vain");
}
