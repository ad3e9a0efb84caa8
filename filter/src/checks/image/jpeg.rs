//! JPEG up to its frame header (ITU-T T.81, annex B).

use super::walk::{Fault, Walk, Want};
use super::{Format, Frames, ImageHeader};

/// SOI, and the first byte of the marker that must follow.
pub(super) const SIGNATURE: &[u8; 3] = b"\xff\xd8\xff";

#[derive(Clone, Copy, Default)]
pub(super) struct Walker {
    state: State,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Start,
    Marker,
    /// After one or more fill bytes (B.1.1.2): the next byte is the marker code, or another fill.
    MarkerCode,
    SegmentLength,
    FrameLength,
    Frame,
}

impl Walk for Walker {
    const FIRST: usize = 2;

    fn next(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        match (self.state, taken) {
            (State::Start, _) => Ok(self.go(State::Marker, 0, 2)),
            (State::Marker, &[0xff, code]) | (State::MarkerCode, &[code]) => self.marker(code),
            (State::SegmentLength, &[high, low]) => {
                let len = segment_len(high, low)?;
                Ok(self.go(State::Marker, len, 2))
            }
            (State::FrameLength, &[high, low]) => {
                let len = segment_len(high, low)?;
                match len {
                    9 | 12 | 15 | 18 => {
                        Ok(self.go(State::Frame, 0, usize::try_from(len).unwrap_or(18)))
                    }
                    _ => Err(Fault::Malformed("the frame header does not have 1 to 4 components")),
                }
            }
            (State::Frame, frame) => header(frame),
            _ => Err(Fault::Malformed("a marker was expected")),
        }
    }
}

impl Walker {
    fn go(&mut self, state: State, skip: u64, take: usize) -> Want {
        self.state = state;
        Want::More { skip, take }
    }

    /// Table B.1.
    fn marker(&mut self, code: u8) -> Result<Want, Fault> {
        match code {
            0xff => Ok(self.go(State::MarkerCode, 0, 1)),
            // SOF0 to SOF2: baseline, extended sequential, progressive; Huffman coded.
            0xc0..=0xc2 => Ok(self.go(State::FrameLength, 0, 2)),
            // DHT, DAC, DQT, DRI, APPn, COM.
            0xc4 | 0xcc | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => {
                Ok(self.go(State::SegmentLength, 0, 2))
            }
            0xc3 | 0xc5..=0xc7 | 0xc8..=0xcb | 0xcd..=0xcf => {
                Err(Fault::Unsupported("lossless, hierarchical or arithmetic coding"))
            }
            0xd9 | 0xda => Err(Fault::Malformed("a scan or the end comes before the frame header")),
            _ => Err(Fault::Malformed("a marker stands where it cannot")),
        }
    }
}

/// Whether a complete file reaches its end: decoders fill what is missing with grey and say nothing.
///
/// Walks segments by their lengths, and scans to the next marker (B.1.1.2: in entropy-coded data
/// 0xff is followed by 0, or by a restart marker).
pub(super) fn reaches_its_end(body: &[u8]) -> bool {
    let mut rest = body.get(2..).unwrap_or_default();
    loop {
        let Some(at) = rest.windows(2).position(is_marker) else { return false };
        let (marker, after) = rest.split_at_checked(at + 2).unwrap_or_default();
        match marker.last() {
            Some(0xd9) => return true,
            // SOS: its own length, then entropy-coded data, which the search above skips.
            Some(_) => {
                let len = after.first_chunk().map_or(2, |len| u16::from_be_bytes(*len).max(2));
                rest = after.get(usize::from(len)..).unwrap_or_default();
            }
            None => return false,
        }
    }
}

/// Anything but stuffing, fill bytes and restarts.
fn is_marker(pair: &[u8]) -> bool {
    matches!(pair, [0xff, code] if !matches!(code, 0x00 | 0x01 | 0xd0..=0xd7 | 0xff))
}

/// B.1.1.4: the length counts itself.
fn segment_len(high: u8, low: u8) -> Result<u64, Fault> {
    u64::from(u16::from_be_bytes([high, low]))
        .checked_sub(2)
        .ok_or(Fault::Malformed("a segment is shorter than its own length field"))
}

/// B.2.2: precision, height, width, and per component its id, sampling factors and table.
fn header(frame: &[u8]) -> Result<Want, Fault> {
    let short = Fault::Malformed("the frame header is too short");
    let (&[precision, h1, h0, w1, w0, count], components) =
        frame.split_first_chunk().ok_or(short)?;
    let (height, width) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
    if components.len() != usize::from(count) * 3 {
        return Err(Fault::Malformed("the frame header does not fit its number of components"));
    }
    if width == 0 {
        return Err(Fault::Malformed("the width is 0"));
    }
    if precision != 8 {
        return Err(Fault::Unsupported("more than 8 bits per sample"));
    }
    if height == 0 {
        return Err(Fault::Unsupported("the height is stated after the first scan"));
    }
    if count == 2 {
        return Err(Fault::Unsupported("two components"));
    }
    for component in components.chunks_exact(3) {
        let &[_, sampling, table] = component.first_chunk().ok_or(short)?;
        if !(1..=4).contains(&(sampling >> 4)) || !(1..=4).contains(&(sampling & 15)) || table > 3 {
            return Err(Fault::Malformed("a component has impossible sampling factors or table"));
        }
    }
    Ok(Want::Done(ImageHeader {
        format: Format::Jpeg,
        width: width.into(),
        height: height.into(),
        frames: Frames::Known(1),
    }))
}
