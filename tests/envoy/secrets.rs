//! No secret is in what Envoy shows or writes.

use conformance::envoy::{self, Envoy, Told};
use conformance::keys;
use serde_json::json;

use crate::upstream::Upstream;
use crate::{default_policy, options, request, send};

#[tokio::test]
async fn no_secret_is_in_a_dump_in_statistics_or_in_a_log() {
    let upstream = Upstream::plain().await;
    let envoy = Envoy::start(options(&upstream, default_policy())).await;
    let pulling = Envoy::start(options(&upstream, Told::Pull)).await;
    let query = "/v1/background-removal?token=in-a-query-that-nobody-should-read";
    let mut last = String::new();
    for sent in [
        request(json!({ "target": query })),
        request(json!({ "key": "good:wrong-secret" })),
        request(json!({ "key": "imported" })),
        request(json!({ "sign": { "key": "replay-1" } })),
    ] {
        for envoy in [&envoy, &pulling] {
            let answer = send(envoy, &sent).await;
            last = answer.header("x-request-id").unwrap_or(&last).to_owned();
        }
    }
    pulling.access_line(&last).await;
    let mut secrets: Vec<String> = ["good", "good:wrong-secret", "imported"].map(keys::text).into();
    secrets.push("in-a-query-that-nobody-should-read".to_owned());
    let public = ["LUNETTE_PERMIT_KEY_VERSION", "LUNETTE_SNAPSHOT_KEY"];
    for (name, value) in envoy::secrets() {
        if !public.contains(&name.as_str()) {
            // Some are lists of names with secrets.
            let parts = value.split(',').map(|part| part.rsplit(':').next().unwrap_or(part));
            secrets.extend(parts.map(str::to_owned));
        }
    }
    // How permits begin: with the number of hex digits of their id, and one of these.
    secrets.extend(["v2.ID", "v2.IG"].map(str::to_owned));
    for (name, envoy) in [("told", &envoy), ("pulling", &pulling)] {
        for page in [
            "/config_dump?include_eds",
            "/stats",
            "/stats/prometheus",
            "/certs",
            "/clusters",
            "/server_info",
            "/listeners",
        ] {
            let text = envoy.admin_text(page).await;
            assert!(!text.is_empty(), "{page}");
            none_of(&secrets, &text, &format!("{name}: {page}"));
        }
        none_of(&secrets, &envoy.log(), &format!("{name}: its log"));
        let access = envoy.access_log();
        assert!(access.lines().count() >= 4, "{name}: {access}");
        none_of(&secrets, &access, &format!("{name}: the access log"));
    }
}

fn none_of(secrets: &[String], text: &str, what: &str) {
    for secret in secrets {
        let at = text.find(secret.as_str());
        assert_eq!(at, None, "{what} holds {secret:?}");
    }
}
