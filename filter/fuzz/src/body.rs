//! Bodies: image headers of all three formats with every number free, or any bytes;
//! alone, in a form or in JSON.

use arbitrary::{Arbitrary, Result, Unstructured};
use base64ct::{Base64, Encoding as _};

use crate::word;

/// A whole body, and what it claims to be.
#[derive(Debug)]
pub struct AnyBody {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
}

impl<'a> Arbitrary<'a> for AnyBody {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let (mut bytes, media_type) = match input.int_in_range(0..=3)? {
            0 => (Vec::new(), "image/png"),
            1 => (png(input)?, "image/png"),
            2 => (jpeg(input)?, "image/jpeg"),
            _ => (webp(input)?, "image/webp"),
        };
        bytes.extend(rest(input)?);
        Ok(match u8::arbitrary(input)? {
            208..232 => Self { bytes: form(&bytes), media_type: "multipart/form-data; boundary=b" },
            232.. => Self { bytes: json(&bytes), media_type: "application/json" },
            _ => Self { bytes, media_type },
        })
    }
}

/// The image in a form, and a text behind it.
fn form(image: &[u8]) -> Vec<u8> {
    let part = |name| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let [file, model] = ["file", "model"].map(part);
    [file.as_bytes(), image, b"\r\n", model.as_bytes(), b"u2net\r\n--b--\r\n"].concat()
}

/// The image in JSON, behind a text.
fn json(image: &[u8]) -> Vec<u8> {
    format!(r#"{{"model":"u2net","image":"{}"}}"#, Base64::encode_string(image)).into_bytes()
}

/// Sides at the limits of the gate's routes: 2000 times 2000 is the most of one, 4000 times 4000 of
/// the other.
const SIDES: [u16; 9] = [1, 0, 3, 2_000, 2_001, 4_000, 4_096, 4_097, 16_384];

/// The length of a side.
fn side(input: &mut Unstructured<'_>) -> Result<u16> {
    if bool::arbitrary(input)? { word::choose(input, &SIDES) } else { u16::arbitrary(input) }
}

/// A few bytes, whose number is one byte.
fn rest<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = usize::from(u8::arbitrary(input)?).min(input.len());
    input.bytes(len)
}

/// Signature, `IHDR` and any chunks, with checksums that fit unless the input says otherwise.
fn png(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut body = b"\x89PNG\r\n\x1a\n".to_vec();
    let [width, height] = [side(input)?, side(input)?].map(u32::from);
    let legal = [[8, 2, 0, 0, 0], [8, 3, 0, 0, 0], [16, 6, 0, 0, 1]];
    let kind = if bool::arbitrary(input)? { *input.choose(&legal)? } else { input.arbitrary()? };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &kind].concat();
    chunk(input, &mut body, b"IHDR", &header)?;
    while !input.is_empty() && bool::arbitrary(input)? {
        let known = [b"IDAT", b"acTL", b"PLTE", b"tEXt", b"IEND", b"fcTL"];
        let kind =
            if bool::arbitrary(input)? { **input.choose(&known)? } else { input.arbitrary()? };
        let data = if bool::arbitrary(input)? { &[0, 0, 0, 2, 0, 0, 0, 0] } else { rest(input)? };
        chunk(input, &mut body, &kind, data)?;
    }
    Ok(body)
}

fn chunk(
    input: &mut Unstructured<'_>,
    body: &mut Vec<u8>,
    kind: &[u8; 4],
    data: &[u8],
) -> Result<()> {
    let covered = [&kind[..], data].concat();
    let damage = if input.ratio(1, 16)? { u32::arbitrary(input)? } else { 0 };
    let crc = crc32fast::hash(&covered) ^ damage;
    body.extend((data.len() as u32).to_be_bytes());
    body.extend(covered);
    body.extend(crc.to_be_bytes());
    Ok(())
}

/// SOI, any segments, and perhaps a frame header and an end.
fn jpeg(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut body = b"\xff\xd8".to_vec();
    while !input.is_empty() && bool::arbitrary(input)? {
        let known = [0xe0, 0xe1, 0xdb, 0xc4, 0xda, 0xff, 0xd0, 0x01];
        let code =
            if bool::arbitrary(input)? { *input.choose(&known)? } else { u8::arbitrary(input)? };
        segment(&mut body, code, rest(input)?);
    }
    if bool::arbitrary(input)? {
        let [height, width] = [side(input)?, side(input)?];
        let mut frame = vec![8];
        frame.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
        frame.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        segment(&mut body, *input.choose(&[0xc0, 0xc1, 0xc2, 0xc3])?, &frame);
    }
    if bool::arbitrary(input)? {
        segment(&mut body, 0xda, &[0; 10]);
        body.extend(b"\x12\x34\xff\xd9");
    }
    Ok(body)
}

fn segment(body: &mut Vec<u8>, code: u8, data: &[u8]) {
    body.extend([0xff, code]);
    body.extend((data.len() as u16).wrapping_add(2).to_be_bytes());
    body.extend(data);
}

/// A RIFF header that states its length, and chunks.
fn webp(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let [[a, b], [c, d]] = [side(input)?, side(input)?].map(u16::to_le_bytes);
    let size = [a, b, c, d];
    let mut chunks = match input.int_in_range(0..=3)? {
        0 => [&b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a"[..], &size].concat(),
        1 => [&b"VP8L\x05\0\0\0\x2f"[..], &size].concat(),
        2 => {
            let flags: u8 = input.arbitrary()?;
            [&b"VP8X\x0a\0\0\0"[..], &[flags, 0, 0, 0, a, b, 0, c, d, 0]].concat()
        }
        _ => Vec::new(),
    };
    while !input.is_empty() && bool::arbitrary(input)? {
        let data = rest(input)?;
        chunks.extend(b"ANMF");
        chunks.extend((data.len() as u32).to_le_bytes());
        chunks.extend(data);
    }
    let stated = (chunks.len() as u32 + 4).wrapping_add(u32::from(u8::arbitrary(input)? / 128));
    Ok([&b"RIFF"[..], &stated.to_le_bytes(), b"WEBP", &chunks].concat())
}
