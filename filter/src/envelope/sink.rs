//! Who is told what is in an envelope.

use super::Error;
use crate::Format;

/// Is told what is in an envelope, in the order of the body.
///
/// Pieces are cut anywhere; only their concatenation means something. The first error ends the
/// reading, whether it is the reader's or the sink's own. Only once [`Reader::end`](super::Reader::end)
/// has returned without one is the envelope known to be whole: a field may be missing, or wrong, after
/// the image is complete.
pub trait Sink {
    /// Why the reading ended.
    type Error: From<Error>;

    /// The image comes in base64: the body does not hold it as it is. Told before it begins.
    fn image_is_in_base64(&mut self) {}

    /// The image begins at byte `at` of the body; its envelope may declare its format.
    fn image_begins(&mut self, declared: Option<Format>, at: u64) -> Result<(), Self::Error>;

    /// The next bytes of the image.
    fn image(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// The image is complete.
    fn image_ends(&mut self) -> Result<(), Self::Error>;

    /// The next piece of the text of [`Form::fields`](super::Form::fields)`[field]`; an empty text
    /// is one empty piece.
    fn field(&mut self, field: usize, piece: &str) -> Result<(), Self::Error>;
}
