//! Bodies of many kinds.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Images of all formats, headers without pixels, animations, and text.
pub(crate) fn bodies() -> impl Strategy<Value = (Value, &'static str)> {
    let with = |body: Value, content_type: &'static str| (body, content_type);
    let size = (1u32..60, 1u32..60);
    prop_oneof![
        size.clone().prop_map(move |(w, h)| with(
            json!({ "png": { "width": w, "height": h } }),
            "image/png"
        )),
        size.clone().prop_map(move |(w, h)| with(
            json!({ "webp": { "width": w, "height": h } }),
            "image/webp"
        )),
        (size, 0usize..3000).prop_map(move |((w, h), m)| {
            with(json!({ "jpeg": { "width": w, "height": h, "metadata": m } }), "image/jpeg")
        }),
        (1u32..5000, 1u32..5000).prop_map(move |(w, h)| {
            with(json!({ "png_header": { "width": w, "height": h } }), "image/png")
        }),
        (1u32..12)
            .prop_map(move |frames| with(json!({ "apng": { "frames": frames } }), "image/png")),
        (1u32..12).prop_map(move |frames| {
            with(json!({ "webp_animation": { "frames": frames } }), "image/webp")
        }),
        "[ -~]{1,200}".prop_map(move |text| with(json!({ "text": text }), "image/png")),
    ]
}

/// A body, perhaps damaged.
pub(crate) fn damaged_bodies() -> impl Strategy<Value = (Value, &'static str)> {
    (bodies(), any::<Option<u8>>(), any::<Option<u8>>()).prop_map(
        |((mut body, kind), flip, cut)| {
            // Past the end of the shortest body there is nothing to damage.
            let pad = body.get("text").is_none();
            if let Some(flip) = flip.filter(|_| pad) {
                body["pad_to"] = 4000.into();
                body["flip"] = flip.into();
            }
            if let Some(cut) = cut.filter(|&cut| cut > 0) {
                body["cut_to"] = cut.into();
            }
            (body, kind)
        },
    )
}
