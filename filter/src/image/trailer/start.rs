//! What begins after the end of something, told by its first bytes.

use super::{MayFollow, film, further, samsung};
use crate::image::Foreign;
use crate::image::walk::Fault;

/// As many zeros as something may begin with.
const ZEROS: [u8; 3] = [0; 3];

/// What begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// A further image.
    Image,
    /// A film. Of the header of its first box, `own` were taken for padding, and `header_len` bytes
    /// are still there.
    Film {
        own: &'static [u8],
        header_len: usize,
        /// What the header states.
        size: u32,
    },
    /// Samsung's trailer. Of its first block, `own` were taken for padding.
    Samsung { own: &'static [u8] },
}

impl Start {
    /// What begins with `near`, which is not 0 at first, after `zeros`. A film and Samsung's trailer
    /// begin with zeros themselves.
    pub(super) fn of(zeros: u64, near: &[u8], may_follow: MayFollow) -> Result<Self, Fault> {
        if may_follow.images && near.starts_with(further::SIGNATURE) {
            return Ok(Self::Image);
        }
        for own in 0..=ZEROS.len() {
            if own as u64 > zeros {
                break;
            }
            let own = ZEROS.get(..own).unwrap_or_default();
            let at = |at: usize| match at.checked_sub(own.len()) {
                Some(at) => near.get(at).copied(),
                None => Some(0),
            };
            if may_follow.film
                && let Some(size) = film::begins(at)
            {
                return Ok(Self::Film { own, header_len: film::HEADER_LEN - own.len(), size });
            }
            if may_follow.samsung && samsung::begins(at) {
                return Ok(Self::Samsung { own });
            }
        }
        Err(Foreign::of_beginning(near).map_or(Fault::TrailingData, Fault::Polyglot))
    }
}
