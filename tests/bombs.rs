//! Small files that expand: refused by the inspection, or decoded within the memory and the time of an
//! honest image of the same size.
//!
//! Each test has a process of its own, so its peak memory is that of the one bomb (`VmHWM`). Times are
//! bounded a hundredfold above what was measured, to tell minutes from milliseconds, and printed.

use std::time::{Duration, Instant};

use conformance::bombs::{
    Scans, black_png, chunk, gif_on_a_screen, ihdr, limits, png, png_with_metadata, progressive,
    webp_of_frames, webp_of_one_colour, zeros,
};
use filter::image::{Error, Expected, Inspector, Limits};
use filter::policy::ImageLimits;
use filter::{Format, ImageHeader};
use image::ImageFormat;
use inference_node::image::decode;

const WIDTH: u32 = 8192;
const HEIGHT: u32 = 3000;

fn inspect(format: Format, bytes: &[u8]) -> Result<ImageHeader, Error> {
    let mut inspector = Inspector::new(Expected::Declared(format), limits());
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

#[test]
fn a_png_of_gigapixels_is_refused_by_its_header() {
    let bytes = png(&[ihdr(60_000, 60_000, 8, 6), chunk(b"IDAT", &zeros(1 << 20))]);
    let mut inspector = Inspector::new(Expected::Declared(Format::Png), limits());
    inspector.push(&bytes[..64]).unwrap();
    let header = inspector.header().unwrap();
    assert_eq!((header.width, header.height), (60_000, 60_000));
}

#[test]
fn a_black_png_costs_what_its_pixels_cost() {
    let row = u64::from(WIDTH) * 3 + 1;
    let bytes = black_png(WIDTH, HEIGHT);
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
    for kind in [b"zTXt", b"iTXt", b"iCCP"] {
        // The header may reach as far as a gate holds at most.
        let far = Limits { header_bytes: 2 << 20, ..limits() };
        let mut inspector = Inspector::new(Expected::Declared(Format::Png), far);
        let error = inspector.push(&png_with_metadata(kind, 1050 << 20)).unwrap_err();
        assert!(matches!(error, Error::MetadataTooLarge { .. }), "{error}");
        // Half a gigabyte gets through, as half a megabyte; the decoder leaves it as it is.
        let bytes = png_with_metadata(kind, 1 << 29);
        let mut inspector = Inspector::new(Expected::Declared(Format::Png), far);
        inspector.push(&bytes).unwrap();
        inspector.finish().unwrap();
        let cost = decode(ImageFormat::Png, &bytes, (1, 1));
        assert!(cost.memory < 64 << 20, "{cost:?}");
    }
}

#[test]
fn a_jpeg_of_many_scans_is_refused_before_it_is_decoded() {
    for scans in [100, 1000] {
        let bytes = progressive(4096, 4096, scans, Scans::Empty);
        let error = inspect(Format::Jpeg, &bytes).unwrap_err();
        assert!(matches!(error, Error::TooManyScans { .. }), "{error}");
    }
    // The larger, the fewer.
    assert!(inspect(Format::Jpeg, &progressive(800, 600, 64, Scans::Empty)).is_ok());
    assert!(inspect(Format::Jpeg, &progressive(8192, 3000, 16, Scans::Empty)).is_ok());
    let error = inspect(Format::Jpeg, &progressive(8192, 3000, 17, Scans::Empty)).unwrap_err();
    assert_eq!(error, Error::TooManyScans { max: 16 });
}

#[test]
fn a_jpeg_of_as_many_scans_as_are_taken_is_decoded_in_seconds() {
    let cost =
        decode(ImageFormat::Jpeg, &progressive(8192, 3000, 16, Scans::Empty), (WIDTH, HEIGHT));
    assert!(cost.time < Duration::from_mins(1), "{cost:?}");
    assert!(cost.memory < 24 * u64::from(WIDTH) * u64::from(HEIGHT), "{cost:?}");
}

#[test]
fn a_gif_whose_frame_is_smaller_than_its_screen_costs_what_the_screen_costs() {
    let bytes = gif_on_a_screen(8192, 3000);
    inspect(Format::Gif, &bytes).unwrap();
    let cost = decode(ImageFormat::Gif, &bytes, (WIDTH, HEIGHT));
    assert!(cost.memory < 12 * u64::from(WIDTH) * u64::from(HEIGHT), "{cost:?}");
}

#[test]
fn a_webp_of_one_colour_costs_what_its_pixels_cost() {
    let bytes = webp_of_one_colour(WIDTH, HEIGHT);
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    inspect(Format::Webp, &bytes).unwrap();
    let cost = decode(ImageFormat::WebP, &bytes, (WIDTH, HEIGHT));
    assert!(cost.decoded && cost.time < Duration::from_secs(30), "{cost:?}");
}

#[test]
fn animations_of_thousands_of_frames_are_refused_at_the_second() {
    let bytes = webp_of_frames(5000);
    // The gate refuses an animation where one frame is taken; whoever takes more counts them.
    let several = Limits { image: ImageLimits { max_frames: 10, ..limits().image }, ..limits() };
    let mut inspector = Inspector::new(Expected::Declared(Format::Webp), several);
    let refused = bytes.chunks(100).position(|piece| inspector.push(piece).is_err()).unwrap();
    assert!(refused < 20, "after {refused} pieces");
}
