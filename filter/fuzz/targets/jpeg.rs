//! Any bytes as a JPEG: where they are cut makes no difference, and limits are kept.
#![no_main]

use filter::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| filter_fuzz::image::judge(Format::Jpeg, input, |_| {}));
