//! The same image gets the same verdict in every envelope, whole or damaged, however it is cut.

use conformance::library::{Cut, Filters};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::{code, made};

fn image() -> impl Strategy<Value = (&'static str, Value)> {
    select(vec![
        ("image/png", json!({ "png": { "width": 33, "height": 21 } })),
        ("image/png", json!({ "apng": { "frames": 3 } })),
        ("image/png", json!({ "apng": { "frames": 6 } })),
        ("image/jpeg", json!({ "jpeg": { "width": 33, "height": 21, "metadata": 100 } })),
        ("image/webp", json!({ "webp": { "width": 33, "height": 21 } })),
        ("image/webp", json!({ "webp_animation": { "frames": 3 } })),
        ("image/gif", json!({ "gif_animation": { "frames": 6 } })),
        ("image/gif", json!({ "gif": { "width": 33, "height": 21 } })),
        ("image/jpeg", json!({ "png": { "width": 33, "height": 21 } })),
    ])
}

/// What is done to an image.
fn damage() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(json!({})),
        4 => (0usize..160).prop_map(|at| json!({ "flip": at })),
        2 => (1usize..160).prop_map(|len| json!({ "cut_to": len })),
        1 => (1usize..40).prop_map(|len| json!({ "cut_off": len })),
        1 => Just(json!({ "append": [{ "zeros": 40 }] })),
        1 => Just(json!({ "append": [{ "text": "<?php system($_GET['c']); ?>" }] })),
        1 => Just(json!({ "append": [{ "zip": { "name": "a", "text": "b" } }] })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_same_image_gets_the_same_verdict_in_every_envelope(
        (content_type, mut body) in image(),
        damage in damage(),
        pieces in 1usize..400,
    ) {
        let mut filters = Filters::default();
        body.as_object_mut().unwrap().extend(damage.as_object().unwrap().clone());
        let verdicts: Vec<String> = ["raw", "multipart", "json", "urlencoded"]
            .into_iter()
            .flat_map(|envelope| [(envelope, Cut::Nowhere), (envelope, Cut::Every(pieces))])
            .map(|(envelope, cut)| {
                let mut library = filters.under("default", cut);
                let request = made(&library, &json!({
                    "target": "/v1/any", "content_type": content_type, "body": body,
                    "envelope": envelope
                }));
                code(&library.inspect(&request, ""))
            })
            .collect();
        prop_assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{:?}", verdicts);
    }
}
