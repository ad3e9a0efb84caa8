//! The zlib stream that holds the pixels, which is not inflated here (§10).

use crate::image::walk::Fault;

/// Deflate expands no more than this: a length and distance of two bits stand for 258 bytes at most
/// (RFC 1951 §3.2.5), and 8 / 2 * 258 is 1032.
const MAX_EXPANSION: u128 = 1032;

/// One stream, in as many chunks as it may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    /// How many bytes it must inflate to.
    raw_len: u128,
    /// Bytes seen so far.
    len: u64,
    /// The first byte, until the second one is there.
    method: u8,
}

impl Stream {
    pub(super) fn of(raw_len: u128) -> Self {
        Self { raw_len, ..Self::default() }
    }

    /// Reads more. The first two bytes are what decoders look at first (RFC 1950 §2.2).
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while self.len < 2
            && let Some((byte, rest)) = bytes.split_first()
        {
            match self.len {
                0 => self.method = *byte,
                _ => check(self.method, *byte)?,
            }
            self.len += 1;
            bytes = rest;
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// It ends here: can it hold the pixels at all?
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.len < 2 {
            return Err(Fault::Malformed("the image data ends before its zlib header does"));
        }
        if self.raw_len > u128::from(self.len) * MAX_EXPANSION {
            return Err(Fault::Malformed("there is too little image data for so many pixels"));
        }
        Ok(())
    }
}

fn check(method: u8, flags: u8) -> Result<(), Fault> {
    let deflate = method & 0x0f == 8 && method >> 4 <= 7;
    let checked = u16::from_be_bytes([method, flags]).is_multiple_of(31);
    let dictionary = flags & 0x20 != 0;
    if deflate && checked && !dictionary {
        Ok(())
    } else {
        Err(Fault::Malformed("the image data does not start with a zlib header for PNG"))
    }
}
