//! Real images, and images without pixels.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::{Frame, ImageFormat, RgbImage};
use serde::Deserialize;

use super::containers::{png_chunk, riff_chunk, segment, zlib};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    width: u32,
    height: u32,
    /// Bytes of comments before the dimensions (JPEG).
    #[serde(default)]
    pub(super) metadata: usize,
}

impl Size {
    pub(super) const SMALL: Self = Self { width: 8, height: 8, metadata: 0 };
}

/// The signature of a PNG and its `IHDR`.
const PNG_HEAD: usize = 8 + 25;
/// `RIFF`, size, `WEBP`.
const RIFF_HEAD: usize = 12;

/// A gradient, so that no two rows are the same.
fn gradient(size: Size) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |x, y| {
        image::Rgb([x, y, x + y].map(|value| u8::try_from(value % 256).expect("below 256")))
    })
}

pub(super) fn encoded(size: Size, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    gradient(size).write_to(&mut bytes, format).expect("encoding to memory");
    bytes.into_inner()
}

pub(super) fn gif(size: Size, frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::new(image::DynamicImage::from(gradient(size)).to_rgba8());
    let frames = (0..frames).map(|_| frame.clone());
    GifEncoder::new(&mut bytes).encode_frames(frames).expect("encoding to memory");
    bytes
}

/// Puts `len` bytes of comments between the start of a JPEG and the rest.
pub(super) fn with_comments(jpeg: &[u8], len: usize) -> Vec<u8> {
    let comments: Vec<u8> =
        vec![b'm'; len].chunks(60_000).flat_map(|comment| segment(0xfe, comment)).collect();
    with_metadata(jpeg, &comments)
}

/// Puts `metadata` where it stands in an image.
pub(super) fn with_metadata(image: &[u8], metadata: &[u8]) -> Vec<u8> {
    match image {
        [0xff, 0xd8, ..] => inserted(image, 2, metadata),
        [0x89, ..] => inserted(image, PNG_HEAD, metadata),
        [b'G', ..] => {
            let colours = image[10];
            let table = if colours & 0x80 == 0 { 0 } else { 3 << ((colours & 7) + 1) };
            inserted(image, 13 + table, metadata)
        }
        [b'R', ..] => extended(image, metadata),
        _ => panic!("not an image that holds metadata"),
    }
}

/// Puts `more` before the end marker of an image.
pub(super) fn before_end(image: &[u8], more: &[u8]) -> Vec<u8> {
    let marker = match image[0] {
        0xff => 2,
        0x89 => 12,
        b'G' => 1,
        _ => panic!("not an image with an end marker"),
    };
    inserted(image, image.len() - marker, more)
}

fn inserted(bytes: &[u8], at: usize, more: &[u8]) -> Vec<u8> {
    [&bytes[..at], more, &bytes[at..]].concat()
}

/// A simple lossless WebP as an extended one, with `chunks` after its image.
fn extended(webp: &[u8], chunks: &[u8]) -> Vec<u8> {
    let bits = u32::from_le_bytes(webp[21..25].try_into().expect("a lossless image"));
    let (width, height) = (bits & 0x3fff, bits >> 14 & 0x3fff);
    let vp8x = [&[0; 4][..], &width.to_le_bytes()[..3], &height.to_le_bytes()[..3]].concat();
    let body = [b"WEBP", &riff_chunk(b"VP8X", &vp8x)[..], &webp[RIFF_HEAD..], chunks].concat();
    riff_chunk(b"RIFF", &body)
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat(), png_chunk(b"IEND", &[])].concat()
}

/// A black PNG; of one that is larger than any policy takes only the beginning is right.
pub(super) fn png_header(size: Size) -> Vec<u8> {
    let sides = [size.width.to_be_bytes(), size.height.to_be_bytes()].concat();
    let ihdr = png_chunk(b"IHDR", &[&sides[..], &[8, 2, 0, 0, 0]].concat());
    let len = (u64::from(size.width) * 3 + 1) * u64::from(size.height);
    let len = usize::try_from(len.min(3_100_000)).expect("3 MB at most");
    png(&[ihdr, png_chunk(b"IDAT", &zlib(&vec![0; len]))])
}

/// An animation of `frames` frames, all of them the image itself.
pub(super) fn apng(frames: u32) -> Vec<u8> {
    let still = encoded(Size::SMALL, ImageFormat::Png);
    let (head, rest) = still.split_at(PNG_HEAD);
    let len = u32::from_be_bytes(rest[..4].try_into().expect("a chunk's length")) as usize;
    assert_eq!(&rest[4..8], b"IDAT", "the encoder writes nothing before the pixels");
    let pixels = &rest[8..8 + len];
    let mut sequence = 0u32;
    let mut next = || {
        sequence += 1;
        (sequence - 1).to_be_bytes()
    };
    // Width, height, x, y, delay, no disposal, no blending.
    let place =
        [8u32, 8, 0, 0].map(u32::to_be_bytes).concat().into_iter().chain([0, 1, 0, 10, 0, 0]);
    let place: Vec<u8> = place.collect();
    let mut chunks = png_chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat());
    chunks.extend(png_chunk(b"fcTL", &[&next()[..], &place].concat()));
    chunks.extend(png_chunk(b"IDAT", pixels));
    for _ in 1..frames {
        chunks.extend(png_chunk(b"fcTL", &[&next()[..], &place].concat()));
        chunks.extend(png_chunk(b"fdAT", &[&next()[..], pixels].concat()));
    }
    [head, &chunks, &png_chunk(b"IEND", &[])].concat()
}

/// An animation of `frames` frames, all of them the same image (RFC 9649 §2.7).
pub(super) fn webp_animation(frames: u32) -> Vec<u8> {
    let still = encoded(Size::SMALL, ImageFormat::WebP);
    // Each frame holds the chunk of a still image after 16 bytes of placement.
    let placement = [&[0; 6][..], &[7, 0, 0], &[7, 0, 0], &[100, 0, 0, 0]].concat();
    let frame = riff_chunk(b"ANMF", &[placement, still[RIFF_HEAD..].to_vec()].concat());
    let vp8x = [&[0b10u8, 0, 0, 0][..], &[7, 0, 0], &[7, 0, 0]].concat();
    let mut chunks = [riff_chunk(b"VP8X", &vp8x), riff_chunk(b"ANIM", &[0; 6])].concat();
    chunks.extend((0..frames).flat_map(|_| frame.clone()));
    riff_chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}
