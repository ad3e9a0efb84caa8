//! What VP8X, ANMF and ICCP chunks begin with (RFC 9649 §2.7.1, §2.7.1.1 and §2.7.1.4).

use super::super::walk::Fault;
use super::bitstream::Sides;

/// A profile this long is no profile; decoders collect it in memory.
const PROFILE_MAX: u64 = 4 << 20;

/// A VP8X chunk, whole.
pub(super) const VP8X: usize = 10;

/// An ANMF chunk without the chunks in it.
pub(super) const ANMF: usize = 16;

/// What a VP8X chunk says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extended {
    flags: u8,
    pub(super) canvas: Sides,
}

impl Extended {
    /// Reads the chunk. Reserved bits are ignored, as §2.7 asks of readers.
    pub(super) fn of(data: [u8; VP8X]) -> Result<Self, Fault> {
        let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = data;
        let canvas = Sides { width: 1 + le([w0, w1, w2]), height: 1 + le([h0, h1, h2]) };
        if canvas.area() > u32::MAX.into() {
            return Err(Fault::Malformed("the canvas has more than 4294967295 pixels"));
        }
        Ok(Self { flags, canvas })
    }

    pub(super) const fn has_alpha(self) -> bool {
        self.flags & 0x10 != 0
    }

    pub(super) const fn has_exif(self) -> bool {
        self.flags & 0x08 != 0
    }

    pub(super) const fn has_xmp(self) -> bool {
        self.flags & 0x04 != 0
    }

    pub(super) const fn is_animation(self) -> bool {
        self.flags & 0x02 != 0
    }
}

/// Reads where on the canvas a frame stands: its sides.
pub(super) fn frame(start: [u8; ANMF], canvas: Sides) -> Result<Sides, Fault> {
    let [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, ..] = start;
    let (x, y) = (2 * le([x0, x1, x2]), 2 * le([y0, y1, y2]));
    let frame = Sides { width: 1 + le([w0, w1, w2]), height: 1 + le([h0, h1, h2]) };
    if x + frame.width > canvas.width || y + frame.height > canvas.height {
        return Err(Fault::Malformed("a frame reaches beyond the canvas"));
    }
    Ok(frame)
}

/// Judges a profile by its length and what it states of it (ICC.1:2022 §7.2.2).
pub(super) fn profile(stated: [u8; 4], len: u64) -> Result<(), Fault> {
    if len > PROFILE_MAX {
        return Err(Fault::MetadataTooLarge("an ICC profile of more than 4 MiB"));
    }
    if u64::from(u32::from_be_bytes(stated)) > len {
        return Err(Fault::Malformed("the ICC profile is longer than its chunk"));
    }
    Ok(())
}

/// Three bytes, least significant first.
const fn le(bytes: [u8; 3]) -> u32 {
    let [b0, b1, b2] = bytes;
    u32::from_le_bytes([b0, b1, b2, 0])
}
