//! Any bytes as a form of pairs: where they are cut makes no difference, and what is taken means to another
//! parser what it means to this one.
#![no_main]

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use filter::envelope::FILE_BEGINS_MAX;
use filter_fuzz::envelope::{self, IMAGE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[mode, one, other], body)) = input.split_first_chunk() else { return };
    let Some(told) = envelope::urlencoded(body, [one, other], mode & 1 != 0) else { return };

    let pairs: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    assert_eq!(pairs.len(), told.fields().count() + 1, "other pairs");
    assert_eq!(pairs.len(), body.split(|&byte| byte == b'&').count(), "a pair was left out");
    for (name, text) in told.fields() {
        assert_eq!(pairs[name], text, "{name}");
    }
    let (at, image) = told.image();
    assert!(at < FILE_BEGINS_MAX + 512);
    let text = &pairs[IMAGE];
    let base64 = text.split_once(',').map_or(&**text, |(_, base64)| base64);
    assert_eq!(Base64::decode_vec(base64).as_deref(), Ok(image), "another image");
});
