//! What judging an image costs: its prefix, natively and in the compiled filter under wasmtime, and
//! the whole of it, beside programs that look at the same bytes.
//!
//! Prefixes are timed from the first byte of the body to the filter's word, with the charge. Whole
//! bodies come in pieces of 64 KiB. Medians of many, interleaved.

use std::hint::black_box;
use std::io::Cursor;
use std::time::{Duration, Instant};

use conformance::bodies::Envelope;
use conformance::bombs::limits;
use filter::image::{Expected, Inspector, Limits};
use filter::{Format, RejectionCache, Step, drive};
use filter_wasmtime::Gate;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use sha2::{Digest as _, Sha256};

use crate::Row;
use crate::decision::{Native, median};

/// How a body comes from a connection.
const PIECE: usize = 64 * 1024;
const PREFIXES: usize = 2000;
const BODIES: usize = 15;

struct Sample {
    format: Format,
    decoder: ImageFormat,
    bytes: Vec<u8>,
    /// What a whole inspection is aimed at, in GB/s.
    aim: f64,
}

/// The table.
pub(crate) fn rows(native: &Native, gate: &Gate) -> std::io::Result<Vec<Row>> {
    let samples = samples()?;
    let prefixes = samples.iter().flat_map(|sample| prefix(sample, native, gate));
    let bodies = samples.iter().flat_map(|sample| whole(sample, gate));
    Ok(prefixes.chain(bodies).collect())
}

/// Photos as heavy as uploads are: noise, which no encoder shortens much.
fn samples() -> std::io::Result<Vec<Sample>> {
    let mut state = 1u32;
    let photo = DynamicImage::from(RgbImage::from_fn(2400, 1600, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = state >> 25;
        image::Rgb(
            [x / 20, y / 20, (x + y) / 40]
                .map(|value| u8::try_from((value + noise) % 256).unwrap_or_default()),
        )
    }));
    let with = |format: Format, decoder, aim| -> std::io::Result<Sample> {
        let mut bytes = Cursor::new(Vec::new());
        let written = if format == Format::Jpeg {
            photo.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 98))
        } else {
            photo.write_to(&mut bytes, decoder)
        };
        written.map_err(std::io::Error::other)?;
        Ok(Sample { format, decoder, bytes: bytes.into_inner(), aim })
    };
    [
        (Format::Png, ImageFormat::Png, 2.0),
        (Format::Webp, ImageFormat::WebP, 2.0),
        (Format::Jpeg, ImageFormat::Jpeg, 0.8),
        (Format::Gif, ImageFormat::Gif, f64::INFINITY),
    ]
    .into_iter()
    .map(|(format, decoder, aim)| with(format, decoder, aim))
    .collect()
}

/// From the first piece of the body to the filter's word.
fn prefix(sample: &Sample, native: &Native, gate: &Gate) -> Vec<Row> {
    let head = head(sample);
    // What has arrived when the head is judged: one segment of a connection.
    let piece = sample.bytes.get(..1400).unwrap_or(&sample.bytes);
    let headers = crate::decision::headers(&head);
    let mut cache = RejectionCache::new([9; 16]);
    let (mut natively, mut in_wasm, mut sizes, mut kinds) = (vec![], vec![], vec![], vec![]);
    for turn in 0..PREFIXES {
        let Step::NeedsPrefix(prefix) = native.judge(&headers, &mut cache, turn) else {
            panic!("a good head goes on")
        };
        let begun = Instant::now();
        let step = drive(prefix.chunk(piece), native.store(), native.clock());
        natively.push(begun.elapsed());
        assert!(matches!(step, Step::Release(_)), "a good image goes on");
        in_wasm.extend(gate.time_body(crate::decision::request(&head), &[piece]));
        sizes.push(timed(|| imagesize::blob_size(piece)));
        kinds.push(timed(|| infer::get(piece)));
    }
    let (sizes, kinds) = (median(sizes), median(kinds));
    let row = |name: String, ours: f64, peer: f64, peer_name: &str| Row {
        name,
        ours,
        peer,
        peer_name: peer_name.to_owned(),
        unit: "us",
        ratio: ours / peer,
        aim: "no aim".to_owned(),
        better: "lower",
    };
    let format = sample.format;
    let (natively, in_wasm) = (median(natively), median(in_wasm));
    vec![
        row(format!("prefix of a {format}, natively"), natively, sizes, "imagesize"),
        row(format!("prefix of a {format}, natively, beside infer"), natively, kinds, "infer"),
        row(format!("prefix of a {format}, under wasmtime"), in_wasm, sizes, "imagesize, natively"),
    ]
}

/// The whole body.
fn whole(sample: &Sample, gate: &Gate) -> Vec<Row> {
    let Sample { format, decoder, bytes, aim } = sample;
    let limits = limits();
    let (mut walked, mut hashed, mut hash, mut decoded) = (vec![], vec![], vec![], vec![]);
    let mut in_wasm = [vec![], vec![], vec![]];
    let wrapped = Envelope::ALL.map(|envelope| envelope.wrap(bytes, Some(format.media_type())));
    for turn in 0..BODIES {
        walked.push(timed(|| inspect(limits, *format, bytes)));
        hashed.push(timed(|| (inspect(limits, *format, bytes), Sha256::digest(bytes))));
        hash.push(timed(|| Sha256::digest(bytes)));
        if turn % 5 == 0 {
            decoded.push(timed(|| image::load_from_memory_with_format(bytes, *decoder)));
        }
        for ((content_type, body), taken) in wrapped.iter().zip(&mut in_wasm) {
            let pieces: Vec<_> = body.chunks(PIECE).collect();
            let head = crate::decision::upload(content_type, body.len());
            let each = gate.time_body(crate::decision::request(&head), &pieces);
            assert_eq!(each.len(), pieces.len(), "a good image goes on to its end");
            taken.push(each.iter().sum::<Duration>());
        }
    }
    // A median is in microseconds: MB per microsecond are TB/s.
    #[expect(clippy::cast_precision_loss, reason = "a photo is shorter than 2^52 bytes")]
    let megabytes = bytes.len() as f64 / 1e6;
    let speed = |taken| megabytes / median(taken) * 1000.0;
    let [walked, hashed, hash, decoded] = [walked, hashed, hash, decoded].map(speed);
    let [raw, form, json] = in_wasm.map(speed);
    let row = |what: &str, ours: f64, peer: f64, peer_name: &str, aim: f64| Row {
        name: format!("whole {format} of {megabytes:.1} MB, {what}"),
        ours,
        peer,
        peer_name: peer_name.to_owned(),
        unit: "GB/s",
        ratio: ours / peer,
        aim: if aim.is_finite() { format!("at least {aim} GB/s") } else { "no aim".to_owned() },
        better: "higher",
    };
    vec![
        row("natively", walked, decoded, "image, which decodes it", *aim),
        row("natively with SHA-256", hashed, hash, "SHA-256 alone", f64::INFINITY),
        row("under wasmtime", raw, walked, "the same natively", f64::INFINITY),
        row("as a form, under wasmtime", form, raw, "without the form", f64::INFINITY),
        row("as JSON, under wasmtime", json, raw, "without the JSON", f64::INFINITY),
    ]
}

fn inspect(limits: Limits, format: Format, bytes: &[u8]) -> u64 {
    let mut inspector = Inspector::new(Expected::Declared(format), limits);
    for piece in bytes.chunks(PIECE) {
        inspector.push(piece).expect("a good image");
    }
    inspector.finish().expect("a good image").len
}

fn head(sample: &Sample) -> Vec<(String, String)> {
    crate::decision::upload(sample.format.media_type(), sample.bytes.len())
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}
