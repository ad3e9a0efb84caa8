//! How chunks are laid out (§5.3), and what their types say (§5.4).

use crate::image::walk::Fault;

/// The largest length of a chunk, and the largest side of an image (§5.3, §11.2.1).
pub(super) const MAX: u32 = (1 << 31) - 1;

/// What a chunk starts with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Bytes of data.
    pub(super) len: u32,
    pub(super) kind: [u8; 4],
}

/// The bit in which the cases of a letter differ.
const LOWER_CASE: u8 = 0x20;

impl Chunk {
    pub(super) fn parse([l0, l1, l2, l3, kind @ ..]: [u8; 8]) -> Result<Self, Fault> {
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        if len > MAX {
            return Err(Fault::Malformed("a chunk has at most 2147483647 bytes"));
        }
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(Fault::Malformed("the type of a chunk must be four letters"));
        }
        let [_, _, reserved, _] = kind;
        if reserved & LOWER_CASE != 0 {
            return Err(Fault::Malformed("the third letter of a chunk's type must be upper case"));
        }
        Ok(Self { len, kind })
    }

    /// Whether who does not know the type must not go on.
    pub(super) fn is_critical(self) -> bool {
        let [critical, ..] = self.kind;
        critical & LOWER_CASE == 0
    }
}

/// The CRC of what `crc` is of, with `bytes` after it (§5.5).
pub(super) fn extend(crc: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc);
    hasher.update(bytes);
    hasher.finalize()
}
