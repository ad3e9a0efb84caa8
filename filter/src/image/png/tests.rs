//! Files built by hand from the specification, whole and broken, cut everywhere.

mod animation;
mod metadata;

use proptest::prelude::*;

use crate::image::{Error, Expected, Foreign, Format, Frames, Inspected, Inspector, Limits};
use crate::policy::ImageLimits;

const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 1 << 20,
        max_height: 1 << 20,
        max_pixels: 1 << 30,
        max_frames: 100,
        max_scans: 16,
    },
    header_bytes: 8 << 20,
};

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let crc = crc32fast::hash(&[kind, data].concat());
    [&len.to_be_bytes()[..], kind, data, &crc.to_be_bytes()].concat()
}

fn ihdr(width: u32, height: u32, depth: u8, colour: u8, interlace: u8) -> Vec<u8> {
    let rest = [depth, colour, 0, 0, interlace];
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat())
}

/// Four by four pixels, RGBA.
fn rgba() -> Vec<u8> {
    ihdr(4, 4, 8, 6, 0)
}

/// What a zlib stream starts with, and some more.
fn stream(len: usize) -> Vec<u8> {
    [&[0x78, 0x9c][..], &vec![7; len - 2]].concat()
}

fn idat() -> Vec<u8> {
    chunk(b"IDAT", &stream(20))
}

fn iend() -> Vec<u8> {
    chunk(b"IEND", &[])
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [super::SIGNATURE.to_vec(), chunks.concat()].concat()
}

fn actl(frames: u32) -> Vec<u8> {
    chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat())
}

/// A frame's sequence number, width, height, x and y, and its two operations.
fn fctl(numbers: [u32; 5], operations: [u8; 2]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    chunk(b"fcTL", &[&numbers[..], &[0, 1, 0, 10], &operations].concat())
}

fn fdat(sequence: u32) -> Vec<u8> {
    chunk(b"fdAT", &[&sequence.to_be_bytes()[..], &stream(20)].concat())
}

/// Two frames, the default image the first of them.
fn apng() -> Vec<u8> {
    png(&[
        rgba(),
        actl(2),
        fctl([0, 4, 4, 0, 0], [0, 0]),
        idat(),
        fctl([1, 2, 1, 2, 3], [2, 1]),
        fdat(2),
        fdat(3),
        iend(),
    ])
}

fn text(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    chunk(kind, &parts.concat())
}

/// A picture with `extra` before its pixels.
fn with(extra: &[Vec<u8>]) -> Vec<u8> {
    png(&[&[rgba()], extra, &[idat(), iend()]].concat())
}

fn indexed(depth: u8, extra: &[Vec<u8>]) -> Vec<u8> {
    png(&[&[ihdr(4, 4, depth, 3, 0)], extra, &[idat(), iend()]].concat())
}

fn of_colour(depth: u8, colour: u8, extra: &[Vec<u8>]) -> Vec<u8> {
    png(&[&[ihdr(4, 4, depth, colour, 0)], extra, &[idat(), iend()]].concat())
}

fn colours(entries: usize) -> Vec<u8> {
    chunk(b"PLTE", &vec![9; entries * 3])
}

fn inspect(pieces: &[&[u8]]) -> Result<Inspected, Error> {
    let mut inspector = Inspector::new(Expected::Declared(Format::Png), LIMITS);
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
        Err(Error::Malformed { format: Format::Png, what }) if what.contains(about) => {}
        other => panic!("{other:?} does not speak of {about}"),
    }
}

#[test]
fn a_plain_image_is_taken_as_it_is() {
    let file = with(&[]);
    let inspected = accepted(&file);
    assert_eq!((inspected.header.width, inspected.header.height), (4, 4));
    assert_eq!(inspected.header.frames, Frames::Known(1));
    assert_eq!((inspected.frames, inspected.len), (1, file.len() as u64));
}

#[test]
fn every_legal_kind_of_pixel_is_taken_and_no_other() {
    for colour in 0..8 {
        for depth in 0..=17 {
            let legal: &[u8] = match colour {
                0 => &[1, 2, 4, 8, 16],
                3 => &[1, 2, 4, 8],
                2 | 4 | 6 => &[8, 16],
                _ => &[],
            };
            let palette = if colour == 3 { vec![colours(2)] } else { vec![] };
            let file = of_colour(depth, colour, &palette);
            assert_eq!(inspect(&[&file]).is_ok(), legal.contains(&depth), "{colour}/{depth}");
        }
    }
}

#[test]
fn the_header_is_first_and_alone_and_sane() {
    malformed(&png(&[idat(), rgba(), iend()]), "IHDR must come first");
    malformed(&png(&[chunk(b"IHDR", &[0; 12]), idat(), iend()]), "IHDR must come first");
    // What Apple's tools write for their own phones: no decoder here reads it.
    malformed(&png(&[chunk(b"CgBI", &[0; 4]), rgba(), idat(), iend()]), "IHDR must come first");
    malformed(&with(&[rgba()]), "IHDR stands twice");
    for (width, height) in [(0, 1), (1, 0), (1 << 31, 1), (1, 1 << 31)] {
        malformed(&png(&[ihdr(width, height, 8, 6, 0), idat(), iend()]), "width and height");
    }
    malformed(&png(&[ihdr(4, 4, 8, 6, 2), idat(), iend()]), "interlace");
    for place in [10, 11] {
        let mut data = [0, 0, 0, 4, 0, 0, 0, 4, 8, 6, 0, 0, 0];
        data[place] = 1;
        malformed(&png(&[chunk(b"IHDR", &data), idat(), iend()]), "compression, filter");
    }
}

#[test]
fn every_chunk_needs_a_crc_that_fits() {
    let extra = [chunk(b"tIME", &[0; 7]), text(b"tEXt", &[b"Title\0x"]), colours(3)];
    let good = with(&extra);
    accepted(&good);
    let mut end = super::SIGNATURE.len();
    for chunk in [vec![rgba()], extra.to_vec(), vec![idat(), iend()]].concat() {
        end += chunk.len();
        let mut bad = good.clone();
        bad[end - 1] ^= 1;
        malformed(&bad, "CRC");
    }
}

#[test]
fn types_are_four_letters_the_third_upper_case() {
    accepted(&with(&[chunk(b"vpAg", &[0; 9]), chunk(b"iDOT", &[0; 28]), chunk(b"caBX", &[1; 99])]));
    for kind in [b"ab1d", b"a\0Cd", b"[bCd", b"abC\xe9"] {
        malformed(&with(&[chunk(kind, &[])]), "four letters");
    }
    malformed(&with(&[chunk(b"abcd", &[])]), "third letter");
    let unknown = Err(Error::Unsupported {
        format: Format::Png,
        what: "it has a critical chunk of an unknown type",
    });
    assert_eq!(inspect(&[&with(&[chunk(b"AbCd", &[])])]), unknown);
    let mut endless = chunk(b"abCd", &[]);
    endless[0] = 0x80;
    malformed(&with(&[endless]), "2147483647 bytes");
}

#[test]
fn a_palette_is_there_once_where_it_belongs() {
    accepted(&indexed(8, &[colours(256)]));
    accepted(&indexed(1, &[colours(1)]));
    accepted(&with(&[colours(256)]));
    // As real tools write it: the surplus is never named.
    accepted(&indexed(4, &[colours(64)]));
    malformed(&indexed(8, &[]), "needs PLTE");
    malformed(&indexed(8, &[colours(2), colours(2)]), "PLTE stands twice");
    malformed(&png(&[ihdr(4, 4, 8, 3, 0), idat(), colours(2), iend()]), "needs PLTE");
    malformed(&png(&[rgba(), idat(), colours(2), iend()]), "before IDAT");
    for len in [0, 1, 767, 769, 771] {
        malformed(&indexed(8, &[chunk(b"PLTE", &vec![0; len])]), "1 to 256 colours");
    }
    for colour in [0, 4] {
        malformed(&of_colour(8, colour, &[colours(2)]), "greyscale");
    }
}

#[test]
fn transparency_fits_the_colour_type() {
    let trns = |len: usize| chunk(b"tRNS", &vec![0; len]);
    accepted(&of_colour(1, 0, &[trns(2)]));
    accepted(&of_colour(8, 2, &[colours(5), trns(6)]));
    for len in [0, 1, 5] {
        accepted(&indexed(8, &[colours(5), trns(len)]));
    }
    malformed(&indexed(8, &[colours(5), trns(6)]), "length of tRNS");
    malformed(&of_colour(8, 0, &[trns(1)]), "length of tRNS");
    malformed(&of_colour(8, 2, &[trns(2)]), "length of tRNS");
    malformed(&indexed(8, &[trns(1), colours(5)]), "tRNS stands before PLTE");
    malformed(&of_colour(8, 2, &[trns(6), colours(5)]), "tRNS stands before PLTE");
    malformed(&of_colour(8, 2, &[trns(6), trns(6)]), "tRNS stands twice");
    malformed(&png(&[ihdr(4, 4, 8, 0, 0), idat(), trns(2), iend()]), "before IDAT");
    for colour in [4, 6] {
        malformed(&of_colour(8, colour, &[trns(2)]), "alpha");
    }
}

#[test]
fn what_the_decoder_gives_up_on_is_malformed() {
    let background = chunk(b"bKGD", &[0]);
    accepted(&indexed(8, &[colours(1), background.clone()]));
    malformed(&indexed(8, &[background, colours(1)]), "bKGD stands before PLTE");
    accepted(&with(&[chunk(b"cICP", &[9, 16, 0, 1])]));
    malformed(&with(&[chunk(b"cICP", &[9, 16, 1, 1])]), "matrix");
    malformed(&with(&[chunk(b"cICP", &[9, 16, 0, 2])]), "range flag");
}

#[test]
fn what_decoders_shrug_off_is_taken() {
    accepted(&with(&[
        chunk(b"gAMA", &[0; 4]),
        chunk(b"gAMA", &[0; 3]),
        chunk(b"pHYs", &[]),
        chunk(b"sBIT", &[99; 7]),
        chunk(b"cICP", &[1]),
        chunk(b"bKGD", &[0; 6]),
        text(b"tEXt", &[b"no zero"]),
    ]));
}

#[test]
fn pixels_come_in_consecutive_chunks_and_are_not_missing() {
    let pieces = |pieces: &[&[u8]]| -> Vec<Vec<u8>> {
        pieces.iter().map(|piece| chunk(b"IDAT", piece)).collect()
    };
    let stream = stream(20);
    let each: Vec<&[u8]> = stream.chunks(1).collect();
    for cut in [each.clone(), vec![&[], &stream, &[]], vec![&stream[..1], &[], &stream[1..]]] {
        accepted(&png(&[vec![rgba()], pieces(&cut), vec![iend()]].concat()));
    }
    malformed(&png(&[rgba(), iend()]), "no IDAT");
    malformed(&png(&[rgba(), idat(), chunk(b"tIME", &[0; 7]), idat(), iend()]), "one another");
    for cut in [vec![&[][..]], vec![&stream[..1]], vec![&stream[..1], &[]]] {
        let file = png(&[vec![rgba()], pieces(&cut), vec![iend()]].concat());
        malformed(&file, "ends before its zlib header");
    }
}

#[test]
fn pixels_start_with_the_zlib_header_of_png() {
    let starting = |start: [u8; 2]| {
        let data = [&start[..], &[0; 18]].concat();
        png(&[rgba(), chunk(b"IDAT", &data), iend()])
    };
    for start in [[0x78, 0x01], [0x78, 0x5e], [0x78, 0xda], [0x08, 0x1d], [0x58, 0x85]] {
        accepted(&starting(start));
    }
    // Method 7, a window of 64 KiB, bits that do not fit, a preset dictionary.
    for start in [[0x77, 0x17], [0x88, 0x1c], [0x78, 0x9d], [0x78, 0xbb]] {
        malformed(&starting(start), "zlib header for PNG");
    }
}

#[test]
fn pixels_that_deflate_could_not_have_packed_so_small_are_refused() {
    // 1032 rows of 1 + 31 bytes, from 32 bytes.
    let of = |height, len| png(&[ihdr(31, height, 8, 0, 0), chunk(b"IDAT", &stream(len)), iend()]);
    accepted(&of(1032, 32));
    malformed(&of(1033, 32), "too little image data");
    accepted(&of(1033, 33));
    let side = (1 << 31) - 1;
    malformed(&png(&[ihdr(side, side, 16, 6, 0), idat(), iend()]), "too little image data");
    // Interlaced, a column costs a filter type for each row of fewer passes: 2 * 10320 bytes.
    let column = |height| png(&[ihdr(1, height, 8, 0, 1), chunk(b"IDAT", &stream(20)), iend()]);
    accepted(&column(10320));
    malformed(&column(10321), "too little image data");
}

#[test]
fn the_end_is_empty_and_last() {
    malformed(&png(&[rgba(), idat(), chunk(b"IEND", &[0])]), "IEND must be empty");
    let whole = with(&[text(b"tEXt", &[b"Title\0x"])]);
    for len in 12..whole.len() {
        match inspect(&[&whole[..len]]) {
            Err(Error::Truncated { .. } | Error::TailMissing { .. }) => {}
            other => panic!("cut to {len}: {other:?}"),
        }
    }
    let trailing = Err(Error::TrailingData { format: Format::Png });
    assert_eq!(inspect(&[&whole, &iend()]), trailing);
}

#[test]
fn a_great_many_empty_chunks_are_only_walked_past() {
    let empty = chunk(b"abCd", &[]).repeat(50_000);
    let file = png(&[rgba(), empty.clone(), idat(), empty, iend()]);
    assert_eq!(accepted(&file).len, file.len() as u64);
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(with(&[colours(5), chunk(b"cICP", &[9, 16, 0, 1])])),
        Just(indexed(4, &[colours(16), chunk(b"tRNS", &[0; 16]), chunk(b"bKGD", &[1])])),
        Just(png(&[
            ihdr(9, 9, 16, 2, 1),
            text(b"tEXt", &[b"Title\0words"]),
            text(b"zTXt", &[b"Comment\0\0data"]),
            text(b"iTXt", &[b"Author\0\x01\0en\0name\0data"]),
            text(b"iTXt", &[b"Author\0\0\0en\0name\0text"]),
            text(b"iCCP", &[&[b'n'; 79], b"\0\0data"]),
            chunk(b"eXIf", b"MM\0*"),
            chunk(b"IDAT", &[0x78]),
            chunk(b"IDAT", &[0x9c, 1, 2, 3]),
            iend(),
        ])),
        Just(apng()),
    ]
}

proptest! {
    #[test]
    fn where_the_file_is_cut_makes_no_difference(
        mut file in samples(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        repair in any::<bool>(),
        keep in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        if let Some((at, value)) = damage {
            let at = at.index(file.len());
            file[at] = value;
            if repair {
                repair_crcs(&mut file);
            }
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
        rest in prop::collection::vec(any::<u8>(), 0..200),
        kinds in prop::collection::vec((prop::sample::select(KINDS), 0usize..40), 0..12),
    ) {
        let _ = inspect(&[super::SIGNATURE, &rest]);
        let chunks = kinds.iter().map(|(kind, len)| {
            let data: Vec<u8> = rest.iter().copied().cycle().take(*len.min(&(rest.len() * 40))).collect();
            chunk(*kind, &data)
        });
        let _ = inspect(&[&with(&chunks.collect::<Vec<_>>())]);
    }
}

const KINDS: &[&[u8; 4]] = &[
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"cICP", b"acTL", b"fcTL", b"fdAT",
    b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"abCd",
];

/// Makes the CRCs fit what was damaged, as far as the lengths still lead.
fn repair_crcs(file: &mut [u8]) {
    let mut at = super::SIGNATURE.len();
    while let Some(len) =
        file.get(at..at + 4).map(|len| u32::from_be_bytes(len.try_into().unwrap()))
    {
        let end = at + 8 + usize::try_from(len).unwrap();
        let Some(covered) = file.get(at + 4..end) else { return };
        let crc = crc32fast::hash(covered).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&crc);
        at = end + 4;
    }
}
