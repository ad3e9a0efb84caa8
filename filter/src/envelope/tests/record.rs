//! A sink that writes down what it is told.

use crate::Format;
use crate::envelope::{Error, Sink};

/// What a sink is told, with pieces joined.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::envelope) enum Call {
    /// The image begins.
    Begins(Option<Format>, u64),
    /// All bytes of the image.
    Image(Vec<u8>),
    /// The image ends.
    Ends,
    /// All text of a field.
    Field(usize, String),
}

/// A sink that writes down what it is told.
#[derive(Debug, Default)]
pub(in crate::envelope) struct Record {
    /// What it was told.
    pub(in crate::envelope) calls: Vec<Call>,
    /// Whether it refuses images.
    pub(in crate::envelope) refuses: bool,
}

impl Record {
    /// The bytes of the image.
    pub(in crate::envelope) fn image(self) -> Vec<u8> {
        self.calls.into_iter().fold(vec![], |mut image, call| {
            if let Call::Image(bytes) = call {
                image.extend(bytes);
            }
            image
        })
    }
}

impl Sink for Record {
    type Error = Error;

    fn image_begins(&mut self, declared: Option<Format>, at: u64) -> Result<(), Error> {
        self.calls.push(Call::Begins(declared, at));
        // An error that no reader of JSON makes.
        if self.refuses { Err(Error::Epilogue) } else { Ok(()) }
    }

    fn image(&mut self, bytes: &[u8]) -> Result<(), Error> {
        assert!(!bytes.is_empty(), "a piece of nothing");
        match self.calls.last_mut() {
            Some(Call::Image(image)) => image.extend(bytes),
            _ => self.calls.push(Call::Image(bytes.to_vec())),
        }
        Ok(())
    }

    fn image_ends(&mut self) -> Result<(), Error> {
        self.calls.push(Call::Ends);
        Ok(())
    }

    fn field(&mut self, field: usize, piece: &str) -> Result<(), Error> {
        match self.calls.last_mut() {
            Some(Call::Field(index, text)) if *index == field => {
                assert!(!piece.is_empty(), "a second piece of an empty text");
                text.push_str(piece);
            }
            _ => self.calls.push(Call::Field(field, piece.to_owned())),
        }
        Ok(())
    }
}
