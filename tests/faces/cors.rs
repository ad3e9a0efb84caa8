//! Pages of other origins, in a real browser.

use std::net::SocketAddr;
use std::process::Command;

use conformance::node::{Home, Node};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::tools::{installed, output, photo, scripts};

/// Serves an empty page on a free port, until the test ends.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = [0; 4096];
            // What is asked for makes no difference.
            if client.read(&mut head).await.is_ok() {
                let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\
                            Connection: close\r\n\r\n<!doctype html>";
                let _ = client.write_all(page.as_bytes()).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn pages_of_listed_origins_read_answers_and_refusals_and_others_read_nothing() {
    let (listed, other) = (origin().await, origin().await);
    let mut policy: Value = serde_json::from_str(include_str!("../../filter/policy.json")).unwrap();
    policy["origins"] = json!([format!("http://{listed}")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let home = Home::default();
    let node = Node::start(&home, &["--policy", file.to_str().unwrap()]).await;

    let mut command = Command::new("node");
    command.arg(scripts().join("cors.mjs")).arg(installed("chromium"));
    command.arg(format!("http://{}", node.address)).arg(home.development_key());
    command.arg(photo(folder.path()));
    command.args([format!("http://{listed}"), format!("http://{other}")]);
    let told: Value = serde_json::from_slice(&output(command).await).unwrap();

    let read = &told["listed"];
    assert_eq!(
        (&read["right"]["status"], &read["right"]["type"]),
        (&json!(200), &json!("image/png"))
    );
    assert!(read["right"]["bytes"].as_u64() > Some(1000), "{told}");
    assert_eq!(
        (&read["right"]["ratelimit"], &read["right"]["x-request-id"]),
        (&json!(true), &json!(true))
    );
    for (call, code) in [("wrong", "invalid-key"), ("none", "credential-missing")] {
        assert_eq!((&read[call]["status"], &read[call]["code"]), (&json!(401), &json!(code)));
        assert_eq!(read[call]["www-authenticate"], true);
    }
    assert_eq!((&read["unlisted"]["error"], &read["page"]), (&json!("TypeError"), &json!(200)));

    for call in ["right", "wrong", "none", "unlisted"] {
        assert_eq!(told["other"][call], json!({ "error": "TypeError" }), "{told}");
    }
    assert_eq!(told["other"]["page"], "TypeError");
    // Pages that may not ask are stopped before they send a photo.
    assert_eq!(node.inferences().await, 1);
}
