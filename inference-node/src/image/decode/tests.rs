use std::io::Write;

use image::{
    Delay, Frame,
    ImageFormat::{Gif, Jpeg, Png, WebP},
    Rgb, RgbImage, Rgba, RgbaImage,
    codecs::gif::GifEncoder,
};

use super::*;

const ROOMY: Limits = Limits { max_width: 1000, max_height: 1000, max_alloc: 1 << 20 };

/// Red on the left, blue on the right.
fn two_halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) }
    })
}

fn encode(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The file above with an EXIF segment that says how to turn it.
fn jpeg_with_orientation(image: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut exif =
        b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
    exif[25] = orientation;
    let plain = encode(image, Jpeg);
    let mut bytes = plain[..2].to_vec(); // start of image
    bytes.extend([0xff, 0xe1]);
    bytes.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    bytes.write_all(&exif).unwrap();
    bytes.extend(&plain[2..]);
    bytes
}

fn expected(format: ImageFormat, (width, height): (u32, u32)) -> Expected {
    Expected { format, width, height }
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 200 && green < 60 && blue < 60
}

fn is_blue([red, green, blue]: [u8; 3]) -> bool {
    is_red([blue, green, red])
}

#[test]
fn every_format_is_decoded() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        let image = decode(&bytes, expected(format, (64, 32)), ROOMY).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (64, 32));
        assert!(
            is_red(image.get_pixel(5, 16).0) && is_blue(image.get_pixel(60, 16).0),
            "{format:?}"
        );
    }
}

#[test]
fn the_exif_orientation_is_applied_and_the_expected_size_is_the_one_before_it() {
    // Exif 2.32, 4.6.4: where row 0 and column 0 of the file are to be seen. (corner of red, corner of blue)
    for (orientation, size, red, blue) in [
        (1, (64, 32), (0, 0), (63, 0)),
        (2, (64, 32), (63, 0), (0, 0)),
        (3, (64, 32), (63, 31), (0, 31)),
        (4, (64, 32), (0, 31), (63, 31)),
        (5, (32, 64), (0, 0), (0, 63)),
        (6, (32, 64), (31, 0), (31, 63)),
        (7, (32, 64), (31, 63), (31, 0)),
        (8, (32, 64), (0, 63), (0, 0)),
    ] {
        let bytes = jpeg_with_orientation(&two_halves(64, 32), orientation);
        let image = decode(&bytes, expected(Jpeg, (64, 32)), ROOMY).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), size, "orientation {orientation}");
        assert!(is_red(image.get_pixel(red.0, red.1).0), "orientation {orientation}");
        assert!(is_blue(image.get_pixel(blue.0, blue.1).0), "orientation {orientation}");
    }
}

#[test]
fn other_dimensions_than_the_accepted_ones_are_refused() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        for accepted in [(64, 31), (63, 32), (32, 64)] {
            let error = decode(&bytes, expected(format, accepted), ROOMY).unwrap_err();
            assert!(
                matches!(error, DecodeError::DimensionsDiffer { actual: (64, 32), .. }),
                "{format:?}: {error}"
            );
        }
    }
}

#[test]
fn the_format_is_never_guessed() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        for claimed in [Png, Jpeg, WebP, Gif].into_iter().filter(|claimed| *claimed != format) {
            let error = decode(&bytes, expected(claimed, (64, 32)), ROOMY).unwrap_err();
            assert!(
                matches!(error, DecodeError::Malformed(_)),
                "{format:?} as {claimed:?}: {error}"
            );
        }
    }
}

#[test]
fn formats_that_we_do_not_take_are_unsupported() {
    let error = decode(b"BM", expected(ImageFormat::Bmp, (1, 1)), ROOMY).unwrap_err();
    assert!(matches!(error, DecodeError::Unsupported(_)), "{error}");
}

#[test]
fn each_limit_is_kept_in_every_format() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        for limits in [
            Limits { max_width: 63, ..ROOMY },
            Limits { max_height: 31, ..ROOMY },
            Limits { max_alloc: 64 * 32 * 3 - 1, ..ROOMY },
        ] {
            let error = decode(&bytes, expected(format, (64, 32)), limits).unwrap_err();
            assert!(matches!(error, DecodeError::OverLimit(_)), "{format:?} {limits:?}: {error}");
        }
    }
}

#[test]
fn turning_an_image_counts_as_a_second_copy() {
    let just_one_copy = Limits { max_alloc: 64 * 32 * 3 * 2 - 1, ..ROOMY };
    let upright = jpeg_with_orientation(&two_halves(64, 32), 1);
    decode(&upright, expected(Jpeg, (64, 32)), just_one_copy).unwrap();
    let turned = jpeg_with_orientation(&two_halves(64, 32), 6);
    let error = decode(&turned, expected(Jpeg, (64, 32)), just_one_copy).unwrap_err();
    assert!(matches!(error, DecodeError::OverLimit(_)), "{error}");
}

#[test]
fn a_tiny_file_that_declares_a_huge_image_costs_nothing() {
    let mut bytes = encode(&two_halves(4, 4), Png);
    bytes[16..20].copy_from_slice(&900_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&800_000_u32.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    let error = decode(&bytes, expected(Png, (900_000, 800_000)), ROOMY).unwrap_err();
    assert!(matches!(error, DecodeError::OverLimit(_)), "{error}");
}

#[test]
fn of_an_animation_the_first_frame_is_decoded() {
    let frame = |colour| {
        Frame::from_parts(
            RgbaImage::from_pixel(8, 8, Rgba(colour)),
            0,
            0,
            Delay::from_numer_denom_ms(100, 1),
        )
    };
    let mut gif = Vec::new();
    GifEncoder::new(&mut gif)
        .encode_frames([frame([255, 0, 0, 255]), frame([0, 0, 255, 255])])
        .unwrap();
    for (bytes, format) in [(gif, Gif), (include_bytes!("two_frames.webp").to_vec(), WebP)] {
        let image = decode(&bytes, expected(format, (8, 8)), ROOMY).unwrap().to_rgb8();
        assert!(image.pixels().all(|pixel| is_red(pixel.0)), "{format:?}");
    }
}

/// Where the pixels of a file begin, so that what comes before is sure to be needed.
fn pixels_begin(bytes: &[u8], format: ImageFormat) -> usize {
    let marker: &[u8] = match format {
        Png => b"IDAT",
        Jpeg => &[0xff, 0xda],
        WebP => b"VP8L",
        _ => b"\x2c\0\0\0\0", // the image descriptor at 0, 0
    };
    bytes.windows(marker.len()).position(|window| window == marker).unwrap()
}

#[test]
fn a_file_cut_before_its_pixels_is_malformed() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        for end in 0..pixels_begin(&bytes, format) {
            let error = decode(&bytes[..end], expected(format, (64, 32)), ROOMY).unwrap_err();
            assert!(matches!(error, DecodeError::Malformed(_)), "{format:?} cut at {end}: {error}");
        }
    }
}

#[test]
fn a_file_cut_within_its_pixels_is_malformed() {
    // JPEG decoders show what has arrived instead; that such a file never comes here is the inspection's work.
    for format in [Png, WebP, Gif] {
        let bytes = encode(&two_halves(64, 32), format);
        for end in pixels_begin(&bytes, format)..pixels_begin(&bytes, format) + 12 {
            let error = decode(&bytes[..end], expected(format, (64, 32)), ROOMY).unwrap_err();
            assert!(matches!(error, DecodeError::Malformed(_)), "{format:?} cut at {end}: {error}");
        }
    }
}

#[test]
fn a_changed_byte_never_panics_in_any_format() {
    for format in [Png, Jpeg, WebP, Gif] {
        let bytes = encode(&two_halves(16, 8), format);
        for position in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= flip;
                drop(decode(&damaged, expected(format, (16, 8)), ROOMY));
            }
        }
    }
}

#[test]
fn corrupt_pixels_behind_a_sound_header_are_malformed() {
    let mut bytes = encode(&two_halves(64, 32), Png);
    let pixels = pixels_begin(&bytes, Png) + 4;
    bytes[pixels..pixels + 8].fill(0xa5);
    let error = decode(&bytes, expected(Png, (64, 32)), ROOMY).unwrap_err();
    assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
}

/// CRC-32 as PNG uses it (PNG specification, annex D), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
