//! Every query of the dashboard is asked of a real Prometheus that watches a real node.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use conformance::client;
use conformance::node::{Home, Node, free_address, get};
use serde_json::Value;

use crate::cut_out;
use crate::process::Running;

/// Panel and expression of every query.
fn queries() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana/lunette.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        targets.map(move |target| (text(&panel["title"]), text(&target["expr"])))
    });
    queries.collect()
}

/// Every byte as a URL may hold it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"))
}

#[tokio::test]
async fn every_query_of_the_dashboard_finds_something_in_a_real_prometheus() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let key = home.development_key();

    let folder = tempfile::tempdir().unwrap();
    let (address, configuration) = (free_address(), folder.path().join("prometheus.yml"));
    let scrape = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: lunette\n    \
         static_configs: [{{targets: [\"{}\"]}}]\n",
        node.operator_address()
    );
    std::fs::write(&configuration, scrape).unwrap();
    let program = std::env::var_os("LUNETTE_TEST_PROMETHEUS").expect("as make sets it");
    let _prometheus = Running(
        Command::new(program)
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus"),
    );

    let ask = async |query: &str| -> Option<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let answer = client::send(address, &get(&path), usize::MAX).await.ok()?;
        let answer: Value = serde_json::from_slice(&answer.body).ok()?;
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned()
    };
    let queries = queries();
    assert!(queries.len() > 25, "only {} queries", queries.len());
    let mut empty = Vec::new();
    // A rate needs two looks at the node, with requests between them.
    for _ in 0..30 {
        assert_eq!(node.send(&cut_out(&key, &[])).await.status, 200);
        assert_eq!(node.send(&cut_out("lun_test_no", &[])).await.status, 401);
        tokio::time::sleep(Duration::from_secs(1)).await;
        empty.clear();
        for (panel, expression) in &queries {
            let query = expression.replace("$__rate_interval", "15s");
            let result = ask(&query).await.unwrap_or_default();
            let is_number = |series: &Value| series["value"][1] != "NaN";
            if !result.iter().any(is_number) {
                empty.push(format!("{panel}: {query}"));
            }
            // A label that does not exist would be left out, and not be an error.
            for name in ["route", "status", "by", "code", "stage", "format"] {
                let grouped = query.split("by (").nth(1).and_then(|rest| rest.split(')').next());
                if grouped.is_some_and(|labels| labels.split(", ").any(|label| label == name)) {
                    let labelled = |series: &Value| series["metric"][name].is_string();
                    assert!(result.iter().all(labelled), "{query}: {name}: {result:?}");
                }
            }
        }
        if empty.is_empty() {
            return;
        }
    }
    panic!("these find nothing: {empty:#?}");
}
