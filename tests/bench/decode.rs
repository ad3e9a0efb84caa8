//! What the dearest images cost that the built-in policy lets through, beside a photo of the same format and size: a
//! decoder cannot be stopped, so this is how long one request can keep a thread.
//!
//! Medians of a few, by the decoder and within the limits of the node, on one thread.

use std::io::Cursor;
use std::time::Instant;

use conformance::bombs::{
    Scans, black_interlaced_png, gif_on_a_screen, interlaced_png, noisy_gif, noisy_webp,
    progressive, webp_of_one_colour,
};
use filter::Format;
use filter::image::{Expected, Inspector, Limits};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use inference_node::config::PolicySource;
use inference_node::image::decode;

use crate::Row;

const ROUNDS: usize = 3;
/// A megapixel, and as many pixels as the policy takes.
const SMALL: (u16, u16) = (1024, 1024);
const LARGE: (u16, u16) = (8192, 3040);

struct Sample {
    name: &'static str,
    format: Format,
    size: (u16, u16),
    bytes: Vec<u8>,
}

/// The table.
pub(crate) fn rows() -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for sample in samples()? {
        let photo = photo(sample.format, sample.size)?;
        let (mut dear, mut honest) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            dear.push(milliseconds(&sample.bytes, sample.format, sample.size));
            honest.push(milliseconds(&photo, sample.format, sample.size));
        }
        let megapixels = f64::from(sample.size.0) * f64::from(sample.size.1) / 1e6;
        let [ours, peer] = [dear, honest].map(|taken| middle(taken) / megapixels);
        rows.push(Row {
            name: format!("decode {}: {}, {megapixels:.1} MP", sample.format, sample.name),
            ours,
            peer,
            peer_name: "a photo of the same size".to_owned(),
            unit: "ms/MP",
            ratio: ours / peer,
            aim: "no aim".to_owned(),
            better: "lower",
        });
    }
    Ok(rows)
}

fn samples() -> std::io::Result<Vec<Sample>> {
    let built_in = PolicySource::built_in().map_err(std::io::Error::other)?.policy;
    let route = built_in.routes.first().expect("the built-in policy has routes");
    let limits = Limits { image: route.image, header_bytes: built_in.header_bytes };
    let passes = |format, bytes: &[u8]| {
        let mut inspector = Inspector::new(Expected::Declared(format), limits);
        bytes.len() as u64 <= route.max_bytes
            && inspector.push(bytes).is_ok()
            && inspector.finish().is_ok()
    };
    let scans = |(width, height): (u16, u16), kind| {
        let most = (2..=64).rev().map(|scans| progressive(width, height, scans, kind));
        most.into_iter().find(|bytes| passes(Format::Jpeg, bytes)).expect("a few scans pass")
    };
    let sides = |(width, height): (u16, u16)| (u32::from(width), u32::from(height));
    let of = |make: fn(u32, u32) -> Vec<u8>, size| {
        let (width, height) = sides(size);
        make(width, height)
    };
    let samples: Vec<_> = [
        (
            "as many scans as pass, each a bit of everything",
            Format::Jpeg,
            SMALL,
            scans(SMALL, Scans::Refining),
        ),
        ("as many scans as pass, each empty", Format::Jpeg, SMALL, scans(SMALL, Scans::Empty)),
        ("as many scans as pass, each empty", Format::Jpeg, LARGE, scans(LARGE, Scans::Empty)),
        ("interlaced noise of 16 bits", Format::Png, SMALL, of(interlaced_png, SMALL)),
        ("interlaced black of 16 bits", Format::Png, LARGE, of(black_interlaced_png, LARGE)),
        ("noise without loss", Format::Webp, SMALL, of(noisy_webp, SMALL)),
        ("one colour without loss", Format::Webp, LARGE, of(webp_of_one_colour, LARGE)),
        ("noise", Format::Gif, SMALL, of(noisy_gif, SMALL)),
        ("one pixel on a screen", Format::Gif, LARGE, gif_on_a_screen(LARGE.0, LARGE.1)),
    ]
    .into_iter()
    .map(|(name, format, size, bytes)| Sample { name, format, size, bytes })
    .collect();
    for Sample { name, format, bytes, .. } in &samples {
        assert!(passes(*format, bytes), "{format}: {name}: the policy refuses it");
    }
    Ok(samples)
}

/// A photo as people upload them: smooth, with some noise.
fn photo(format: Format, (width, height): (u16, u16)) -> std::io::Result<Vec<u8>> {
    let mut state = 1u32;
    let photo = DynamicImage::from(RgbImage::from_fn(width.into(), height.into(), |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = state >> 29;
        image::Rgb(
            [x / 40, y / 20, (x + y) / 80]
                .map(|value| u8::try_from((value + noise) % 256).unwrap_or_default()),
        )
    }));
    let mut bytes = Cursor::new(Vec::new());
    let written = match format {
        Format::Jpeg => photo.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90)),
        _ => photo.write_to(&mut bytes, of_image(format)),
    };
    written.map_err(std::io::Error::other)?;
    Ok(bytes.into_inner())
}

fn milliseconds(bytes: &[u8], format: Format, (width, height): (u16, u16)) -> f64 {
    let (width, height) = (u32::from(width), u32::from(height));
    let max_alloc = u64::from(width) * u64::from(height) * 24 + (4 << 20);
    let limits = decode::Limits { max_width: width, max_height: height, max_alloc };
    let begun = Instant::now();
    let expected = decode::Expected { format: of_image(format), width, height };
    let decoded = decode::decode(bytes, expected, limits);
    let taken = begun.elapsed().as_secs_f64() * 1000.0;
    assert!(decoded.is_ok(), "{format}: {:?}", decoded.err());
    taken
}

fn of_image(format: Format) -> ImageFormat {
    match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
    }
}

fn middle(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    taken[taken.len() / 2]
}
