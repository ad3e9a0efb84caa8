//! Headers built by hand from the specifications, whole and broken, cut everywhere.

use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 512 * 1024;

/// One chunk of a PNG.
fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(data);
    let len = u32::try_from(data.len()).unwrap();
    [&len.to_be_bytes()[..], kind, data, &crc.finalize().to_be_bytes()].concat()
}

fn ihdr(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let data =
        [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    chunk(b"IHDR", &data)
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [png::SIGNATURE.to_vec(), chunks.concat()].concat()
}

fn plain_png(width: u32, height: u32) -> Vec<u8> {
    png(&[ihdr(width, height, 8, 2), chunk(b"IDAT", &[0; 20]), chunk(b"IEND", &[])])
}

fn apng(frames: u32) -> Vec<u8> {
    let control = [frames.to_be_bytes(), [0; 4]].concat();
    png(&[
        ihdr(4, 4, 8, 6),
        chunk(b"gAMA", &[0; 4]),
        chunk(b"acTL", &control),
        chunk(b"IDAT", &[0; 9]),
    ])
}

/// One marker segment of a JPEG.
fn segment(code: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len() + 2).unwrap();
    [&[0xff, code][..], &len.to_be_bytes(), data].concat()
}

fn frame(code: u8, width: u16, height: u16) -> Vec<u8> {
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    segment(code, &[8, h1, h0, w1, w0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
}

fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    [vec![0xff, 0xd8], segments.concat(), vec![0xff, 0xda, 0, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xd9]]
        .concat()
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    let size = u32::try_from(chunks.len() + 4).unwrap();
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn riff_chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let padding = vec![0; data.len() & 1];
    [kind, &len.to_le_bytes(), data, &padding].concat()
}

fn vp8(width: u16, height: u16) -> Vec<u8> {
    let data =
        [&[0x10, 0, 0, 0x9d, 0x01, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes(), &[0; 8]];
    riff(&riff_chunk(b"VP8 ", &data.concat()))
}

fn vp8l(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    riff(&riff_chunk(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes(), &[0; 7]].concat()))
}

fn vp8x(flags: u8, width: u32, height: u32, rest: &[u8]) -> Vec<u8> {
    let data =
        [&[flags, 0, 0, 0][..], &(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]];
    riff(&[riff_chunk(b"VP8X", &data.concat()), rest.to_vec()].concat())
}

/// Reads a header from a body given in pieces.
fn read(declared: Format, pieces: &[&[u8]], limit: u64) -> Result<ImageHeader, Error> {
    let len = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut reader = HeaderReader::new(declared, len, limit);
    for piece in pieces {
        if let Some(header) = reader.push(piece)? {
            return Ok(header);
        }
    }
    Err(reader.end())
}

fn whole(declared: Format, body: &[u8]) -> Result<ImageHeader, Error> {
    read(declared, &[body], LIMIT)
}

fn header(format: Format, width: u32, height: u32) -> ImageHeader {
    ImageHeader { format, width, height, frames: Frames::Known(1) }
}

#[test]
fn dimensions_are_read_from_each_format() {
    let big_exif = segment(0xe1, &vec![7; 60_000]);
    for (body, expected) in [
        (plain_png(640, 480), header(Format::Png, 640, 480)),
        (
            png(&[ihdr(1, 2, 1, 3), chunk(b"PLTE", &[0; 6]), chunk(b"IDAT", &[])]),
            header(Format::Png, 1, 2),
        ),
        (jpeg(&[frame(0xc0, 640, 480)]), header(Format::Jpeg, 640, 480)),
        (jpeg(&[big_exif.clone(), big_exif, frame(0xc2, 3, 5)]), header(Format::Jpeg, 3, 5)),
        (
            jpeg(&[vec![0xff, 0xff], segment(0xfe, b"x"), frame(0xc1, 1, 1)]),
            header(Format::Jpeg, 1, 1),
        ),
        (vp8(640, 480), header(Format::Webp, 640, 480)),
        (vp8l(16384, 1), header(Format::Webp, 16384, 1)),
        (vp8x(0x10, 640, 480, &[]), header(Format::Webp, 640, 480)),
    ] {
        assert_eq!(whole(expected.format, &body), Ok(expected));
    }
}

#[test]
fn frames_are_read_where_the_header_states_them() {
    assert_eq!(whole(Format::Png, &apng(7)).unwrap().frames, Frames::Known(7));
    let animation =
        vp8x(0b10, 4, 4, &[riff_chunk(b"ANIM", &[0; 6]), riff_chunk(b"ANMF", &[0; 17])].concat());
    assert_eq!(whole(Format::Webp, &animation).unwrap().frames, Frames::Unstated);
    assert_eq!(webp::count_frames(&animation), 1);
}

#[test]
fn what_breaks_the_rules_of_a_format_is_malformed() {
    let indexed = png(&[ihdr(1, 1, 8, 3), chunk(b"IDAT", &[])]);
    let mut bad_crc = plain_png(1, 1);
    bad_crc[30] ^= 1;
    for (declared, body) in [
        (Format::Png, plain_png(0, 1)),
        (Format::Png, plain_png(1, 1 << 31)),
        (Format::Png, png(&[ihdr(1, 1, 16, 3), chunk(b"IDAT", &[])])),
        (Format::Png, png(&[ihdr(1, 1, 8, 5), chunk(b"IDAT", &[])])),
        (Format::Png, png(&[ihdr(1, 1, 8, 2), chunk(b"IEND", &[])])),
        (Format::Png, png(&[ihdr(1, 1, 8, 2), chunk(b"ID\x00T", &[])])),
        (Format::Png, png(&[chunk(b"IDAT", &[0; 40])])),
        (Format::Png, apng(0)),
        (Format::Png, indexed),
        (Format::Png, bad_crc),
        (Format::Jpeg, jpeg(&[])),
        (Format::Jpeg, jpeg(&[frame(0xc0, 0, 1)])),
        (Format::Jpeg, jpeg(&[vec![0xff, 0xe0, 0, 1, 0, 0]])),
        (Format::Jpeg, jpeg(&[segment(0xe0, b"x"), vec![0; 20]])),
        (Format::Jpeg, jpeg(&[segment(0xc0, &[8, 0, 1, 0, 1, 3, 1, 0x22, 0])])),
        (Format::Jpeg, jpeg(&[segment(0xc0, &[8, 0, 1, 0, 1, 1, 1, 0x55, 0])])),
        (Format::Jpeg, jpeg(&[vec![0xff, 0x00], frame(0xc0, 1, 1)])),
        (Format::Webp, vp8(0, 1)),
        (Format::Webp, riff(&riff_chunk(b"ANIM", &[0; 30]))),
        (Format::Webp, riff(&riff_chunk(b"VP8 ", &[0x11; 30]))),
        (Format::Webp, riff(&riff_chunk(b"VP8L", &[0; 30]))),
        (Format::Webp, vp8x(0, 1 << 24, 1 << 24, &[])),
        (Format::Webp, vp8(4, 4)[..30].to_vec()),
    ] {
        let got = whole(declared, &body);
        assert!(matches!(got, Err(Error::Malformed { .. })), "{declared} {body:02x?}: {got:?}");
    }
}

#[test]
fn kinds_no_decoder_here_reads_are_unsupported() {
    for body in [
        jpeg(&[frame(0xc3, 1, 1)]),
        jpeg(&[frame(0xc9, 1, 1)]),
        jpeg(&[frame(0xc0, 1, 0)]),
        jpeg(&[segment(0xc1, &[12, 0, 1, 0, 1, 1, 1, 0x11, 0])]),
    ] {
        assert!(matches!(whole(Format::Jpeg, &body), Err(Error::Unsupported { .. })));
    }
}

#[test]
fn other_things_are_not_images() {
    let bodies: [&[u8]; 8] = [
        b"just some text, long enough",
        b"<!DOCTYPE html><html></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?php system($_GET['c']); ?>",
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00abcdefgh",
        b"\x89PNG\r\n\x1a\r-not-quite",
    ];
    for body in bodies {
        for declared in [Format::Png, Format::Jpeg, Format::Webp] {
            assert_eq!(whole(declared, body), Err(Error::NotAnImage { declared }));
        }
    }
    let other = Error::OtherFormat { declared: Format::Jpeg, found: Format::Png };
    assert_eq!(whole(Format::Jpeg, &plain_png(1, 1)), Err(other));
}

#[test]
fn an_end_inside_the_header_is_truncated_wherever_it_falls() {
    for (format, body, needed) in [
        (Format::Png, plain_png(1, 1), 41),
        (Format::Jpeg, jpeg(&[segment(0xe1, &[0; 100]), frame(0xc0, 1, 1)]), 125),
        (Format::Webp, vp8x(0, 1, 1, &[]), 30),
    ] {
        assert!(whole(format, &body[..needed]).is_ok(), "{format}");
        for len in 0..needed {
            let got = whole(format, &body[..len]);
            let truncated = match got {
                Err(Error::Truncated { .. }) => true,
                // A RIFF header states the length of the file.
                Err(Error::Malformed { .. }) => format == Format::Webp && len >= 12,
                _ => false,
            };
            assert!(truncated, "{format} cut to {len}: {got:?}");
        }
    }
}

#[test]
fn a_jpeg_reaches_its_end_only_with_an_end_marker_outside_of_its_segments() {
    let thumbnail = segment(0xe1, &jpeg(&[frame(0xc0, 1, 1)]));
    let whole = jpeg(&[thumbnail, frame(0xc0, 1, 1)]);
    let scan = [&whole[..whole.len() - 2], &[7, 0xff, 0, 0xd9, 0xff, 0xd3, 9]].concat();
    assert!(check_end(Format::Jpeg, &whole).is_ok());
    assert!(check_end(Format::Jpeg, &[&scan, &[0xff, 0xd9, 1, 2][..]].concat()).is_ok());
    for len in 0..whole.len() - 1 {
        let got = check_end(Format::Jpeg, &whole[..len]);
        assert_eq!(got, Err(Error::TailMissing { format: Format::Jpeg }), "cut to {len}");
    }
    assert!(check_end(Format::Jpeg, &scan).is_err());
}

#[test]
fn a_header_is_followed_up_to_the_limit_and_no_further() {
    let metadata = vec![segment(0xe1, &vec![0; 65_000]); 8];
    let far = jpeg(&[metadata.concat(), frame(0xc0, 640, 480)]);
    let end = far.len() as u64 - 12;
    assert!(read(Format::Jpeg, &[&far], end).is_ok());
    let error = Err(Error::HeaderTooFar { limit: end - 1 });
    assert_eq!(read(Format::Jpeg, &[&far], end - 1), error);
}

#[test]
fn limits_are_inclusive() {
    let limits = ImageLimits { max_width: 10, max_height: 10, max_pixels: 50, max_frames: 3 };
    let judge = |width, height, frames| {
        within(ImageHeader { format: Format::Png, width, height, frames }, &limits)
            .map(|within| within.cost_pixels())
    };
    assert_eq!(judge(10, 5, Frames::Known(3)), Ok(150));
    assert_eq!(judge(5, 10, Frames::Unstated), Ok(150));
    assert!(matches!(judge(11, 1, Frames::Known(1)), Err(Error::TooLarge { .. })));
    assert!(matches!(judge(1, 11, Frames::Known(1)), Err(Error::TooLarge { .. })));
    assert!(matches!(judge(6, 9, Frames::Known(1)), Err(Error::TooManyPixels { .. })));
    assert!(matches!(judge(1, 1, Frames::Known(4)), Err(Error::TooManyFrames { .. })));
    let bomb = whole(Format::Png, &plain_png(900_000, 800_000)).unwrap();
    assert!(matches!(within(bomb, &limits), Err(Error::TooLarge { .. })));
    let single = ImageLimits { max_frames: 1, ..limits };
    let animation = ImageHeader { frames: Frames::Unstated, ..header(Format::Webp, 1, 1) };
    assert!(matches!(within(animation, &single), Err(Error::TooManyFrames { .. })));
}

fn samples() -> impl Strategy<Value = (Format, Vec<u8>)> {
    prop_oneof![
        Just((Format::Png, plain_png(640, 480))),
        Just((Format::Png, apng(3))),
        Just((Format::Jpeg, jpeg(&[segment(0xe1, &[0xff; 300]), frame(0xc2, 640, 480)]))),
        Just((Format::Webp, vp8(640, 480))),
        Just((Format::Webp, vp8l(640, 480))),
        Just((Format::Webp, vp8x(2, 640, 480, &[0; 64]))),
        Just((Format::Jpeg, plain_png(1, 1))),
    ]
}

proptest! {
    #[test]
    fn where_the_body_is_cut_makes_no_difference(
        (format, mut body) in samples(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        keep in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        limit in 1u64..600,
    ) {
        if let Some((at, value)) = damage {
            let at = at.index(body.len());
            body[at] = value;
        }
        body.truncate(keep.index(body.len() * 2).min(body.len()));
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        ends.extend([0, body.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(format, &pieces, limit), read(format, &[&body], limit));
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400), which in 0usize..3) {
        let starts: [(Format, &[u8]); 3] = [
            (Format::Png, png::SIGNATURE),
            (Format::Jpeg, jpeg::SIGNATURE),
            (Format::Webp, b"RIFF\x40\0\0\0WEBP"),
        ];
        let (format, start) = starts[which];
        let _ = whole(format, &[start, &body].concat());
    }
}
