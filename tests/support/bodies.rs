//! The bodies that vectors name: real images, headers without pixels, and other things.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde::Deserialize;

/// A body, and how it is damaged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    png: Option<Size>,
    jpeg: Option<Size>,
    webp: Option<Size>,
    png_header: Option<Size>,
    apng: Option<Animation>,
    webp_animation: Option<Animation>,
    text: Option<String>,
    hex: Option<String>,
    /// Zeros are added up to this length.
    pad_to: Option<usize>,
    /// The rest is cut off.
    cut_to: Option<usize>,
    /// This byte is inverted.
    flip: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    width: u32,
    height: u32,
    /// Bytes of metadata before the dimensions (JPEG).
    #[serde(default)]
    metadata: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Animation {
    frames: u32,
}

impl Default for Body {
    fn default() -> Self {
        serde_json::from_str(r#"{ "png": { "width": 64, "height": 48 } }"#).expect("a body")
    }
}

impl Body {
    /// The bytes.
    ///
    /// # Panics
    /// If the description names no body, or more than one.
    pub fn bytes(&self) -> Vec<u8> {
        let candidates = [
            self.png.map(|size| encoded(size, ImageFormat::Png)),
            self.jpeg.map(|size| with_metadata(&encoded(size, ImageFormat::Jpeg), size.metadata)),
            self.webp.map(|size| encoded(size, ImageFormat::WebP)),
            self.png_header.map(|size| png(&[ihdr(size.width, size.height), chunk(b"IDAT", &[])])),
            self.apng.map(|animation| apng(animation.frames)),
            self.webp_animation.map(|animation| webp_animation(animation.frames)),
            self.text.as_ref().map(|text| text.clone().into_bytes()),
            self.hex.as_ref().map(|hex| unhex(hex)),
        ];
        let mut named = candidates.into_iter().flatten();
        let mut bytes = named.next().expect("a vector's body names what it is");
        assert!(named.next().is_none(), "a vector's body is one thing");
        if let Some(len) = self.pad_to {
            bytes.resize(len, 0);
        }
        if let Some(at) = self.flip {
            bytes[at] ^= 0xff;
        }
        if let Some(len) = self.cut_to {
            bytes.truncate(len);
        }
        bytes
    }
}

/// A real image: a gradient, so that no two rows are the same.
fn encoded(size: Size, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(size.width, size.height, |x, y| {
        image::Rgb([x, y, x + y].map(|value| u8::try_from(value % 256).expect("below 256")))
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encoding to memory");
    bytes.into_inner()
}

/// Puts `len` bytes of comments between the start of a JPEG and the rest.
fn with_metadata(jpeg: &[u8], mut len: usize) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    while len > 0 {
        let data = len.min(60_000);
        let segment = u16::try_from(data + 2).expect("60,002 at most");
        bytes.extend([0xff, 0xfe]);
        bytes.extend(segment.to_be_bytes());
        bytes.resize(bytes.len() + data, b'm');
        len -= data;
    }
    bytes.extend(&jpeg[2..]);
    bytes
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat(), chunk(b"IEND", &[])].concat()
}

fn ihdr(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat())
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("a short chunk");
    let crc = crc32(&[kind, data].concat());
    [&len.to_be_bytes(), kind, data, &crc.to_be_bytes()].concat()
}

/// CRC-32 bit by bit, as the annex of the PNG specification defines it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 }
        })
    })
}

/// A still image with the animation control chunk of `frames` frames before its pixels.
fn apng(frames: u32) -> Vec<u8> {
    let size = Size { width: 8, height: 8, metadata: 0 };
    let still = encoded(size, ImageFormat::Png);
    let control = chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat());
    let after_header = 8 + 25;
    [&still[..after_header], &control, &still[after_header..]].concat()
}

fn webp_animation(frames: u32) -> Vec<u8> {
    let size = Size { width: 8, height: 8, metadata: 0 };
    let still = encoded(size, ImageFormat::WebP);
    // RFC 9649 §2.7: each frame holds the chunk of a still image after 16 bytes of placement.
    let placement = [&[0; 6][..], &[7, 0, 0], &[7, 0, 0], &[100, 0, 0, 0]].concat();
    let frame = riff_chunk(b"ANMF", &[placement, still[12..].to_vec()].concat());
    let vp8x = [&[0b10u8, 0, 0, 0][..], &[7, 0, 0], &[7, 0, 0]].concat();
    let mut chunks = [riff_chunk(b"VP8X", &vp8x), riff_chunk(b"ANIM", &[0; 6])].concat();
    chunks.extend((0..frames).flat_map(|_| frame.clone()));
    riff_chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

fn riff_chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("a short chunk");
    let padding = &[0][..data.len() & 1];
    [kind, &len.to_le_bytes(), data, padding].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hex digit");
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("a byte");
    text.as_bytes().chunks(2).map(pair).collect()
}
