//! The pages, in a real browser.

use std::process::Command;

use conformance::node::{Home, Node, get};
use serde_json::{Value, json};

use crate::tools::{installed, output, photo, scripts};

#[tokio::test]
async fn a_photo_is_dropped_and_its_cut_out_appears() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let origin = format!("http://{}", node.address);
    let mut command = Command::new("node");
    command.arg(scripts().join("browser.mjs")).arg(installed("chromium")).arg(&origin);
    command.arg(home.development_key()).arg(photo(folder.path()));
    command.arg(scripts().parent().unwrap().join("pages/markup.png"));
    let saw: Value = serde_json::from_slice(&output(command).await).unwrap();

    let picture = &saw["picture"];
    assert_eq!((&picture["width"], &picture["height"]), (&json!(300), &json!(200)));
    assert_eq!(picture["source"], "blob");
    assert!(picture["middle"].as_u64() > Some(200) && picture["corner"].as_u64() < Some(50));
    assert!(saw["checkerboard"].as_str().unwrap().contains("conic-gradient"));
    assert_eq!(saw["withoutKey"], "Type your API key first.");
    assert!(saw["noImage"].as_str().unwrap().ends_with("(not-an-image)"), "{saw}");

    // A name is text, whatever it looks like, and nothing that is smuggled in runs.
    assert!(saw["name"].as_str().unwrap().starts_with("<img src=x onerror="));
    assert_eq!(saw["markup"], 1);
    assert_eq!((&saw["title"], &saw["smuggled"]["title"]), (&json!("Lunette"), &json!("Lunette")));
    assert_eq!(saw["smuggled"]["elsewhere"], "refused");
    assert_eq!(saw["complaints"], json!([]));

    let [middle, corner] = ["middle", "corner"].map(|place| &saw["mask"][place]);
    assert!(middle[0].as_u64() > Some(200) && corner[0].as_u64() < Some(50), "{}", saw["mask"]);
    assert_eq!((&middle[3], &corner[3]), (&json!(255), &json!(255)));

    // So is what stands on a page. Each of its two lines has a box, whose upper and lower edges are rows.
    let texts: Vec<_> = saw["texts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Whether a space parts a line is up to the detector.
    assert_eq!(texts.join(" "), "<b>Total 42</b> <img src=x>");
    assert_eq!((&saw["markupOfTexts"], &saw["saveOfTexts"]), (&json!(0), &json!(false)));
    let boxes = &saw["boxes"];
    assert_eq!((&boxes["width"], &boxes["height"]), (&json!(620), &json!(200)));
    assert_eq!((&boxes["hidden"], &boxes["apart"]), (&json!(false), &json!(0)), "{boxes}");
    let rows: Vec<_> = boxes["rows"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    for edges in [0..50, 60..105, 105..150, 150..200] {
        assert!(rows.iter().any(|row| edges.contains(row)), "{edges:?}: {rows:?}");
    }

    // The key is kept nowhere, and no request leaves the origin.
    assert_eq!(saw["stored"], json!([0, 0, ""]));
    for request in saw["requests"].as_array().unwrap() {
        let url = request.as_str().unwrap();
        let own = url.strip_prefix("blob:").unwrap_or(url).starts_with(&origin);
        assert!(own && !url.contains(&home.development_key()), "{url}");
    }
    let operations = saw["operations"].as_array().unwrap();
    assert!(operations.contains(&json!("POST /v1/background-removal")), "{operations:?}");
}

#[tokio::test]
async fn pages_allow_nothing_that_they_do_not_need() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let assets = ["/assets/page.css", "/assets/page.js", "/assets/docs.js", "/openapi.json"];
    for path in ["/", "/docs"].into_iter().chain(assets) {
        let answer = node.send(&get(path)).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        let expected = "default-src 'none'; script-src 'self'; style-src 'self'; \
            img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
            frame-ancestors 'none'";
        assert_eq!(policy, expected, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("lunette-")), "{path}");
    }
    let ours = node.operator("/openapi.json").await;
    assert_eq!((ours.status, ours.body), (200, node.send(&get("/openapi.json")).await.body));
}

#[tokio::test]
async fn a_page_that_the_policy_does_not_have_is_not_there() {
    let home = Home::default();
    let policy = home.policy();
    let node = Node::start(&home, &["--policy", &policy]).await;
    let answer = node.send(&get("/docs")).await;
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (404, Some("route-unknown")));
}
