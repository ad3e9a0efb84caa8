//! Files that break one rule each.

use super::*;

/// What is wrong, as the message puts it, and a file of which that is true.
pub(super) fn broken_files() -> Vec<(&'static str, Vec<u8>)> {
    [riff_and_order(), alpha_and_metadata(), image_data(), animations()].concat()
}

/// A file with something else at a place.
fn with(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn riff_and_order() -> Vec<(&'static str, Vec<u8>)> {
    let simple = || riff(&[lossy(6, 4)]);
    vec![
        ("RIFF size", with(simple(), 4, &[11, 0, 0, 0])),
        ("RIFF size", with(simple(), 4, &[0xf7, 0xff, 0xff, 0xff])),
        ("reaches beyond", with(simple(), 16, &[17, 0])),
        ("reaches beyond", with(simple(), 16, &[0xff; 4])),
        ("do not fill the RIFF", with([simple(), vec![0; 2]].concat(), 4, &[30, 0])),
        ("do not fill the RIFF", with([simple(), vec![0; 7]].concat(), 4, &[35, 0])),
        ("the first chunk", riff(&[alpha(24), lossy(6, 4)])),
        ("the first chunk", riff(&[chunk(b"JUNK", b""), lossy(6, 4)])),
        ("the first chunk", riff(&[animation()])),
        ("VP8X must be the first", riff(&[lossy(6, 4), extended(0, 6, 4)])),
        ("two chunks of a kind", still(0, &[extended(0, 6, 4), lossy(6, 4)])),
        ("more than one image", riff(&[lossy(6, 4), lossy(6, 4)])),
        ("more than one image", riff(&[lossless(6, 4), lossy(6, 4)])),
        ("more than one image", still(0, &[lossy(6, 4), lossless(6, 4)])),
        ("no image", still(0, &[])),
        ("no image", still(ALPHA, &[alpha(24)])),
        ("length of a chunk", riff(&[chunk(b"VP8X", &[0; 11]), lossy(1, 1)])),
        ("length of a chunk", riff(&[chunk(b"VP8X", &[0; 9]), lossy(1, 1)])),
        ("4294967295 pixels", riff(&[extended(0, 1 << 16, 1 << 16), lossy(6, 4)])),
    ]
}

fn alpha_and_metadata() -> Vec<(&'static str, Vec<u8>)> {
    let header = |byte: u8| still(ALPHA, &[chunk(b"ALPH", &[byte; 32]), lossy(6, 4)]);
    let exif = || chunk(b"EXIF", b"II*\0");
    let xmp = || chunk(b"XMP ", b"<x:xmpmeta/>");
    vec![
        ("VP8X does not announce", still(0, &[alpha(24), lossy(6, 4)])),
        ("VP8X announces alpha", still(ALPHA, &[lossy(6, 4)])),
        ("VP8X announces alpha", still(ALPHA, &[lossy(6, 4), alpha(24)])),
        ("before the image", riff(&[lossy(6, 4), alpha(24)])),
        ("before the image", still(ALPHA, &[lossless(6, 4), alpha(24)])),
        ("two chunks of a kind", still(ALPHA, &[alpha(24), alpha(24), lossy(6, 4)])),
        ("its own alpha", still(ALPHA, &[alpha(24), lossless(6, 4)])),
        ("length of a chunk", still(ALPHA, &[chunk(b"ALPH", b""), lossy(6, 4)])),
        ("too short for the image", still(ALPHA, &[alpha(23), lossy(6, 4)])),
        ("too short for the image", still(ALPHA, &[chunk(b"ALPH", &[1, 0, 0]), lossy(6, 4)])),
        ("the ALPH header", header(0x02)),
        ("the ALPH header", header(0x20)),
        ("the ALPH header", header(0x80)),
        ("longer than its chunk", still(0, &[profile(133), lossy(6, 4)])),
        ("length of a chunk", still(0, &[chunk(b"ICCP", &[0; 3]), lossy(6, 4)])),
        ("two chunks of a kind", still(0, &[profile(1), lossy(6, 4), profile(1)])),
        ("two chunks of a kind", still(0, &[lossy(6, 4), exif(), exif()])),
        ("two chunks of a kind", riff(&[lossy(6, 4), xmp(), xmp()])),
        ("EXIF that is not there", still(EXIF, &[lossy(6, 4), xmp()])),
        ("XMP that is not there", still(XMP, &[lossy(6, 4), exif()])),
    ]
}

fn image_data() -> Vec<(&'static str, Vec<u8>)> {
    // The data starts at 20.
    let lossy = |at: usize, bytes: &[u8]| with(riff(&[lossy(6, 4)]), 20 + at, bytes);
    let lossless_file = riff(&[lossless(6, 4)]);
    let short = |len: usize| riff(&[chunk(b"VP8 ", &lossy_data(6, 4, 0)[..len])]);
    vec![
        ("key frame", lossy(0, &[0x91])),
        ("not shown", lossy(0, &[0x80])),
        ("version", lossy(0, &[0x98])),
        ("start code", lossy(3, &[0x9d, 0x01, 0x2b])),
        ("width or height", lossy(6, &[0, 0])),
        ("width or height", lossy(8, &[0, 0x40])),
        ("partitions", lossy(0, &[0x10])),
        // Six bytes fill the chunk, and leave none for the second partition.
        ("partitions", lossy(0, &[0xd0])),
        ("partitions", lossy(0, &[0x90, 0xff, 0xff])),
        ("length of a chunk", short(10)),
        ("partitions", short(14)),
        ("VP8L signature", with(lossless_file.clone(), 20, &[0x2e])),
        ("VP8L version", with(lossless_file, 24, &[0x20])),
        ("length of a chunk", riff(&[chunk(b"VP8L", &[0x2f, 0, 0, 0, 0, 0, 0])])),
        ("as large as its canvas", still(0, &[super::lossy(6, 5)])),
        ("as large as its canvas", still(0, &[super::lossy(4, 6)])),
        ("as large as its canvas", still(0, &[lossless(5, 4)])),
    ]
}

fn animations() -> Vec<(&'static str, Vec<u8>)> {
    let whole = [0, 0, 6, 4];
    let simple = || frame(whole, &[lossy(6, 4)]);
    let of = |chunks: &[Vec<u8>]| animated(&[animation(), frame(whole, chunks)]);
    let at = |rectangle| animated(&[animation(), frame(rectangle, &[lossy(2, 2)])]);
    let other = || chunk(b"JUNK", b"");
    vec![
        ("no frame", animated(&[])),
        ("no frame", animated(&[animation()])),
        ("ANIM must come before", animated(&[simple()])),
        ("ANIM must come before", animated(&[simple(), animation()])),
        ("two chunks of a kind", animated(&[animation(), simple(), animation()])),
        ("length of a chunk", animated(&[chunk(b"ANIM", &[0; 5]), simple()])),
        ("length of a chunk", animated(&[chunk(b"ANIM", &[0; 7]), simple()])),
        ("announces no animation", still(0, &[lossy(6, 4), simple()])),
        ("announces no animation", still(0, &[animation(), simple()])),
        ("no VP8X announces", riff(&[lossy(6, 4), simple()])),
        ("beside the frames", animated(&[animation(), simple(), lossy(6, 4)])),
        ("beside the frames", animated(&[lossless(6, 4), animation(), simple()])),
        ("beside the frames", animated(&[animation(), alpha(24), simple()])),
        ("beyond the canvas", at([3, 0, 2, 2])),
        ("beyond the canvas", at([0, 2, 2, 2])),
        ("beyond the canvas", at([0xff_ffff, 0xff_ffff, 1 << 24, 1 << 24])),
        ("as large as its canvas or frame", at([0, 0, 2, 3])),
        ("as large as its canvas or frame", at([0, 0, 3, 2])),
        ("no image in a frame", of(&[])),
        ("no image in a frame", of(&[alpha(24)])),
        ("begin with its image", of(&[other(), lossy(6, 4)])),
        ("begin with its image", of(&[alpha(24), other(), lossy(6, 4)])),
        ("more than one image", of(&[lossy(6, 4), lossy(6, 4)])),
        ("before the image", of(&[lossy(6, 4), alpha(24)])),
        ("two chunks of a kind", of(&[alpha(24), alpha(24), lossy(6, 4)])),
        ("its own alpha", of(&[alpha(24), lossless(6, 4)])),
        ("too short for the image", of(&[alpha(23), lossy(6, 4)])),
        ("something else", of(&[lossy(6, 4), simple()])),
        ("something else", of(&[lossy(6, 4), chunk(b"EXIF", b"")])),
        ("something else", of(&[extended(0, 6, 4), lossy(6, 4)])),
        ("do not fill it", of(&[lossy(6, 4), vec![0; 2]])),
        ("reaches beyond", with(of(&[lossy(6, 4)]), 72, &[17])),
        ("length of a chunk", animated(&[animation(), chunk(b"ANMF", &[0; 15])])),
        // The padding of the image is in the frame.
        ("length of a chunk", with(of(&[lossless(6, 4)]), 48, &[33])),
    ]
}

#[test]
fn what_breaks_a_rule_is_malformed() {
    for (rule, file) in broken_files() {
        match inspect(&file) {
            Err(Error::Malformed { what, .. }) if what.contains(rule) => {}
            other => panic!("{rule}: {other:?} of {file:02x?}"),
        }
    }
}

#[test]
fn what_no_decoder_here_reads_is_unsupported() {
    let colour_space = with(riff(&[lossy(6, 4)]), 30, &[0x82]);
    let wide = riff(&[lossless(16_384, 1)]);
    let high = riff(&[lossless(1, 16_384)]);
    for file in [colour_space, wide, high] {
        let outcome = inspect(&file);
        assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
    }
}

#[test]
fn a_large_profile_is_refused_before_it_arrives() {
    let mut file = still(0, &[profile(132)]);
    let size = (4_u32 << 20) + 1;
    file[4..8].copy_from_slice(&(size + 100).to_le_bytes());
    file[34..38].copy_from_slice(&size.to_le_bytes());
    let mut inspector = Inspector::new(Expected::Declared(Format::Webp), LIMITS);
    let outcome = inspector.push(&file[..42]);
    assert!(matches!(outcome, Err(Error::MetadataTooLarge { .. })), "{outcome:?}");
}

#[test]
fn an_animation_is_refused_at_the_first_frame_too_many() {
    let frames = vec![frame([0, 0, 6, 4], &[lossy(6, 4)]); 6];
    let file = animated(&[vec![animation()], frames].concat());
    let last = file.len() - 24;
    let mut inspector = Inspector::new(Expected::Declared(Format::Webp), LIMITS);
    inspector.push(&file[..last - 1]).unwrap();
    let outcome = inspector.push(&file[last - 1..last]);
    assert_eq!(outcome, Err(Error::TooManyFrames { frames: Frames::Several, max: 5 }));
}

#[test]
fn metadata_is_searched_for_other_formats() {
    let image = || lossy(6, 4);
    let script = b"some words <script src=x>";
    for (file, foreign) in [
        (still(0, &[chunk(b"XMP ", script), image()]), Foreign::Html),
        (still(0, &[image(), chunk(b"EXIF", b"II*\0 <?php eval();")]), Foreign::Php),
        (still(0, &[image(), chunk(b"ICCP", b"\0\0\0\x04 <svg onload=x>")]), Foreign::Html),
        (still(0, &[animation(), chunk(b"ANIM", b"%PDF-1.7"), image()]), Foreign::Pdf),
        (riff(&[image(), chunk(b"JUNK", b"PK\x03\x04")]), Foreign::Zip),
        (
            animated(&[animation(), frame([0, 0, 6, 4], &[image(), chunk(b"JUNK", script)])]),
            Foreign::Html,
        ),
    ] {
        assert_eq!(inspect(&file), Err(Error::Polyglot { format: Format::Webp, foreign }));
    }
    // Each chunk is searched on its own, and image data is not text.
    let apart = [image(), chunk(b"JUNK", b"<scr"), chunk(b"ipt>", b"ipt> ")];
    assert!(inspect(&riff(&apart)).is_ok());
    let data = [&lossy_data(6, 4, 0)[..], script].concat();
    assert!(inspect(&riff(&[chunk(b"VP8 ", &data)])).is_ok());
}
