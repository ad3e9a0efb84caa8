//! The headers of image data: VP8 (RFC 6386 §9.1), VP8L (RFC 9649 §3.4) and ALPH (§2.7.1.2).

use super::super::walk::Fault;

/// Width and height in pixels, each at least 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sides {
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Sides {
    /// Their product.
    pub(super) fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// What is read of VP8 data: the header of the frame, and the first byte of its first partition.
pub(super) const LOSSY: usize = 11;

/// What is read of VP8L data.
pub(super) const LOSSLESS: usize = 5;

/// The least VP8L data: the header, three bits (§3.8), and five codes of one symbol (§3.7.2.1.1), 63
/// bits in all.
pub(super) const LOSSLESS_MIN: u64 = 8;

/// The least compressed alpha: the header, and the same without VP8L's header, 23 bits.
const ALPHA_MIN: u64 = 4;

/// Reads the start of VP8 data, which is a chunk of `len` bytes.
pub(super) fn lossy(start: [u8; LOSSY], len: u64) -> Result<Sides, Fault> {
    let [t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, first] = start else {
        return Err(Fault::Malformed("the VP8 start code is wrong"));
    };
    let tag = u32::from_le_bytes([t0, t1, t2, 0]);
    if tag & 1 != 0 {
        return Err(Fault::Malformed("the VP8 frame is not a key frame"));
    }
    if tag >> 1 & 7 > 3 {
        return Err(Fault::Malformed("the VP8 version is greater than 3"));
    }
    if tag >> 4 & 1 == 0 {
        return Err(Fault::Malformed("the VP8 frame is not shown"));
    }
    // Behind the first partition comes at least one other (§9.5), which has at least a byte.
    let partition = u64::from(tag >> 5);
    if partition == 0 || partition.saturating_add(LOSSY as u64) > len {
        return Err(Fault::Malformed("the VP8 partitions do not fit into their chunk"));
    }
    // The first bit that is coded is the colour space (§9.2); its probability is one half, which makes
    // it the first bit of the partition.
    if first & 0x80 != 0 {
        return Err(Fault::Unsupported("a VP8 colour space other than YUV"));
    }
    // The two bits above each say how to scale, which no still image decoder does.
    let width = u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff);
    let height = u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff);
    if width == 0 || height == 0 {
        return Err(Fault::Malformed("the VP8 width or height is 0"));
    }
    Ok(Sides { width, height })
}

/// Reads the start of VP8L data.
pub(super) fn lossless(start: [u8; LOSSLESS]) -> Result<Sides, Fault> {
    let [0x2f, bits @ ..] = start else {
        return Err(Fault::Malformed("the VP8L signature is wrong"));
    };
    let bits = u32::from_le_bytes(bits);
    if bits >> 29 != 0 {
        return Err(Fault::Malformed("the VP8L version is not 0"));
    }
    Ok(Sides { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 })
}

/// Judges alpha by its first byte and its length, for image data of these sides.
pub(super) fn alpha(header: u8, len: u64, sides: Sides) -> Result<(), Fault> {
    let (compression, processing, reserved) = (header & 3, header >> 4 & 3, header >> 6);
    // All filters (the two bits between) are legal. libwebp takes one of the reserved bits.
    if compression > 1 || processing > 1 || reserved > 1 {
        return Err(Fault::Malformed("the ALPH header says what no specification does"));
    }
    let least = if compression == 0 { sides.area().saturating_add(1) } else { ALPHA_MIN };
    if len < least {
        return Err(Fault::Malformed("the ALPH chunk is too short for the image"));
    }
    Ok(())
}
