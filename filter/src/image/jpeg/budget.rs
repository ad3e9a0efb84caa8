//! How many segments and tables there may be.

use crate::image::walk::Fault;

/// Before the first scan: metadata comes in pieces of 64 KiB.
const BEFORE_SCANS: u16 = 4096;
/// Between two scans: their tables. zune-jpeg takes as many segments.
const BETWEEN_SCANS: u16 = 64;

/// What is left of the segments and tables that are taken. Decoders build each table anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(u16);

impl Default for Budget {
    fn default() -> Self {
        Self(BEFORE_SCANS)
    }
}

impl Budget {
    /// One more segment, or one more table in a segment.
    pub(super) fn spend(&mut self) -> Result<(), Fault> {
        self.0 = self
            .0
            .checked_sub(1)
            .ok_or(Fault::MetadataTooLarge("there are too many segments or tables"))?;
        Ok(())
    }

    /// A scan begins.
    pub(super) fn renew(&mut self) {
        self.0 = BETWEEN_SCANS;
    }
}
