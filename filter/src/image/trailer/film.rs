//! A film after a JPEG (Android's Motion Photo format 1.0, and `MicroVideo` before it): boxes of the
//! ISO base media file format (ISO/IEC 14496-12, 4.2), walked by their sizes.

use crate::image::input::Input;
use crate::image::walk::{Fault, Progress};

/// The length of the header of a box: its size, of 32 bits, and its type.
pub(super) const HEADER_LEN: usize = 8;
/// With a size of 64 bits.
const LARGE_LEN: u64 = 16;

/// The walk from box to box.
#[derive(Clone, Copy, Debug)]
pub(super) enum Film {
    /// The header of a box, or the end.
    Header,
    /// The size of 64 bits after a header.
    Large,
    /// What is left of a box.
    Content(u64),
    /// A box that goes to the end of the file.
    ToEnd,
}

/// The size of its first box, if a film begins so.
pub(super) fn begins(at: impl Fn(usize) -> Option<u8>) -> Option<u32> {
    let is_type = (4..).zip(*b"ftyp").all(|(place, byte)| at(place) == Some(byte));
    let size = u32::from_be_bytes([at(0)?, at(1)?, at(2)?, at(3)?]);
    (is_type && (size == 1 || size as usize >= HEADER_LEN)).then_some(size)
}

impl Film {
    /// After the header of the first box, which states its size.
    pub(super) fn of_box(size: u32) -> Self {
        match size {
            0 => Self::ToEnd,
            1 => Self::Large,
            _ => Self::Content(u64::from(size).saturating_sub(HEADER_LEN as u64)),
        }
    }

    /// Reads more, up to what is no box. `ending`: no more is to come.
    pub(super) fn walk(&mut self, input: &mut Input<'_>, ending: bool) -> Result<Progress, Fault> {
        loop {
            match self {
                Self::Header => match input.peek::<HEADER_LEN>().map(size_of_box) {
                    Some(Some(size)) => {
                        input.skip(HEADER_LEN);
                        *self = Self::of_box(size);
                    }
                    Some(None) => return Ok(Progress::Ended),
                    None if ending && !input.is_empty() => return Ok(Progress::Ended),
                    None => return Ok(Progress::More),
                },
                Self::Large => {
                    let Some(size) = input.take() else { return Ok(Progress::More) };
                    let left = u64::from_be_bytes(size).checked_sub(LARGE_LEN);
                    let misfit = Fault::Malformed("a box of the film is shorter than its header");
                    *self = Self::Content(left.ok_or(misfit)?);
                }
                Self::Content(left) => {
                    input.pass(left);
                    if *left > 0 {
                        return Ok(Progress::More);
                    }
                    *self = Self::Header;
                }
                Self::ToEnd => {
                    input.skip(usize::MAX);
                    return Ok(Progress::More);
                }
            }
        }
    }

    /// The file ends here.
    pub(super) fn end(self) -> Result<(), Fault> {
        match self {
            Self::Header | Self::ToEnd => Ok(()),
            Self::Large | Self::Content(_) => Err(Fault::Truncated),
        }
    }
}

/// What the header of a box states, if this is one.
fn size_of_box(header: [u8; HEADER_LEN]) -> Option<u32> {
    let [s3, s2, s1, s0, of_type @ ..] = header;
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    // So are those of all boxes that are registered for this place.
    let named = of_type.iter().all(u8::is_ascii_alphanumeric);
    // Only media data go to the end of a file; else four zeros and a text would be a box.
    let fits = size == 1 || size as usize >= HEADER_LEN || size == 0 && of_type == *b"mdat";
    (named && fits).then_some(size)
}
