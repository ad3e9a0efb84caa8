//! The envelope that a body wraps its image in: none, `multipart/form-data` (RFC 7578), a flat JSON object
//! with the image as base64 (RFC 8259), or a form of pairs with it (`application/x-www-form-urlencoded`).
//!
//! One [`Reader`] takes all of them apart, piece by piece and in bounded memory; where the body is cut
//! makes no difference to what it tells its [`Sink`]. A gate and the node behind it read with this
//! parser and with nothing else: two parsers would one day see two images. For the same reason it is
//! strict. What another reader could take in another way is refused, also where a specification asks
//! for tolerance.

mod base64;
mod boundary;
mod bounded;
mod data_url;
mod delimiter;
mod disposition;
mod error;
mod form;
mod json;
mod line;
mod members;
mod multipart;
mod number;
mod parameters;
mod part;
mod sink;
mod string;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod urlencoded;

use std::sync::Arc;

pub use boundary::Boundary;
pub use error::Error;
pub use form::{
    FIELD_BYTES_DEFAULT, FIELD_BYTES_MAX, FIELDS_MAX, FORM_NAME_MAX, Field, Form, Text, VALUES_MAX,
};
pub(crate) use parameters::Parameterised;
pub use sink::Sink;

/// The image begins within this many bytes of the body: until then a gate holds the body back.
pub const FILE_BEGINS_MAX: u64 = 16 * 1024;
/// The most header lines of a part.
pub const PART_LINES_MAX: usize = 8;
/// The most bytes of a header line of a part.
pub const PART_LINE_MAX: usize = 1024;

/// Takes a body out of its envelope, piece by piece.
///
/// After an error it is over: it forgets what it had, and everything else is an error as well.
pub struct Reader {
    envelope: Envelope,
    /// How many bytes of the body were read.
    position: u64,
}

/// What is read, and how far. The large ones are boxed, and hold no more memory than themselves.
enum Envelope {
    Raw { begun: bool },
    Multipart(Box<multipart::Parser>),
    Json(Box<json::Parser>),
    Urlencoded(Box<urlencoded::Parser>),
    Over,
}

impl Reader {
    /// The most that one takes in bytes, with what is boxed.
    pub(crate) const SIZE_MAX: usize = {
        let (multipart, json) = (size_of::<multipart::Parser>(), size_of::<json::Parser>());
        assert!(size_of::<urlencoded::Parser>() <= json, "or it is the largest");
        size_of::<Self>() + if multipart > json { multipart } else { json }
    };

    /// A reader of a body that is the image itself.
    pub fn raw() -> Self {
        Self::of(Envelope::Raw { begun: false })
    }

    /// A reader of a `multipart/form-data` body with the parts of `form`.
    pub fn form(boundary: Boundary, form: Arc<Form>) -> Self {
        Self::of(Envelope::Multipart(Box::new(multipart::Parser::new(boundary, form))))
    }

    /// A reader of a JSON body with the members of `form`.
    pub fn json(form: Arc<Form>) -> Self {
        Self::of(Envelope::Json(Box::new(json::Parser::new(form))))
    }

    /// A reader of a form of pairs with the fields of `form`.
    pub fn urlencoded(form: Arc<Form>) -> Self {
        Self::of(Envelope::Urlencoded(Box::new(urlencoded::Parser::new(form))))
    }

    fn of(envelope: Envelope) -> Self {
        Self { envelope, position: 0 }
    }

    /// Reads the next piece of the body.
    pub fn push<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), S::Error> {
        let outcome = self.read(bytes, sink);
        if outcome.is_err() {
            self.envelope = Envelope::Over;
        }
        outcome
    }

    /// The body is complete.
    pub fn end<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        match std::mem::replace(&mut self.envelope, Envelope::Over) {
            Envelope::Raw { begun } => {
                if !begun {
                    sink.image_begins(None, 0)?;
                }
                sink.image_ends()
            }
            Envelope::Multipart(parser) => Ok(parser.end()?),
            Envelope::Json(parser) => Ok(parser.end()?),
            Envelope::Urlencoded(parser) => parser.end(sink),
            Envelope::Over => Err(Error::AfterEnd.into()),
        }
    }

    /// Reads no further than the image may begin, and then the rest. It is judged by position, so
    /// that a body in which no image begins is refused at the same byte wherever it is cut.
    fn read<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), S::Error> {
        let left = FILE_BEGINS_MAX.saturating_sub(self.position);
        let left = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (near, far) = bytes.split_at(left);
        self.take(near, sink)?;
        if far.is_empty() {
            return Ok(());
        }
        self.envelope.require_image()?;
        self.take(far, sink)
    }

    fn take<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), S::Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let at = self.position;
        self.position = at.saturating_add(bytes.len() as u64);
        match &mut self.envelope {
            Envelope::Raw { begun } => {
                if !*begun {
                    *begun = true;
                    sink.image_begins(None, 0)?;
                }
                sink.image(bytes)
            }
            Envelope::Multipart(parser) => parser.push(at, bytes, sink),
            Envelope::Json(parser) => parser.push(at, bytes, sink),
            Envelope::Urlencoded(parser) => parser.push(at, bytes, sink),
            Envelope::Over => Err(Error::AfterEnd.into()),
        }
    }
}

impl Envelope {
    /// Whether the image has begun, as it must by now.
    fn require_image(&self) -> Result<(), Error> {
        match self {
            Self::Raw { .. } | Self::Over => Ok(()),
            Self::Multipart(parser) => parser.members().require_image(),
            Self::Json(parser) => parser.members().require_image(),
            Self::Urlencoded(parser) => parser.members().require_image(),
        }
    }
}
