//! Reading text, from the client's socket to the answer: the real binary, the compiled filter, the real weights.

use std::io::Cursor;

use conformance::bodies::Envelope;
use conformance::client::Answer;
use conformance::node::{self, Home, Node};
use conformance::vectors::Request;
use image::{DynamicImage, ImageFormat};
use serde_json::Value;

const PAGE: &[u8] = include_bytes!("pages/two-lines.png");

fn post(key: &str, content_type: &str, body: Vec<u8>) -> Request {
    node::post("/v1/ocr", key, content_type, body)
}

fn page(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_slice(&answer.body).unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem()["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_page_is_read_whatever_it_came_in() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let key = home.development_key();
    let before = node.inferences().await;
    for envelope in Envelope::ALL {
        let (content_type, body) = envelope.wrap(PAGE, Some("image/png"));
        let answer = node.send(&post(&key, &content_type, body)).await;
        assert!(answer.header("server-timing").is_some_and(|timing| timing.contains("model;dur=")));
        let page = page(&answer);
        assert_eq!((&page["width"], &page["height"]), (&520.into(), &200.into()));
        let lines = page["lines"].as_array().unwrap();
        let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["Hello World 2026", "今天天气很好"], "{envelope:?}");
        for (line, (top, bottom)) in lines.iter().zip([(20.0, 80.0), (100.0, 180.0)]) {
            assert!((0.5..=1.0).contains(&line["confidence"].as_f64().unwrap()), "{line}");
            for corner in line["box"].as_array().unwrap() {
                let (x, y) = (corner[0].as_f64().unwrap(), corner[1].as_f64().unwrap());
                assert!((0.0..=520.0).contains(&x) && (top..=bottom).contains(&y), "{line}");
            }
        }
    }
    assert_eq!(node.inferences().await - before, 3);
}

#[tokio::test]
async fn an_empty_page_has_no_lines() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let mut blank = Cursor::new(Vec::new());
    let white = image::RgbImage::from_pixel(300, 200, image::Rgb([255; 3]));
    DynamicImage::from(white).write_to(&mut blank, ImageFormat::Jpeg).unwrap();
    let answer = node.send(&post(&home.development_key(), "image/jpeg", blank.into_inner())).await;
    assert_eq!(page(&answer)["lines"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_key_for_photos_reads_no_pages() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let answer = node.send(&post(&home.new_key(), "image/png", PAGE.to_vec())).await;
    assert_eq!(code(&answer), (403, "scope-missing".to_owned()));
}

#[tokio::test]
async fn where_text_is_off_there_is_no_such_endpoint() {
    let home = Home::default();
    let node = Node::start(&home, &["--text", "off"]).await;
    let answer = node.send(&post(&home.development_key(), "image/png", PAGE.to_vec())).await;
    assert_eq!(code(&answer), (404, "endpoint-unknown".to_owned()));
}
