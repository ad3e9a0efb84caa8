//! Small files that expand: refused by the inspection, or decoded within the memory and the time of an
//! honest image of the same size.
//!
//! Each test has a process of its own, so its peak memory is that of the one bomb (`VmHWM`). Times are
//! bounded a hundredfold above what was measured, to tell minutes from milliseconds, and printed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use filter::image::{Error, Expected, Inspector, Limits};
use filter::policy::ImageLimits;
use filter::{Format, ImageHeader};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::ImageFormat;
use inference_node::image::decode;

/// The built-in policy's.
const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 8192,
        max_height: 8192,
        max_pixels: 25_000_000,
        max_frames: 1,
        max_scans: 64,
    },
    header_bytes: 512 * 1024,
};
const WIDTH: u32 = 8192;
const HEIGHT: u32 = 3000;

fn inspect(format: Format, bytes: &[u8]) -> Result<ImageHeader, Error> {
    let mut inspector = Inspector::new(Expected::Declared(format), LIMITS);
    for piece in bytes.chunks(64 * 1024) {
        inspector.push(piece)?;
    }
    Ok(inspector.finish()?.header)
}

/// Decodes as the node does, and tells how much memory that took at its peak, and how long.
#[expect(clippy::print_stdout, reason = "figures, for whoever asks with --nocapture")]
fn decode(format: ImageFormat, bytes: &[u8], (width, height): (u32, u32)) -> Cost {
    let pixels = u64::from(width) * u64::from(height);
    let limits =
        decode::Limits { max_width: width, max_height: height, max_alloc: pixels * 24 + (4 << 20) };
    let (before, begun) = (peak(), Instant::now());
    let decoded = decode::decode(bytes, decode::Expected { format, width, height }, limits);
    let cost = Cost { memory: peak() - before, time: begun.elapsed(), decoded: decoded.is_ok() };
    println!(
        "{} bytes, {width}x{height}: {} MiB more, {:?}, {}",
        bytes.len(),
        cost.memory >> 20,
        cost.time,
        decoded.map_or_else(|error| error.to_string(), |_| "decoded".to_owned())
    );
    cost
}

#[derive(Debug)]
struct Cost {
    memory: u64,
    time: Duration,
    decoded: bool,
}

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat(), &chunk(b"IEND", &[])].concat()
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    let len = u32::try_from(data.len()).unwrap();
    [&len.to_be_bytes(), kind, data, &crc.sum().to_be_bytes()].concat()
}

fn ihdr(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&sides[..], &[depth, colour, 0, 0, 0]].concat())
}

/// `len` zeros, a thousandth of their size.
fn zeros(len: u64) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    for at in (0..len).step_by(block.len()) {
        let part = usize::try_from(len - at).unwrap().min(block.len());
        encoder.write_all(&block[..part]).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn a_png_of_gigapixels_is_refused_by_its_header() {
    let bytes = png(&[ihdr(60_000, 60_000, 8, 6), chunk(b"IDAT", &zeros(1 << 20))]);
    let mut inspector = Inspector::new(Expected::Declared(Format::Png), LIMITS);
    inspector.push(&bytes[..64]).unwrap();
    let header = inspector.header().unwrap();
    assert_eq!((header.width, header.height), (60_000, 60_000));
}

#[test]
fn a_black_png_costs_what_its_pixels_cost() {
    let row = u64::from(WIDTH) * 3 + 1;
    let pixels = zeros(row * u64::from(HEIGHT));
    let bytes = png(&[ihdr(WIDTH, HEIGHT, 8, 2), chunk(b"IDAT", &pixels)]);
    assert!(bytes.len() < 100_000);
    inspect(Format::Png, &bytes).unwrap();
    let cost = decode(ImageFormat::Png, &bytes, (WIDTH, HEIGHT));
    assert!(cost.decoded && cost.memory < 3 * row * u64::from(HEIGHT), "{cost:?}");
}

#[test]
fn a_png_whose_data_cannot_hold_its_pixels_is_refused() {
    let bytes = png(&[ihdr(WIDTH, HEIGHT, 16, 6), chunk(b"IDAT", &zeros(1 << 20))]);
    assert!(matches!(inspect(Format::Png, &bytes), Err(Error::Malformed { .. })));
}

#[test]
fn a_png_whose_data_holds_more_than_its_pixels_costs_no_more() {
    let bytes = png(&[ihdr(1, 1, 8, 0), chunk(b"IDAT", &zeros(1 << 30))]);
    assert!(bytes.len() > 1_000_000);
    inspect(Format::Png, &bytes).unwrap();
    let cost = decode(ImageFormat::Png, &bytes, (1, 1));
    assert!(cost.memory < 16 << 20 && cost.time < Duration::from_secs(20), "{cost:?}");
}

#[test]
fn compressed_metadata_is_bounded_and_not_inflated() {
    for (kind, before) in
        [(b"zTXt", &b"Comment\0\0"[..]), (b"iTXt", b"Comment\0\x01\0\0\0"), (b"iCCP", b"p\0\0")]
    {
        let with = |inflated| {
            let metadata = chunk(kind, &[before, &zeros(inflated)].concat());
            png(&[ihdr(1, 1, 8, 0), metadata, chunk(b"IDAT", &zeros(2))])
        };
        // The header may reach as far as a gate holds at most.
        let far = Limits { header_bytes: 2 << 20, ..LIMITS };
        let mut inspector = Inspector::new(Expected::Declared(Format::Png), far);
        let error = inspector.push(&with(1050 << 20)).unwrap_err();
        assert!(matches!(error, Error::MetadataTooLarge { .. }), "{error}");
        // Half a gigabyte gets through, as half a megabyte; the decoder leaves it as it is.
        let bytes = with(1 << 29);
        let mut inspector = Inspector::new(Expected::Declared(Format::Png), far);
        inspector.push(&bytes).unwrap();
        inspector.finish().unwrap();
        let cost = decode(ImageFormat::Png, &bytes, (1, 1));
        assert!(cost.memory < 64 << 20, "{cost:?}");
    }
}

/// A grey progressive JPEG: one scan of DC coefficients, then scans whose blocks are all "nothing
/// more", 32,767 of them to a code.
fn progressive(width: u16, height: u16, scans: u32) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let len = u16::try_from(data.len() + 2).unwrap();
        [&[0xff, marker][..], &len.to_be_bytes(), data].concat()
    };
    // A table of one code, `0`, for one symbol.
    let table =
        |class: u8, symbol: u8| segment(0xc4, &[&[class, 1][..], &[0; 15], &[symbol]].concat());
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    bytes.extend(segment(0xc2, &frame));
    bytes.extend(table(0x00, 0));
    bytes.extend(table(0x10, 0xe0));
    bytes.extend(segment(0xda, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(vec![0; blocks.div_ceil(8)]);
    // EOB14 and its run: `0`, then 14 ones, as the bits `0111 1111 1111 111`; stuffed after 0xff.
    let mut bits = Vec::new();
    for _ in 0..blocks.div_ceil(32_767) {
        bits.extend([false].into_iter().chain([true; 14]));
    }
    bits.resize(bits.len().next_multiple_of(8), false);
    let mut run = Vec::new();
    for byte in bits.chunks(8) {
        let byte = byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        run.push(byte);
        if byte == 0xff {
            run.push(0);
        }
    }
    for _ in 1..scans {
        bytes.extend(segment(0xda, &[1, 1, 0, 1, 63, 0]));
        bytes.extend(&run);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn a_jpeg_of_many_scans_is_refused_before_it_is_decoded() {
    for scans in [100, 1000] {
        let bytes = progressive(4096, 4096, scans);
        let error = inspect(Format::Jpeg, &bytes).unwrap_err();
        assert!(matches!(error, Error::TooManyScans { .. }), "{error}");
    }
    // The larger, the fewer.
    assert!(inspect(Format::Jpeg, &progressive(800, 600, 64)).is_ok());
    assert!(inspect(Format::Jpeg, &progressive(8192, 3000, 16)).is_ok());
    let error = inspect(Format::Jpeg, &progressive(8192, 3000, 17)).unwrap_err();
    assert_eq!(error, Error::TooManyScans { max: 16 });
}

#[test]
fn a_jpeg_of_as_many_scans_as_are_taken_is_decoded_in_seconds() {
    let cost = decode(ImageFormat::Jpeg, &progressive(8192, 3000, 16), (WIDTH, HEIGHT));
    assert!(cost.time < Duration::from_mins(1), "{cost:?}");
    assert!(cost.memory < 24 * u64::from(WIDTH) * u64::from(HEIGHT), "{cost:?}");
}

#[test]
fn a_gif_whose_frame_is_smaller_than_its_screen_costs_what_the_screen_costs() {
    let [w, h] = [8192u16, 3000].map(u16::to_le_bytes);
    // A screen without colours, then a frame of 1x1 with two.
    let bytes = [
        &b"GIF89a"[..],
        &w,
        &h,
        &[0, 0, 0],
        &[0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80, 0, 0, 0, 255, 255, 255],
        &[2, 2, 0x44, 0x01, 0],
        &[0x3b],
    ]
    .concat();
    inspect(Format::Gif, &bytes).unwrap();
    let cost = decode(ImageFormat::Gif, &bytes, (WIDTH, HEIGHT));
    assert!(cost.memory < 12 * u64::from(WIDTH) * u64::from(HEIGHT), "{cost:?}");
}

#[test]
fn a_webp_of_one_colour_costs_what_its_pixels_cost() {
    let image = image::RgbaImage::from_pixel(WIDTH, HEIGHT, image::Rgba([9, 9, 9, 255]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::WebP).unwrap();
    drop(image);
    let bytes = bytes.into_inner();
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    inspect(Format::Webp, &bytes).unwrap();
    let cost = decode(ImageFormat::WebP, &bytes, (WIDTH, HEIGHT));
    assert!(cost.decoded && cost.time < Duration::from_secs(30), "{cost:?}");
}

#[test]
fn animations_of_thousands_of_frames_are_refused_at_the_second() {
    let frame = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbaImage::new(1, 1).write_to(&mut bytes, ImageFormat::WebP).unwrap();
        bytes.into_inner()[12..].to_vec()
    };
    let riff = |kind: &[u8], data: &[u8]| {
        [kind, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
    };
    let placed = riff(b"ANMF", &[&[0; 12][..], &[100, 0, 0, 0], &frame].concat());
    let canvas = riff(b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let chunks = [&b"WEBP"[..], &canvas, &riff(b"ANIM", &[0; 6]), &placed.repeat(5000)].concat();
    let bytes = riff(b"RIFF", &chunks);
    // The gate refuses an animation where one frame is taken; whoever takes more counts them.
    let several = Limits { image: ImageLimits { max_frames: 10, ..LIMITS.image }, ..LIMITS };
    let mut inspector = Inspector::new(Expected::Declared(Format::Webp), several);
    let refused = bytes.chunks(100).position(|piece| inspector.push(piece).is_err()).unwrap();
    assert!(refused < 20, "after {refused} pieces");
}
