//! Any bytes as a WebP: where they are cut makes no difference, limits are kept, and nothing follows.
#![no_main]

use filter::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| filter_fuzz::image::judge(Format::Webp, input, repair));

/// The size in the header fits the file.
fn repair(file: &mut [u8]) {
    let size = (file.len() as u32).wrapping_sub(8).to_le_bytes();
    if let Some(stated) = file.get_mut(4..8) {
        stated.copy_from_slice(&size);
    }
}
