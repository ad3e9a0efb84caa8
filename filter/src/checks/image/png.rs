//! PNG up to its first `IDAT` (W3C PNG, third edition, §5 and §11).

use super::walk::{Fault, Walk, Want};
use super::{Format, Frames, ImageHeader};

/// The eight bytes every PNG starts with (§5.2).
pub(super) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// The largest chunk and the largest dimension (§5.3, §11.2.1).
const MAX: u32 = (1 << 31) - 1;

#[derive(Clone, Copy, Default)]
pub(super) struct Walker {
    state: State,
    frames: Option<u32>,
    indexed: bool,
    palette: bool,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Header,
    Chunk {
        width: u32,
        height: u32,
    },
    AnimationControl {
        width: u32,
        height: u32,
    },
}

impl Walk for Walker {
    /// Signature, and `IHDR` with length, type and CRC.
    const FIRST: usize = 33;

    fn next(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        match self.state {
            State::Header => self.header(taken),
            State::Chunk { width, height } => self.chunk(taken, width, height),
            State::AnimationControl { width, height } => {
                self.animation_control(taken, width, height)
            }
        }
    }
}

impl Walker {
    fn header(&mut self, taken: &[u8]) -> Result<Want, Fault> {
        let malformed = Fault::Malformed("IHDR must come first and hold 13 bytes");
        let chunk = taken.get(SIGNATURE.len()..).ok_or(malformed)?;
        if chunk.get(..8) != Some(b"\x00\x00\x00\x0dIHDR") {
            return Err(malformed);
        }
        check_crc(chunk)?;
        let (width, height) = (be32(chunk, 8)?, be32(chunk, 12)?);
        if width == 0 || height == 0 || width > MAX || height > MAX {
            return Err(Fault::Malformed("width and height must be 1 to 2147483647"));
        }
        let &[depth, colour, compression, filter, interlace] =
            chunk.get(16..21).and_then(|bytes| bytes.first_chunk()).ok_or(malformed)?;
        let legal = match colour {
            0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(depth, 8 | 16),
            _ => false,
        };
        if !legal {
            return Err(Fault::Malformed("this colour type and bit depth do not go together"));
        }
        if compression != 0 || filter != 0 || interlace > 1 {
            return Err(Fault::Malformed("unknown compression, filter or interlace method"));
        }
        self.indexed = colour == 3;
        self.state = State::Chunk { width, height };
        Ok(Want::More { skip: 0, take: 8 })
    }

    fn chunk(&mut self, taken: &[u8], width: u32, height: u32) -> Result<Want, Fault> {
        let len = be32(taken, 0)?;
        let kind = taken.get(4..8).unwrap_or_default();
        if len > MAX || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(Fault::Malformed("a chunk has an impossible length or type"));
        }
        match kind {
            b"IDAT" if self.indexed && !self.palette => {
                Err(Fault::Malformed("an indexed image needs PLTE before IDAT"))
            }
            b"IDAT" => Ok(Want::Done(ImageHeader {
                format: Format::Png,
                width,
                height,
                frames: Frames::Known(self.frames.unwrap_or(1)),
            })),
            b"IHDR" | b"IEND" => Err(Fault::Malformed("IHDR or IEND stands before IDAT")),
            b"acTL" if len != 8 || self.frames.is_some() => {
                Err(Fault::Malformed("acTL must appear once and hold 8 bytes"))
            }
            b"acTL" => {
                self.state = State::AnimationControl { width, height };
                Ok(Want::More { skip: 0, take: 12 })
            }
            b"PLTE" if len == 0 || len % 3 != 0 || len > 768 || self.palette => {
                Err(Fault::Malformed("PLTE must appear once and hold 1 to 256 colours"))
            }
            _ => {
                self.palette |= kind == b"PLTE";
                Ok(Want::More { skip: u64::from(len) + 4, take: 8 })
            }
        }
    }

    /// §11.3.6.1: the number of frames. Its CRC covers the type, which was taken before.
    fn animation_control(&mut self, taken: &[u8], width: u32, height: u32) -> Result<Want, Fault> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(b"acTL");
        crc.update(taken.get(..8).unwrap_or_default());
        if crc.finalize() != be32(taken, 8)? {
            return Err(Fault::Malformed("the CRC of acTL does not fit"));
        }
        let frames = be32(taken, 0)?;
        if frames == 0 {
            return Err(Fault::Malformed("an animation has at least one frame"));
        }
        self.frames = Some(frames);
        self.state = State::Chunk { width, height };
        Ok(Want::More { skip: 0, take: 8 })
    }
}

/// Checks the CRC at the end of a chunk that begins with its length.
fn check_crc(chunk: &[u8]) -> Result<(), Fault> {
    let malformed = Fault::Malformed("the CRC of IHDR does not fit");
    let end = chunk.len().checked_sub(4).ok_or(malformed)?;
    let covered = chunk.get(4..end).ok_or(malformed)?;
    if crc32fast::hash(covered) == be32(chunk, end)? { Ok(()) } else { Err(malformed) }
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
    word.map(|word| u32::from_be_bytes(*word)).ok_or(Fault::Malformed("the chunk is too short"))
}
