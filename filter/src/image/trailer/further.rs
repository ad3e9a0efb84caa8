//! Further images after a JPEG: those of the Multi-Picture Format (CIPA DC-007), and gain maps.

use crate::image::input::Input;
use crate::image::jpeg;
use crate::image::walk::{Fault, Found, Progress, Walk};

/// What each begins with.
pub(super) const SIGNATURE: &[u8] = jpeg::SIGNATURE;

/// A further image. It is walked like the first, but what it declares is not what the file is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Further {
    walker: jpeg::Walker,
    found: Found,
}

impl Further {
    /// The next image of the file in which this was `found` so far.
    pub(super) fn new(found: &Found) -> Self {
        Self { walker: jpeg::Walker::default(), found: found.beside() }
    }

    /// Reads more, up to its end.
    pub(super) fn walk(
        &mut self,
        input: &mut Input<'_>,
        of_file: &mut Found,
    ) -> Result<Progress, Fault> {
        let progress = self.walker.walk(input, &mut self.found)?;
        if progress == Progress::Ended {
            for extra in self.found.extras().iter() {
                of_file.add(extra);
            }
        }
        Ok(progress)
    }
}
