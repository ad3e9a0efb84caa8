//! Any bytes as a JSON body: where they are cut makes no difference, and what is taken means to another
//! parser what it means to this one.
#![no_main]

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use filter::envelope::FILE_BEGINS_MAX;
use filter_fuzz::envelope::{self, IMAGE};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|input: &[u8]| {
    let Some((&[mode, one, other], text)) = input.split_first_chunk() else { return };
    // White space in front, so that a small input reaches the place by which the image must begin.
    let space = if mode & 0xf0 == 0x10 { FILE_BEGINS_MAX as usize - 64 } else { 0 };
    let body = [&vec![b' '; space], text].concat();
    let Some(told) = envelope::json(&body, [one, other], mode & 1 != 0) else { return };

    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&body).expect("no JSON to another parser");
    assert_eq!(members.len(), told.fields().count() + 1, "other members");
    for (name, text) in told.fields() {
        let value = members[name].get();
        assert_eq!(string(value).as_deref().unwrap_or(value), text, "{name}");
    }
    let (at, image) = told.image();
    assert!(at < FILE_BEGINS_MAX + 512);
    let text = string(members[IMAGE].get()).expect("the image is a string");
    let base64 = text.split_once(',').map_or(&*text, |(_, base64)| base64);
    assert_eq!(Base64::decode_vec(base64).as_deref(), Ok(image), "another image");
});

fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
