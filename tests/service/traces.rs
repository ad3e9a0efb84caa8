//! Traces, as a collector sees them.

use std::time::Duration;

use conformance::node::{Home, Node};
use conformance::tls::Authority;
use serde_json::Value;

use crate::collector::{Collector, behind_tls};
use crate::cut_out;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace_with_its_stages_below_it() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    spans_arrive(collector, &Home::default(), &["--otlp-endpoint", &endpoint]).await;
}

#[tokio::test]
async fn they_reach_a_collector_behind_tls_as_well() {
    let (home, authority, collector) =
        (Home::default(), Authority::default(), Collector::start().await);
    let address = behind_tls(&authority.sign("127.0.0.1"), collector.address).await;
    let endpoint = format!("https://{address}");
    let ca = authority_file(&home, &authority);
    spans_arrive(collector, &home, &["--otlp-endpoint", &endpoint, "--otlp-ca", &ca]).await;
}

#[tokio::test]
async fn nothing_is_sent_to_whom_no_authority_knows_by_this_name() {
    let (authority, stranger) = (Authority::default(), Authority::default());
    for identity in [stranger.sign("127.0.0.1"), authority.sign("collector.example")] {
        let (home, collector) = (Home::default(), Collector::start().await);
        let address = behind_tls(&identity, collector.address).await;
        let (endpoint, ca) = (format!("https://{address}"), authority_file(&home, &authority));
        let arguments = ["--otlp-endpoint", &endpoint, "--otlp-ca", &ca];
        let node = Node::start(&home, &arguments).await;
        assert_eq!(node.send(&cut_out("lun_test_no", &[])).await.status, 401);
        while node.metric("lunette_traces_dropped_total").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(node.metric("lunette_traces_sent_total").await, 0);
        assert_eq!(collector.spans(), [] as [Value; 0]);
    }
}

fn authority_file(home: &Home, authority: &Authority) -> String {
    let file = home.path().with_extension("ca.pem");
    std::fs::write(&file, authority.certificate()).unwrap();
    file.to_str().unwrap().to_owned()
}

async fn spans_arrive(collector: Collector, home: &Home, arguments: &[&str]) {
    let mut node = Node::start(home, arguments).await;
    let key = home.development_key();
    let parent = |flags| format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
    let answer = node.send(&cut_out(&key, &[("traceparent", &parent("01"))])).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("server-timing").unwrap().contains("total;dur="));
    // The caller does not record this one, and of the last nobody says anything.
    assert_eq!(node.send(&cut_out(&key, &[("traceparent", &parent("00"))])).await.status, 200);
    let refused = node.send(&cut_out("lun_test_no", &[])).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("server-timing"), None);

    // What is left is sent before the end.
    node.terminate();
    assert!(node.ended_well().await);
    let spans = collector.spans();
    let (roots, stages): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["kind"] == 2);
    assert_eq!(roots.len(), 2, "{spans:#?}");
    let (root, other) = (roots[0], roots[1]);
    assert_eq!(root["name"], "POST background-removal");
    assert_eq!((&root["trace"], &root["parent"]), (&TRACE.into(), &"00f067aa0ba902b7".into()));
    assert_eq!(root["resource"]["service.name"], "lunette");
    assert_eq!(root["attributes"]["http.response.status_code"], 200);
    let request_id = |answer: &conformance::client::Answer| {
        Value::from(answer.header("x-request-id").expect("an id"))
    };
    assert_eq!(root["attributes"]["lunette.request_id"], request_id(&answer));
    let names: Vec<_> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    // For its turn, and for the device.
    assert_eq!(names, ["queue", "decode", "queue", "model", "encode"]);
    for stage in stages {
        assert_eq!((&stage["trace"], &stage["parent"]), (&root["trace"], &root["span"]));
        assert!(number(&stage["start"]) <= number(&stage["end"]));
        assert!(number(&root["start"]) <= number(&stage["start"]), "{spans:#?}");
        assert!(number(&stage["end"]) <= number(&root["end"]), "{spans:#?}");
    }
    // Without a caller's trace the request's own id names one.
    assert_eq!(other["trace"], request_id(&refused));
    assert_eq!((&other["parent"], &other["status"]), (&"".into(), &0.into()));
    assert_eq!(other["attributes"]["lunette.code"], refused.problem()["code"]);
}
