//! Where the chunks with pixels may stand: IDAT together, then fdAT frame by frame (§5.6, §11.3.6.3).

use super::stream::Stream;
use crate::image::walk::Fault;

/// What came of them so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pixels {
    place: Place,
    /// The stream of the image or frame that is being read.
    stream: Stream,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    BeforeImage,
    InImage,
    InFrame,
    /// After those of the image, or of a frame.
    Between,
}

/// What a chunk with pixels does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Run {
    Begins,
    GoesOn,
}

impl Pixels {
    pub(super) fn before_image(&self) -> bool {
        matches!(self.place, Place::BeforeImage)
    }

    /// A chunk of this type begins. If it does not go on with the stream, that is complete.
    pub(super) fn interrupt(&mut self, kind: [u8; 4]) -> Result<(), Fault> {
        let goes_on = match self.place {
            Place::BeforeImage | Place::Between => return Ok(()),
            Place::InImage => kind == *b"IDAT",
            Place::InFrame => kind == *b"fdAT",
        };
        if goes_on {
            return Ok(());
        }
        self.place = Place::Between;
        self.stream.end()
    }

    /// IDAT.
    pub(super) fn image(&self) -> Result<Run, Fault> {
        match self.place {
            Place::BeforeImage => Ok(Run::Begins),
            Place::InImage => Ok(Run::GoesOn),
            Place::InFrame | Place::Between => {
                Err(Fault::Malformed("the IDAT chunks must follow one another"))
            }
        }
    }

    /// fdAT. Something else between the chunks of a frame ends it, as decoders see it.
    pub(super) fn frame(&self) -> Result<Run, Fault> {
        match self.place {
            Place::Between => Ok(Run::Begins),
            Place::InFrame => Ok(Run::GoesOn),
            Place::BeforeImage | Place::InImage => Err(Fault::Malformed("fdAT stands before IDAT")),
        }
    }

    /// The stream of the image, or of a frame after it, begins.
    pub(super) fn begin(&mut self, raw_len: u128) {
        self.place = if self.before_image() { Place::InImage } else { Place::InFrame };
        self.stream = Stream::of(raw_len);
    }

    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.read(bytes)
    }
}
