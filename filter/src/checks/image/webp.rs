//! WebP up to its dimensions (RFC 9649 §2, RFC 6386 §9.1).

use super::walk::{Fault, Walk, Want};
use super::{Format, Frames, ImageHeader};

#[derive(Clone, Copy)]
pub(super) struct Walker {
    state: State,
    body_len: u64,
}

#[derive(Clone, Copy)]
enum State {
    Riff,
    Chunk,
    Lossy,
    Lossless,
    Extended,
}

impl Walker {
    /// A walker of a body of `body_len` bytes.
    pub(super) fn new(body_len: u64) -> Self {
        Self { state: State::Riff, body_len }
    }

    fn riff(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        let size = le(taken.get(4..8).unwrap_or_default());
        if u64::from(size) + 8 > self.body_len {
            return Err(Fault::Malformed("the RIFF size is larger than the body"));
        }
        self.state = State::Chunk;
        Ok(Want::More { skip: 0, take: 8 })
    }

    fn chunk(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        let len = le(taken.get(4..8).unwrap_or_default());
        let (state, take) = match taken.get(..4) {
            Some(b"VP8 ") => (State::Lossy, 10),
            Some(b"VP8L") => (State::Lossless, 5),
            Some(b"VP8X") => (State::Extended, 10),
            _ => return Err(Fault::Malformed("the first chunk must be VP8, VP8L or VP8X")),
        };
        if (len as usize) < take {
            return Err(Fault::Malformed("the first chunk is too short"));
        }
        self.state = state;
        Ok(Want::More { skip: 0, take })
    }
}

impl Walk for Walker {
    /// `RIFF`, size, `WEBP`.
    const FIRST: usize = 12;

    fn next(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        match self.state {
            State::Riff => self.riff(taken),
            State::Chunk => self.chunk(taken),
            State::Lossy => lossy(taken),
            State::Lossless => lossless(taken),
            State::Extended => extended(taken),
        }
    }
}

/// RFC 6386 §9.1: a shown key frame, its start code, and two 14-bit dimensions.
fn lossy(taken: &[u8]) -> Result<Want, Fault> {
    let (tag, rest) = taken.split_at_checked(3).unwrap_or_default();
    let (start_code, size) = rest.split_at_checked(3).unwrap_or_default();
    let key_frame = tag.first().is_some_and(|byte| byte & 1 == 0 && byte & 0x10 != 0);
    if !key_frame || start_code != b"\x9d\x01\x2a" {
        return Err(Fault::Malformed("the VP8 data does not begin with a shown key frame"));
    }
    done(
        le(size.get(..2).unwrap_or_default()) & 0x3fff,
        le(size.get(2..4).unwrap_or_default()) & 0x3fff,
        false,
    )
}

/// RFC 9649 §3.4: signature, two 14-bit dimensions less one, an alpha hint, version 0.
fn lossless(taken: &[u8]) -> Result<Want, Fault> {
    let bits = le(taken.get(1..5).unwrap_or_default());
    if taken.first() != Some(&0x2f) || bits >> 29 != 0 {
        return Err(Fault::Malformed("the VP8L signature or version is wrong"));
    }
    done((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, false)
}

/// RFC 9649 §2.7.1.1: flags, and two 24-bit dimensions less one.
fn extended(taken: &[u8]) -> Result<Want, Fault> {
    let animated = taken.first().is_some_and(|flags| flags & 0b10 != 0);
    let width = le(taken.get(4..7).unwrap_or_default()) + 1;
    let height = le(taken.get(7..10).unwrap_or_default()) + 1;
    if u64::from(width) * u64::from(height) > u64::from(u32::MAX) {
        return Err(Fault::Malformed("the canvas has more than 4294967295 pixels"));
    }
    done(width, height, animated)
}

fn done(width: u32, height: u32, animated: bool) -> Result<Want, Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::Malformed("width and height must be at least 1"));
    }
    let frames = if animated { Frames::Unstated } else { Frames::Known(1) };
    Ok(Want::Done(ImageHeader { format: Format::Webp, width, height, frames }))
}

/// Counts the `ANMF` chunks of a complete file; stops at the first chunk that does not fit.
pub(super) fn count_frames(body: &[u8]) -> u32 {
    let mut rest = body.get(12..).unwrap_or_default();
    let mut frames = 0;
    while let Some((header, data)) = rest.split_at_checked(8) {
        let len = le(header.get(4..8).unwrap_or_default()) as usize;
        frames += u32::from(header.starts_with(b"ANMF"));
        let padded = len.saturating_add(len & 1);
        rest = data.get(padded..).unwrap_or_default();
    }
    frames
}

/// Up to four bytes, least significant first.
fn le(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte))
}
