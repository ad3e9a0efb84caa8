//! Traces, as a collector sees them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use conformance::node::{Home, Node};
use serde_json::Value;

use crate::cut_out;
use crate::process::{Running, python};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace_with_its_stages_below_it() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("service/collector.py");
    let mut collector =
        Running(Command::new(python()).arg(script).stdout(Stdio::piped()).spawn().expect("Python"));
    let mut lines = BufReader::new(collector.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let endpoint = format!("http://127.0.0.1:{}", lines.next().unwrap());

    let home = Home::default();
    let mut node = Node::start(&home, &["--otlp-endpoint", &endpoint]).await;
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
    collector.0.kill().unwrap();
    let spans: Vec<Value> = lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
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
