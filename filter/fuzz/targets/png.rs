//! Any bytes as a PNG: where they are cut makes no difference, limits are kept, and nothing follows.
#![no_main]

use filter::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| filter_fuzz::image::judge(Format::Png, input, repair));

/// Every checksum fits its chunk.
fn repair(file: &mut [u8]) {
    let mut rest = file.get_mut(8..).unwrap_or_default();
    while let Some((&mut length, chunk)) = rest.split_first_chunk_mut() {
        let covered = u32::from_be_bytes(length) as usize + 4;
        let Some((covered, after)) = chunk.split_at_mut_checked(covered) else { return };
        let Some((checksum, after)) = after.split_first_chunk_mut() else { return };
        *checksum = crc32fast::hash(covered).to_be_bytes();
        rest = after;
    }
}
