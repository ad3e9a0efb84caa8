//! How much the compression of GIF could expand (appendix F), which is not undone here.

use crate::image::walk::Fault;

/// The longest string a code may stand for: the table has this many entries, and a new one is one
/// pixel longer than an old one.
const STRING_MAX: u128 = 4096;

/// The compressed data of one frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lzw {
    /// Pixels of the frame.
    pixels: u64,
    /// Bits of a pixel. A code has one more, or more than that.
    pixel_bits: u8,
    /// Bytes seen so far.
    len: u64,
}

impl Lzw {
    /// Data of a frame of so many pixels begins with the minimum code size.
    ///
    /// The specification has pixels of at most 8 bits, and 2 for two colours; but some encoders write
    /// 1, and decoders read it.
    pub(super) fn of(pixels: u64, min_code_size: u8) -> Result<Self, Fault> {
        if !(1..=8).contains(&min_code_size) {
            return Err(Fault::Malformed("the minimum code size must be 1 to 8"));
        }
        Ok(Self { pixels, pixel_bits: min_code_size, len: 0 })
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.len = self.len.saturating_add(bytes.len() as u64);
    }

    /// It ends here: can it hold the pixels at all? Decoders give up on a frame that lacks some.
    pub(super) fn end(&self) -> Result<(), Fault> {
        let codes = u128::from(self.len) * 8 / (u128::from(self.pixel_bits) + 1);
        // The first code stands for a pixel, and each for no more than one pixel more than the
        // longest before it.
        let growing = codes.saturating_mul(codes + 1) / 2;
        if u128::from(self.pixels) > growing.min(codes * STRING_MAX) {
            return Err(Fault::Malformed("there is too little image data for so many pixels"));
        }
        Ok(())
    }
}
