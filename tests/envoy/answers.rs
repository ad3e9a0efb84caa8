//! What clients are answered, by the filter and by Envoy itself.

use std::time::Duration;

use conformance::client::{self, Answer, read_answer};
use conformance::envoy::{Envoy, Options};
use conformance::node::get;
use conformance::vectors::named;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::upstream::Upstream;
use crate::{before, default_policy, good, options, problem, request, send};

const HSTS: Option<&str> = Some("max-age=63072000");

/// Sends bytes as they are.
async fn send_bytes(envoy: &Envoy, bytes: &[u8]) -> Answer {
    let mut stream = envoy.connect(None).await.expect("a connection");
    stream.write_all(bytes).await.expect("a request");
    read_answer(&mut stream).await.expect("an answer")
}

fn short_timeouts(envoy: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = envoy.pointer_mut(manager).expect("the connection manager");
    manager["request_timeout"] = json!("1s");
    manager["request_headers_timeout"] = json!("0.5s");
}

#[tokio::test]
async fn every_refusal_is_a_problem_whether_the_filter_or_envoy_refuses() {
    let envoy =
        Envoy::start(Options { change: short_timeouts, ..Options::told(default_policy()) }).await;

    let unknown = send(&envoy, &request(json!({ "key": "unknown-1" }))).await;
    assert_eq!(problem(&unknown), (401, "invalid-key".into()));
    assert_eq!(
        unknown.header("www-authenticate"),
        Some("Bearer realm=\"lunette\", error=\"invalid_token\"")
    );
    let elsewhere = send(&envoy, &request(json!({ "target": "/nowhere" }))).await;
    assert_eq!(problem(&elsewhere), (404, "route-unknown".into()));

    let unreachable = send(&envoy, &good()).await;
    assert_eq!(problem(&unreachable), (503, "node-unavailable".into()));
    assert_eq!(unreachable.header("retry-after"), Some("1"));

    let malformed = send_bytes(&envoy, b"GET / HTTP/1.1\r\nHost: a\r\nbad field: x\r\n\r\n").await;
    assert_eq!(problem(&malformed), (400, "request-malformed".into()));
    let old = send_bytes(&envoy, b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(problem(&old), (426, "http-version-too-old".into()));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let long = send_bytes(&envoy, long.as_bytes()).await;
    assert_eq!(problem(&long), (431, "header-too-large".into()));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: x\r\n".repeat(200));
    let many = send_bytes(&envoy, many.as_bytes()).await;
    assert_eq!(problem(&many), (431, "header-too-large".into()));

    let slow_head = send_bytes(&envoy, b"GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(problem(&slow_head), (408, "request-timeout".into()));
    let mut body = good();
    body.body.truncate(10);
    let slow_body = send(&envoy, &body).await;
    assert_eq!(problem(&slow_body), (408, "request-timeout".into()));

    for answer in
        [unknown, elsewhere, unreachable, malformed, old, long, many, slow_head, slow_body]
    {
        assert_eq!(answer.header("strict-transport-security"), HSTS, "{answer:?}");
        let line = envoy.access_line(answer.header("x-request-id").expect("an id")).await;
        assert_eq!(line["status"], answer.status);
    }
}

#[tokio::test]
async fn an_answer_of_the_node_passes_and_so_do_the_fields_of_the_request() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let mut sent = good();
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Envoy-Retry-On", "5xx"),
        ("X-Envoy-Max-Retries", "9"),
        ("X-Envoy-Upstream-Rq-Timeout-Ms", "1"),
        ("X-Request-Id", "chosen-by-the-client"),
        ("X-Own", "kept"),
    ] {
        sent.headers.push((name.to_owned(), value.to_owned()));
    }
    let answer = send(&envoy, &sent).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"done".as_slice()));
    assert_eq!(answer.header("strict-transport-security"), HSTS);
    assert_eq!(answer.header("lunette-verdict"), None);
    let fields = upstream.last();
    let has = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, v)| v.as_str());
    assert_eq!(has("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(has("x-own"), Some("kept"));
    assert!(has("lunette-permit").is_some());
    for gone in ["authorization", "x-api-key", "x-request-id"] {
        assert_eq!(has(gone), None, "{gone}");
    }
    assert!(!fields.iter().any(|(name, _)| name.starts_with("x-envoy-")), "{fields:?}");
}

#[tokio::test]
async fn the_access_log_tells_what_went_on_from_what_was_refused() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let _ = send(&envoy, &good()).await;
    let _ = send(&envoy, &named("an unknown key").request()).await;
    let mut lines = Vec::new();
    for _ in 0..200 {
        lines = envoy.access_lines();
        if lines.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = lines.iter().map(|line| (&line["status"], &line["verdict"], &line["code"]));
    let none = Value::Null;
    let expected = [
        (&json!(200), &json!("released"), &none),
        (&json!(401), &json!("refused"), &json!("invalid-key")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn plain_http_is_only_told_where_to_go() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    for sent in [get("/v1/background-removal?a=b"), good()] {
        let answer = client::send(envoy.http, &sent, usize::MAX).await.expect("an answer");
        assert_eq!(answer.status, 308);
        let target = format!("https://images.example{}", sent.target);
        assert_eq!(answer.header("location"), Some(target.as_str()));
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn metrics_are_there_and_nothing_else_of_the_admin() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let page = client::send(envoy.stats, &get("/stats/prometheus"), usize::MAX).await;
    // It comes in chunks, of which this client reads none.
    assert_eq!(page.expect("an answer").status, 200);
    for target in
        ["/", "/config_dump", "/stats", "/quitquitquit", "/stats/prometheus/../../config_dump"]
    {
        let answer = client::send(envoy.stats, &get(target), usize::MAX).await;
        assert_eq!(answer.expect("an answer").status, 404, "{target}");
    }
    let metrics = envoy.admin_text("/stats/prometheus").await;
    assert!(metrics.contains("lunette_rejection_cache_hits"), "{metrics}");
    let mut ports = [envoy.https.port(), envoy.http.port(), envoy.stats.port()].to_vec();
    ports.sort_unstable();
    assert_eq!(listening(envoy.pid()), ports, "no other port, and so none of the admin");
}

/// The ports that a process listens on.
fn listening(pid: u32) -> Vec<u16> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its files");
    let sockets: Vec<String> = folder
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).expect("a table");
        for line in table.lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            let listens = columns[3] == "0A" && sockets.iter().any(|socket| socket == columns[9]);
            let port = columns[1].rsplit(':').next().expect("a port");
            ports.extend(listens.then(|| u16::from_str_radix(port, 16).expect("hex")));
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[tokio::test]
async fn a_body_that_stops_is_ended_and_its_connection_with_it() {
    let upstream = Upstream::plain().await;
    let envoy =
        Envoy::start(Options { change: short_timeouts, ..options(&upstream, default_policy()) })
            .await;
    // Long enough that its head has gone on when it stops.
    let mut sent =
        request(json!({ "body": { "png": { "width": 30, "height": 20 }, "append": [] } }));
    sent.body.truncate(sent.body.len() - 4);
    let mut stream = envoy.connect(None).await.expect("a connection");
    stream.write_all(&client::head_bytes(&sent)).await.expect("a head");
    stream.write_all(&sent.body).await.expect("a body");
    let answer = read_answer(&mut stream).await.expect("an answer");
    assert_eq!(problem(&answer), (408, "request-timeout".into()));
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok() && rest.is_empty());
    assert_eq!(upstream.count(), 0, "it never came whole");
}
