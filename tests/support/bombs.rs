//! Small files that expand, and files that take a decoder as long as their size allows.

use std::io::Write as _;

use filter::Policy;
use filter::image::Limits;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::codecs::gif::GifEncoder;
use image::{Frame, ImageFormat, RgbaImage};
use inference_node::config::DEFAULT_POLICY;

/// What the built-in policy takes as a photo.
///
/// # Panics
/// If it has no such route.
pub fn limits() -> Limits {
    let policy = Policy::parse(DEFAULT_POLICY.as_bytes()).expect("the built-in policy");
    let route = policy.route("POST", "/v1/background-removal").expect("its first route");
    Limits { image: route.image, header_bytes: policy.header_bytes }
}

/// A PNG of these chunks, and the last.
pub fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat(), &chunk(b"IEND", &[])].concat()
}

/// A chunk of a PNG.
pub fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    let len = u32::try_from(data.len()).expect("a chunk");
    [&len.to_be_bytes(), kind, data, &crc.sum().to_be_bytes()].concat()
}

/// The header of a PNG that is not interlaced.
pub fn ihdr(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    header(width, height, [depth, colour, 0])
}

fn header(width: u32, height: u32, [depth, colour, interlace]: [u8; 3]) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&sides[..], &[depth, colour, 0, 0, interlace]].concat())
}

/// `len` zeros, a thousandth of their size.
pub fn zeros(len: u64) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    for at in (0..len).step_by(block.len()) {
        let part = usize::try_from(len - at).unwrap_or(usize::MAX).min(block.len());
        encoder.write_all(&block[..part]).expect("memory");
    }
    encoder.finish().expect("memory")
}

/// A PNG of one grey pixel with `inflated` zeros of compressed text (`zTXt`, `iTXt`) or of a colour profile (`iCCP`).
///
/// # Panics
/// If the kind is none of these.
pub fn png_with_metadata(kind: &[u8; 4], inflated: u64) -> Vec<u8> {
    let before: &[u8] = match kind {
        b"zTXt" => b"Comment\0\0",
        b"iTXt" => b"Comment\0\x01\0\0\0",
        b"iCCP" => b"p\0\0",
        _ => panic!("no chunk that is compressed"),
    };
    let metadata = chunk(kind, &[before, &zeros(inflated)].concat());
    png(&[ihdr(1, 1, 8, 0), metadata, chunk(b"IDAT", &zeros(2))])
}

/// A black PNG in RGB, a thousandth of its pixels' size.
pub fn black_png(width: u32, height: u32) -> Vec<u8> {
    let row = u64::from(width) * 3 + 1;
    png(&[ihdr(width, height, 8, 2), chunk(b"IDAT", &zeros(row * u64::from(height)))])
}

/// A PNG of noise in 16-bit RGBA, in seven passes of rows that are predicted from two neighbours (Adam7, Paeth): its
/// rows are unpacked, undone and spread out.
pub fn interlaced_png(width: u32, height: u32) -> Vec<u8> {
    interlaced(width, height, noise())
}

/// The same in black: a thousandth of its pixels' size.
pub fn black_interlaced_png(width: u32, height: u32) -> Vec<u8> {
    interlaced(width, height, std::iter::repeat(0))
}

fn interlaced(width: u32, height: u32, mut samples: impl Iterator<Item = u8>) -> Vec<u8> {
    // Where each pass begins, and how far its pixels are apart, across and down (W3C PNG §8.2).
    const PASSES: [[u32; 4]; 7] = [
        [0, 8, 0, 8],
        [4, 8, 0, 8],
        [0, 4, 4, 8],
        [2, 4, 0, 4],
        [0, 2, 2, 4],
        [1, 2, 0, 2],
        [0, 1, 1, 2],
    ];
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for [left, across, top, down] in PASSES {
        let pixels = width.saturating_sub(left).div_ceil(across) as usize;
        for _ in 0..height.saturating_sub(top).div_ceil(down) {
            let row: Vec<u8> = [4].into_iter().chain(samples.by_ref().take(pixels * 8)).collect();
            encoder.write_all(&row).expect("memory");
        }
    }
    let pixels = encoder.finish().expect("memory");
    png(&[header(width, height, [16, 6, 1]), chunk(b"IDAT", &pixels)])
}

/// What the scans of a progressive JPEG hold after the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scans {
    /// Nothing: 32,767 blocks to a code. The file is tiny.
    Empty,
    /// One bit more of each of the 63 coefficients of every block: the dearest scan there is.
    Refining,
}

/// A grey progressive JPEG: one scan of DC coefficients, and then others.
///
/// # Panics
/// If it refines, and does not have 16,384 blocks or a multiple.
pub fn progressive(width: u16, height: u16, scans: u32, kind: Scans) -> Vec<u8> {
    // A table of codes for these symbols, the first `0`, the second `10`.
    let table = |class: u8, symbols: &[u8]| {
        let counts = [u8::from(!symbols.is_empty()), u8::from(symbols.len() > 1)];
        segment(0xc4, &[&[class][..], &counts, &[0; 14], symbols].concat())
    };
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    bytes.extend(segment(0xc2, &frame));
    bytes.extend(table(0x00, &[0]));
    // EOB14: so many blocks that hold nothing more. 1: one coefficient of 1 or -1.
    bytes.extend(table(0x10, &[0xe0, 0x01]));
    bytes.extend(segment(0xda, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(vec![0; blocks.div_ceil(8)]);
    match kind {
        Scans::Empty => {
            // `0`, then 14 ones: 32,767 blocks.
            let run = [false].into_iter().chain([true; 14]);
            let runs = packed((0..blocks.div_ceil(32_767)).flat_map(|_| run.clone()));
            for _ in 1..scans {
                bytes.extend(segment(0xda, &[1, 1, 0, 1, 63, 0]));
                bytes.extend(&runs);
            }
        }
        Scans::Refining => {
            assert!(blocks.is_multiple_of(1 << 14), "{blocks} blocks");
            // Each coefficient is `10`, and the bit of its sign.
            bytes.extend(segment(0xda, &[1, 1, 0, 1, 63, 1]));
            bytes.extend(packed([true, false, true].into_iter().cycle().take(blocks * 63 * 3)));
            // `0`, then 14 zeros: 16,384 blocks, with one bit for each coefficient.
            let bits = (blocks >> 14) * 15 + blocks * 63;
            for _ in 2..scans {
                bytes.extend(segment(0xda, &[1, 1, 0, 1, 63, 0x10]));
                bytes.extend(vec![0; bits.div_ceil(8)]);
            }
        }
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len() + 2).expect("a segment");
    [&[0xff, marker][..], &len.to_be_bytes(), data].concat()
}

/// Bits as the data of a scan: a byte of ones is followed by one of zeros.
fn packed(bits: impl Iterator<Item = bool>) -> Vec<u8> {
    let (mut bytes, mut byte, mut count) = (Vec::new(), 0u8, 0);
    let mut write = |byte| {
        bytes.push(byte);
        if byte == 0xff {
            bytes.push(0);
        }
    };
    for bit in bits {
        byte = byte << 1 | u8::from(bit);
        count += 1;
        if count == 8 {
            write(byte);
            (byte, count) = (0, 0);
        }
    }
    if count > 0 {
        write(byte << (8 - count));
    }
    bytes
}

/// A GIF of one pixel on a screen of `width` x `height`, without colours.
pub fn gif_on_a_screen(width: u16, height: u16) -> Vec<u8> {
    let [w, h] = [width, height].map(u16::to_le_bytes);
    [
        &b"GIF89a"[..],
        &w,
        &h,
        &[0, 0, 0],
        &[0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80, 0, 0, 0, 255, 255, 255],
        &[2, 2, 0x44, 0x01, 0],
        &[0x3b],
    ]
    .concat()
}

/// A GIF of noise, which nothing shortens.
pub fn noisy_gif(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    // 30 is its fastest; what the colours become does not matter here.
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.encode_frame(Frame::new(noisy(width, height))).expect("memory");
    drop(encoder);
    bytes
}

/// A WebP without loss, of one colour: a thousandth of its pixels' size.
pub fn webp_of_one_colour(width: u32, height: u32) -> Vec<u8> {
    webp(&RgbaImage::from_pixel(width, height, image::Rgba([9, 9, 9, 255])))
}

/// A WebP without loss, of noise.
pub fn noisy_webp(width: u32, height: u32) -> Vec<u8> {
    webp(&noisy(width, height))
}

fn webp(image: &RgbaImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::WebP).expect("memory");
    bytes.into_inner()
}

/// An animated WebP of `frames` frames of one pixel.
pub fn webp_of_frames(frames: usize) -> Vec<u8> {
    let still = webp(&RgbaImage::new(1, 1))[12..].to_vec();
    let riff = |kind: &[u8], data: &[u8]| {
        [kind, &u32::try_from(data.len()).expect("a chunk").to_le_bytes(), data].concat()
    };
    let placed = riff(b"ANMF", &[&[0; 12][..], &[100, 0, 0, 0], &still].concat());
    let canvas = riff(b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let chunks = [&b"WEBP"[..], &canvas, &riff(b"ANIM", &[0; 6]), &placed.repeat(frames)].concat();
    riff(b"RIFF", &chunks)
}

fn noisy(width: u32, height: u32) -> RgbaImage {
    let mut noise = noise();
    let mut next = || noise.next().unwrap_or_default();
    RgbaImage::from_fn(width, height, |_, _| image::Rgba([next(), next(), next(), 255]))
}

/// Bytes that no encoder shortens, the same every time.
fn noise() -> impl Iterator<Item = u8> {
    let mut state = 1u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
}
