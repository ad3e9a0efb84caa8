//! The palette (§11.2.2) and the transparency (§11.3.1.1), as far as their lengths and places go.

use super::header::{Colour, Header};
use crate::image::walk::Fault;

/// What came of both so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Colours {
    /// Entries of the palette.
    palette: Option<u32>,
    transparency: bool,
}

impl Colours {
    /// PLTE. More entries than the bit depth can name are harmless, and written by real tools.
    pub(super) fn palette(&mut self, len: u32, header: &Header) -> Result<(), Fault> {
        if self.palette.is_some() {
            return Err(Fault::Malformed("PLTE stands twice"));
        }
        if self.transparency {
            return Err(Fault::Malformed("tRNS stands before PLTE"));
        }
        if matches!(header.colour, Colour::Grey | Colour::GreyAlpha) {
            return Err(Fault::Malformed("a greyscale image has no PLTE"));
        }
        if len == 0 || !len.is_multiple_of(3) || len > 3 * 256 {
            return Err(Fault::Malformed("PLTE must hold 1 to 256 colours"));
        }
        self.palette = Some(len / 3);
        Ok(())
    }

    /// tRNS.
    pub(super) fn transparency(&mut self, len: u32, header: &Header) -> Result<(), Fault> {
        if self.transparency {
            return Err(Fault::Malformed("tRNS stands twice"));
        }
        let fits = match (header.colour, self.palette) {
            (Colour::Grey, _) => len == 2,
            (Colour::Rgb, _) => len == 6,
            (Colour::Indexed, Some(entries)) => len <= entries,
            (Colour::Indexed, None) => {
                return Err(Fault::Malformed("tRNS stands before PLTE"));
            }
            (Colour::GreyAlpha | Colour::Rgba, _) => {
                return Err(Fault::Malformed("an image with an alpha channel has no tRNS"));
            }
        };
        if !fits {
            return Err(Fault::Malformed("the length of tRNS does not fit the colour type"));
        }
        self.transparency = true;
        Ok(())
    }

    /// bKGD. The decoder `png` gives up on one that names a colour before there are any.
    pub(super) fn background(&self, header: &Header) -> Result<(), Fault> {
        if header.colour == Colour::Indexed && self.palette.is_none() {
            return Err(Fault::Malformed("bKGD stands before PLTE"));
        }
        Ok(())
    }

    /// The pixels begin.
    pub(super) fn suffice(&self, header: &Header) -> Result<(), Fault> {
        if header.colour == Colour::Indexed && self.palette.is_none() {
            return Err(Fault::Malformed("an indexed image needs PLTE before IDAT"));
        }
        Ok(())
    }
}
