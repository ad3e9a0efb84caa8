//! Files built by hand from the specification, whole and broken, cut everywhere.

use proptest::prelude::*;

use crate::image::{Error, Expected, Format, Frames, Inspected, Inspector, Limits};
use crate::policy::ImageLimits;

const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 1 << 16,
        max_height: 1 << 16,
        max_pixels: 1 << 32,
        max_frames: 3,
        max_scans: 16,
    },
    header_bytes: 512 * 1024,
};

/// The header and a screen with a global colour table of two colours.
fn screen(width: u16, height: u16) -> Vec<u8> {
    screen_with(width, height, 0x80, 6)
}

fn screen_with(width: u16, height: u16, flags: u8, colours: usize) -> Vec<u8> {
    let start = [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[flags, 0, 0]];
    [start.concat(), vec![0; colours]].concat()
}

/// An image of that place and size, with data of `len` bytes in a minimum code size of 2.
fn image([x, y, width, height]: [u16; 4], len: usize) -> Vec<u8> {
    [descriptor([x, y, width, height], 0), vec![2], sub_blocks(&vec![0x44; len])].concat()
}

fn descriptor(place: [u16; 4], flags: u8) -> Vec<u8> {
    let place: Vec<u8> = place.iter().flat_map(|number| number.to_le_bytes()).collect();
    [&[0x2c], &place[..], &[flags]].concat()
}

/// A sub-block: a length and data.
fn counted(data: &[u8]) -> Vec<u8> {
    [&[u8::try_from(data.len()).unwrap()], data].concat()
}

fn sub_blocks(data: &[u8]) -> Vec<u8> {
    let blocks = data.chunks(255).flat_map(counted);
    blocks.chain([0]).collect()
}

fn extension(label: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let blocks = blocks.iter().flat_map(|block| counted(block));
    [0x21, label].into_iter().chain(blocks).chain([0]).collect()
}

/// XMP as Adobe has it written: as it is, with a trailer that leads back from wherever its letters,
/// taken for lengths, have led.
fn xmp(text: &str) -> Vec<u8> {
    let trailer: Vec<u8> = [1].into_iter().chain((0..=255).rev()).chain([0]).collect();
    [&[0x21, 0xff, 11], &b"XMP DataXMP"[..], text.as_bytes(), &trailer].concat()
}

const TRAILER: u8 = 0x3b;

fn gif(blocks: &[Vec<u8>]) -> Vec<u8> {
    [screen(4, 4), blocks.concat(), vec![TRAILER]].concat()
}

fn whole() -> Vec<u8> {
    image([0, 0, 4, 4], 8)
}

fn inspect(pieces: &[&[u8]]) -> Result<Inspected, Error> {
    let mut inspector = Inspector::new(Expected::Declared(Format::Gif), LIMITS);
    for piece in pieces {
        inspector.push(piece)?;
    }
    inspector.finish()
}

#[track_caller]
fn accepted(file: &[u8]) -> Inspected {
    inspect(&[file]).expect("a good image")
}

#[track_caller]
fn malformed(file: &[u8], about: &str) {
    match inspect(&[file]) {
        Err(Error::Malformed { format: Format::Gif, what }) if what.contains(about) => {}
        other => panic!("{other:?} does not speak of {about}"),
    }
}

#[track_caller]
fn unsupported(file: &[u8], about: &str) {
    match inspect(&[file]) {
        Err(Error::Unsupported { format: Format::Gif, what }) if what.contains(about) => {}
        other => panic!("{other:?} does not speak of {about}"),
    }
}

#[test]
fn the_smallest_image_is_taken() {
    // One pixel, as it is known from web pages: clear, a pixel, end.
    let file = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\
        \0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let inspected = accepted(file);
    assert_eq!((inspected.header.width, inspected.header.height), (1, 1));
    assert_eq!(inspected.header.frames, Frames::Unstated);
    assert_eq!((inspected.frames, inspected.len), (1, file.len() as u64));
}

#[test]
fn the_screen_has_pixels_and_is_declared_at_once() {
    malformed(&screen(0, 4), "the screen must not be 0");
    malformed(&screen(4, 0), "the screen must not be 0");
    let mut inspector = Inspector::new(Expected::Declared(Format::Gif), LIMITS);
    inspector.push(&screen(640, 480)[..13]).unwrap();
    let header = inspector.header().expect("the screen");
    assert_eq!((header.width, header.height), (640, 480));
    assert_eq!(accepted(&[b"GIF87a", &gif(&[whole()])[6..]].concat()).frames, 1);
}

#[test]
fn colour_tables_are_as_long_as_they_say() {
    for bits in 0..8 {
        let colours = 3 << (bits + 1);
        let global = [screen_with(4, 4, 0x80 | bits, colours), whole(), vec![TRAILER]];
        accepted(&global.concat());
        let local = [
            screen_with(4, 4, 0, 0),
            descriptor([0, 0, 4, 4], 0x80 | bits),
            vec![0x2c; colours],
            vec![2],
            sub_blocks(&[0x44; 8]),
            vec![TRAILER],
        ];
        accepted(&local.concat());
    }
    let none = [screen_with(4, 4, 0x07, 0), whole(), vec![TRAILER]].concat();
    unsupported(&none, "no colour table");
}

#[test]
fn frames_are_counted_and_limited() {
    assert_eq!(accepted(&gif(&[whole(), whole(), whole()])).frames, 3);
    match inspect(&[&gif(&[whole(), whole(), whole(), whole()])]) {
        Err(Error::TooManyFrames { max: 3, .. }) => {}
        other => panic!("{other:?}"),
    }
    malformed(&gif(&[]), "no frame");
    malformed(&gif(&[extension(0xfe, &[b"only words"])]), "no frame");
}

#[test]
fn a_frame_may_reach_beyond_the_screen_but_has_no_more_pixels() {
    accepted(&gif(&[image([3, 3, 4, 4], 8)]));
    accepted(&gif(&[image([65535, 65535, 1, 1], 8)]));
    accepted(&gif(&[image([0, 0, 16, 1], 8)]));
    malformed(&gif(&[image([0, 0, 17, 1], 8)]), "more pixels than the screen");
    malformed(&gif(&[image([0, 0, 65535, 65535], 8)]), "more pixels than the screen");
    malformed(&gif(&[image([0, 0, 0, 4], 8)]), "a frame must not be 0");
    malformed(&gif(&[image([0, 0, 4, 0], 8)]), "a frame must not be 0");
}

#[test]
fn code_sizes_are_those_of_pixels() {
    for size in 0..=u8::MAX {
        let data = [descriptor([0, 0, 4, 4], 0), vec![size], sub_blocks(&[0; 20])].concat();
        assert_eq!(inspect(&[&gif(&[data])]).is_ok(), (1..=8).contains(&size), "{size}");
    }
}

#[test]
fn pixels_that_the_codec_could_not_have_packed_so_small_are_refused() {
    let of = |width, height, len: usize| {
        let data = [descriptor([0, 0, width, height], 0), vec![8], sub_blocks(&vec![0; len])];
        [screen(width, height), data.concat(), vec![TRAILER]].concat()
    };
    // Eight codes of nine bits, which stand for 1 to 8 pixels.
    accepted(&of(36, 1, 9));
    malformed(&of(37, 1, 9), "too little image data");
    malformed(&of(1, 1, 0), "too little image data");
    malformed(&of(1, 1, 1), "too little image data");
    accepted(&of(1, 1, 2));
    // 9000 codes, none of more than 4096 pixels.
    accepted(&of(6000, 6144, 10_125));
    malformed(&of(6000, 6145, 10_125), "too little image data");
    malformed(&of(65535, 65535, 100_000), "too little image data");
}

#[test]
fn extensions_are_hopped_over() {
    let netscape: [&[u8]; 2] = [b"NETSCAPE2.0", &[1, 0, 0]];
    let file = gif(&[
        extension(0xff, &netscape),
        extension(0xff, &[b"ICCRGBG1012", &[TRAILER; 255], &[0; 9]]),
        extension(0xff, &[b"short"]),
        extension(0xff, &[]),
        extension(0xfe, &[&[TRAILER; 255], b"words"]),
        extension(0xfe, &[]),
        extension(0x01, &[&[0; 12], b"plain text"]),
        extension(0xf9, &[&[0; 4]]),
        whole(),
        extension(0xfe, &[b"after it"]),
    ]);
    assert_eq!(accepted(&file).len, file.len() as u64);
    unsupported(&gif(&[extension(0x42, &[b"data"]), whole()]), "unknown kind");
}

#[test]
fn no_application_hides_a_script() {
    for blocks in [&[&b"ANIMEXTS1.0"[..], b"x<?php ;"][..], &[b"<?php "]] {
        let file = gif(&[extension(0xff, blocks), whole()]);
        let outcome = inspect(&[&file]);
        assert!(matches!(outcome, Err(Error::Polyglot { .. })), "{blocks:?}: {outcome:?}");
    }
}

#[test]
fn the_trailer_of_xmp_leads_back_from_wherever_its_letters_lead() {
    for len in 0..600 {
        let text: String = ('!'..='~').cycle().take(len).collect();
        let file = gif(&[xmp(&text), whole()]);
        assert_eq!(accepted(&file).len, file.len() as u64, "{len}");
    }
}

#[test]
fn graphic_control_holds_four_bytes() {
    let four: &[u8] = &[0; 4];
    for blocks in [vec![], vec![&four[..3]], vec![&[0; 5]], vec![four, four]] {
        malformed(&gif(&[extension(0xf9, &blocks), whole()]), "must hold 4 bytes");
    }
}

#[test]
fn nothing_but_zeros_after_a_frame_stands_between_blocks() {
    for stray in [1, 0x20, 0x3c, 0xff] {
        malformed(&gif(&[vec![stray], whole()]), "follows a block");
        malformed(&gif(&[whole(), vec![stray]]), "follows a block");
    }
    malformed(&gif(&[vec![0], whole()]), "follows a block");
    assert_eq!(accepted(&gif(&[whole(), vec![0; 300], whole(), vec![0]])).frames, 2);
}

#[test]
fn the_end_is_the_trailer() {
    let file = gif(&[extension(0xf9, &[&[0; 4]]), whole()]);
    for len in 12..file.len() {
        match inspect(&[&file[..len]]) {
            Err(Error::Truncated { .. } | Error::TailMissing { .. }) => {}
            other => panic!("cut to {len}: {other:?}"),
        }
    }
    let trailing = Err(Error::TrailingData { format: Format::Gif });
    assert_eq!(inspect(&[&file, &whole()]), trailing);
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(gif(&[extension(0xf9, &[&[0; 4]]), whole(), vec![0; 9], whole()])),
        Just(gif(&[xmp("<x:xmpmeta/>"), extension(0xfe, &[b"one", b"two"]), whole()])),
        Just(gif(&[extension(0xff, &[b"NETSCAPE2.0", &[1, 0, 0]]), image([1, 1, 3, 3], 300)])),
        Just(
            [
                screen_with(9, 9, 0, 0),
                descriptor([0, 0, 9, 9], 0x81),
                vec![7; 12],
                vec![1],
                sub_blocks(&[9; 40]),
                vec![TRAILER],
            ]
            .concat()
        ),
    ]
}

proptest! {
    #[test]
    fn where_the_file_is_cut_makes_no_difference(
        mut file in samples(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        keep in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        if let Some((at, value)) = damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(keep.index(file.len() * 2).min(file.len()));
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
        ends.extend([0, file.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &file[pair[0]..pair[1]]).collect();
        prop_assert_eq!(inspect(&pieces), inspect(&[&file]));
        let bytes: Vec<&[u8]> = file.chunks(1).collect();
        prop_assert_eq!(inspect(&bytes), inspect(&[&file]));
    }

    #[test]
    fn no_bytes_make_it_panic(
        screen in any::<[u8; 7]>(),
        rest in prop::collection::vec(prop_oneof![Just(0x21), Just(0x2c), Just(0xf9), any::<u8>()], 0..300),
    ) {
        let _ = inspect(&[b"GIF89a", &screen, &rest]);
    }
}
