//! JPEG images built from the specification, whole and broken.

mod headers;
mod metadata;
mod properties;

use super::samples::{
    ALL, COLOUR, dht, dqt, huffman_table, jpeg, plain, progressive, segment, sof, sos, tables,
    with, xmp,
};
use crate::image::{
    Error, Expected, Extra, Foreign, Format, Frames, ImageHeader, Inspected, Inspector, Limits,
};
use crate::policy::ImageLimits;

const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 1000,
        max_height: 1000,
        max_pixels: 1_000_000,
        max_frames: 1,
        max_scans: 10,
    },
    header_bytes: 8 << 20,
};

fn inspect_in(pieces: &[&[u8]]) -> Result<Inspected, Error> {
    let mut inspector = Inspector::new(Expected::Declared(Format::Jpeg), LIMITS);
    for piece in pieces {
        inspector.push(piece)?;
    }
    inspector.finish()
}

fn inspect(image: &[u8]) -> Result<Inspected, Error> {
    inspect_in(&[image])
}

fn extras(image: &[u8]) -> Vec<Extra> {
    inspect(image).unwrap().extras.iter().collect()
}

/// Why the image is malformed.
fn malformed(image: &[u8]) -> &'static str {
    match inspect(image) {
        Err(Error::Malformed { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// Why the image is not supported.
fn unsupported(image: &[u8]) -> &'static str {
    match inspect(image) {
        Err(Error::Unsupported { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// Why its metadata are too large.
fn too_large(image: &[u8]) -> &'static str {
    match inspect(image) {
        Err(Error::MetadataTooLarge { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// A grey image with this frame header, scan header and entropy-coded data.
fn grey(frame: Vec<u8>, scan: Vec<u8>, entropy: &[u8]) -> Vec<u8> {
    jpeg(&[tables(), frame, scan, entropy.to_vec()])
}

#[test]
fn whole_images_are_taken() {
    let Inspected { header, frames, extras, len } = inspect(&plain()).unwrap();
    let expected =
        ImageHeader { format: Format::Jpeg, width: 16, height: 16, frames: Frames::Known(1) };
    assert_eq!(header, expected);
    assert_eq!((frames, len), (1, plain().len() as u64));
    assert_eq!(extras.iter().next(), None);
    let Inspected { header, .. } = inspect(&progressive()).unwrap();
    assert_eq!((header.width, header.height), (40, 24));
    inspect(&grey(sof(0xc1, (8, 8), &[(7, 0x22)]), sos(&[7], ALL), b"\x00")).unwrap();
    let cmyk = [(b'C', 0x11), (b'M', 0x11), (b'Y', 0x11), (b'K', 0x11)];
    inspect(&grey(sof(0xc0, (8, 8), &cmyk), sos(b"CMYK", ALL), b"\x00")).unwrap();
}

#[test]
fn the_header_is_known_at_the_frame_header() {
    let image = plain();
    let at = image.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let mut inspector = Inspector::new(Expected::Declared(Format::Jpeg), LIMITS);
    inspector.push(&image[..at - 1]).unwrap();
    assert_eq!(inspector.header(), None);
    inspector.push(&image[at - 1..at]).unwrap();
    assert_eq!(inspector.header().map(|header| header.width), Some(16));
}

#[test]
fn an_image_that_is_cut_off_is_refused() {
    for image in [plain(), progressive()] {
        for len in 0..image.len() {
            let error = inspect(&image[..len]).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { .. } | Error::TailMissing { .. }),
                "{len}: {error}"
            );
        }
    }
}

#[test]
fn fill_bytes_may_stand_before_any_marker() {
    let image = plain();
    let filled: Vec<u8> = image
        .windows(2)
        .enumerate()
        .flat_map(|(at, pair)| match pair {
            [0xff, 0x00] => vec![0xff],
            [0xff, _] if at > 0 => vec![0xff, 0xff, 0xff],
            [byte, _] => vec![*byte],
            _ => vec![],
        })
        .chain([0xd9])
        .collect();
    assert!(filled.len() > image.len() + 10);
    inspect(&filled).unwrap();
}

#[test]
fn restart_markers_belong_to_the_data_of_a_scan() {
    let restarts = [&[0xff, 0xdd, 0, 4, 0, 1][..], &sos(&[1], ALL)].concat();
    inspect(&grey(sof(0xc0, (16, 8), &[(1, 0x11)]), restarts, b"\x0f\xff\xd0\x0f")).unwrap();
    let restart = malformed(&with(&[vec![0xff, 0xd0]]));
    assert_eq!(restart, "a marker stands where it cannot");
}

#[test]
fn markers_stand_where_they_can() {
    for code in [0x01, 0x02, 0xbf, 0xc8, 0xd7, 0xd8, 0xf0, 0xfd] {
        let stands = malformed(&with(&[segment(code, &[0; 4])]));
        assert_eq!(stands, "a marker stands where it cannot", "{code:x}");
    }
    assert_eq!(malformed(&with(&[vec![0xff, 0xfe, 0, 2, 0]])), "a marker was expected");
    assert_eq!(
        malformed(&with(&[vec![0xff, 0xfe, 0, 2, 0xff, 0]])),
        "a marker stands where it cannot"
    );
    assert_eq!(
        malformed(&with(&[vec![0xff, 0xfe, 0, 1]])),
        "a segment is shorter than its own length field"
    );
    let early = "a scan or the end comes before the frame header";
    assert_eq!(malformed(&jpeg(&[segment(0xfe, b"a comment")])), early);
    assert_eq!(malformed(&jpeg(&[tables(), sos(&[1], ALL)])), early);
}

#[test]
fn every_component_has_its_scan() {
    let image = |scans: &[Vec<u8>]| {
        jpeg(&[tables(), sof(0xc0, (8, 8), &COLOUR), scans.concat(), vec![0xff, 0x00]])
    };
    let alone = |id| [sos(&[id], ALL), vec![0]].concat();
    inspect(&image(&[alone(2), alone(1), alone(3)])).unwrap();
    inspect(&image(&[alone(1), sos(&[2, 3], ALL)])).unwrap();
    assert_eq!(malformed(&image(&[alone(1), alone(2)])), "a component has no scan");
    assert_eq!(malformed(&image(&[])), "a marker stands where it cannot");
    assert_eq!(
        malformed(&jpeg(&[tables(), sof(0xc2, (8, 8), &[(1, 0x11)]), sos(&[1], [1, 5, 0])])),
        "a component has no scan"
    );
    assert_eq!(
        malformed(&image(&[alone(1), alone(1)])),
        "a component of a sequential image has two scans"
    );
}

#[test]
fn scans_have_at_least_the_bits_of_the_shortest_codes() {
    let short = "the scans are shorter than any code of their blocks";
    let image = |code, size, selection, len| {
        let image = grey(sof(code, size, &COLOUR), sos(&[1, 2, 3], selection), &vec![0; len]);
        inspect(&image).map(|_| ())
    };
    let refused = Err(Error::Malformed { format: Format::Jpeg, what: short });
    // 17x16 pixels are two MCUs of six blocks.
    assert_eq!(image(0xc0, (17, 16), ALL, 3), Ok(()));
    assert_eq!(image(0xc0, (17, 16), ALL, 2), refused);
    assert_eq!(image(0xc2, (17, 16), [0, 0, 0], 2), Ok(()));
    assert_eq!(image(0xc2, (17, 16), [0, 0, 0], 1), refused);

    // 17x9 pixels of a component alone: 3x2 blocks of the first, 2x1 of the second.
    let alone = |len| {
        let entropy = vec![0; len];
        let scans = [sos(&[1], ALL), entropy, sos(&[2], ALL), sos(&[3], ALL)].concat();
        inspect(&grey(sof(0xc0, (17, 9), &COLOUR), scans, &[])).map(|_| ())
    };
    assert_eq!(alone(3), Ok(()));
    assert_eq!(alone(2), refused);
}

#[test]
fn there_are_not_too_many_scans() {
    let scans = |count: usize| {
        let refinement = [sos(&[1], [1, 5, 0]), vec![0]].concat();
        let first = [sos(&[1], [0, 0, 0]), vec![0]].concat();
        grey(sof(0xc2, (8, 8), &[(1, 0x11)]), first, &refinement.repeat(count - 1))
    };
    inspect(&scans(10)).unwrap();
    assert_eq!(inspect(&scans(11)), Err(Error::TooManyScans { max: 10 }));
}

#[test]
fn there_are_not_too_many_segments() {
    let comment = segment(0xfe, &[]);
    inspect(&with(&[comment.repeat(4000)])).unwrap();
    let many = "there are too many segments or tables";
    assert_eq!(too_large(&with(&[comment.repeat(4096)])), many);
    assert_eq!(too_large(&with(&[segment(0xc4, &vec![0; 17 * 3000]).repeat(2)])), many);
    let between = |count| {
        let scans = [sos(&[1], [0, 0, 0]), vec![0], comment.repeat(count)].concat();
        grey(sof(0xc2, (8, 8), &[(1, 0x11)]), scans, &[])
    };
    inspect(&between(64)).unwrap();
    assert_eq!(too_large(&between(65)), many);
}
