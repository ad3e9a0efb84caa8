//! The calls that the documentation of `RapidOCR`'s server shows, with a key.

use std::path::{Path, PathBuf};
use std::process::Command;

use conformance::node::{Home, Node};
use serde_json::{Value, json};

use crate::tools::{output, python, scripts};

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pages/two-lines.png")
}

/// What a page says, in the words of `RapidOCR`.
fn texts(answer: &Value) -> Vec<&str> {
    let lines = answer.as_object().unwrap();
    // Numbers from "0" on, which are fewer than ten here, so that they sort as they are.
    assert!(lines.keys().enumerate().all(|(number, name)| *name == number.to_string()));
    for line in lines.values() {
        assert_eq!(line["dt_boxes"].as_array().map(Vec::len), Some(4), "{line}");
        assert!((0.5..=1.0).contains(&line["score"].as_f64().unwrap()), "{line}");
        assert_eq!(line.as_object().map(serde_json::Map::len), Some(3), "{line}");
    }
    lines.values().map(|line| line["rec_txt"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_documented_calls_of_requests_are_answered_as_rapidocr_answers() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let mut command = Command::new(python());
    command.arg(scripts().join("rapidocr.py")).arg(home.development_key());
    command.arg(format!("http://{}/ocr", node.address)).arg(page());
    let told: Value = serde_json::from_slice(&output(command).await).unwrap();

    for call in ["file", "text", "options"] {
        assert_eq!(told[call][0], 200, "{told}");
        assert_eq!(texts(&told[call][1]), ["Hello World 2026", "今天天气很好"], "{call}");
        assert_eq!(told[call], told["file"], "the same page is read alike");
    }
    // What it could leave out is always done here, and it is told before the model runs.
    let refused = &told["no_boxes"];
    assert_eq!((&refused[0], &refused[1]["code"]), (&json!(400), &json!("field-value")));
    assert!(refused[1]["detail"].as_str().unwrap().contains("use_det"), "{refused}");
}

#[tokio::test]
async fn the_documented_call_of_curl_is_answered_and_an_empty_page_has_no_lines() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.png");
    image::RgbImage::from_pixel(200, 100, image::Rgb([255; 3])).save(&empty).unwrap();
    for (page, expected) in [(page(), vec!["Hello World 2026", "今天天气很好"]), (empty, vec![])]
    {
        let mut command = Command::new("curl");
        command.args(["-s", "--noproxy", "*", "-H"]);
        command.arg(format!("X-API-Key: {}", home.development_key()));
        command.arg("-F").arg(format!("image_file=@{}", page.display()));
        command.arg(format!("http://{}/ocr", node.address));
        let answer: Value = serde_json::from_slice(&output(command).await).unwrap();
        assert_eq!(texts(&answer), expected);
    }
}
