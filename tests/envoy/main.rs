//! The gate in a real Envoy, configured as it is shipped.

mod answers;
mod clock;
mod faults;
mod flood;
mod kept;
mod manifests;
mod nodes;
mod once;
mod rotation;
mod secrets;
mod shared_data;
mod tls;
mod trap;
mod trapped;
mod upstream;

use conformance::client::Answer;
use conformance::envoy::{Envoy, NodeAt, Options, Told, snapshot};
use conformance::vectors::{self, Moment, Request, Step};
use serde_json::{Value, json};

use upstream::Upstream;

/// What the gate of most tests judges by.
fn default_policy() -> String {
    snapshot(1, &vectors::policy("default"))
}

/// A step of the vectors' kind, made now.
fn request(mut step: Value) -> Request {
    step["expect"] = json!("accept");
    let step: Step = serde_json::from_value(step).expect("a step");
    step.compose(Moment::real(), None).expect("a request")
}

/// A request that is good.
fn good() -> Request {
    request(json!({}))
}

/// An Envoy in front of one upstream without TLS.
async fn before(upstream: &Upstream, told: impl Into<Told>) -> Envoy {
    Envoy::start(options(upstream, told)).await
}

fn options(upstream: &Upstream, told: impl Into<Told>) -> Options {
    Options { nodes: vec![NodeAt::new(upstream.address)], ..Options::told(told) }
}

async fn send(envoy: &Envoy, request: &Request) -> Answer {
    envoy.send(request, usize::MAX).await.expect("an answer")
}

/// The status and the code of a problem that is whole.
fn problem(answer: &Answer) -> (u16, String) {
    let problem = answer.problem();
    let member = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let code = member("code");
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert_eq!(member("type"), format!("urn:lunette:problem:{code}"));
    assert!(!member("title").is_empty() && !member("detail").is_empty(), "{problem}");
    assert_eq!(Some(member("request_id").as_str()), answer.header("x-request-id"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(!member("request_id").is_empty(), "{problem}");
    (answer.status, code)
}
