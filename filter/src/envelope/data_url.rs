//! The text of an image in JSON or in a form: base64, perhaps after the beginning of a `data:` URL (RFC 2397).

use super::base64::Decoder;
use super::bounded::Bounded;
use super::error::shown;
use super::part::image_type;
use super::{Error, Sink};

/// How a URL begins. None of it but the colon is foreign to base64.
const PREFIX: &[u8; 5] = b"data:";
/// The longest `image/png;base64`.
const TYPE_MAX: usize = 64;

/// Reads the text of an image.
pub(super) struct ImageText {
    /// Where in the body the text begins.
    at: u64,
    state: State,
}

enum State {
    /// So many bytes of the prefix were seen.
    Prefix(usize),
    /// Between the prefix and the comma.
    Type(Bounded<TYPE_MAX>),
    Base64(Decoder),
}

impl ImageText {
    /// A reader of the text that begins at byte `at` of the body.
    pub(super) fn new(at: u64) -> Self {
        Self { at, state: State::Prefix(0) }
    }

    /// Reads the next characters of the image `name`; byte `end` of the body follows them.
    pub(super) fn push<S: Sink>(
        &mut self,
        name: &str,
        mut text: &[u8],
        end: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        while let Some((&first, rest)) = text.split_first() {
            match &mut self.state {
                State::Prefix(seen) if PREFIX.get(*seen) == Some(&first) => {
                    *seen += 1;
                    if *seen == PREFIX.len() {
                        self.state = State::Type(Bounded::new());
                    }
                    text = rest;
                }
                State::Prefix(seen) => {
                    let seen = *seen;
                    self.begin_bare(name, seen, sink)?;
                }
                State::Type(written) => {
                    text = rest;
                    if first == b',' {
                        let declared = declared(name, written.as_slice())?;
                        sink.image_is_in_base64();
                        sink.image_begins(declared, end.saturating_sub(rest.len() as u64))?;
                        self.state = State::Base64(Decoder::default());
                    } else {
                        written.push(first).map_err(|_| not_a_url(name))?;
                    }
                }
                State::Base64(decoder) => return decoder.push(name, text, sink),
            }
        }
        Ok(())
    }

    /// The text is complete.
    pub(super) fn end<S: Sink>(mut self, name: &str, sink: &mut S) -> Result<(), S::Error> {
        if let State::Prefix(seen) = self.state {
            self.begin_bare(name, seen, sink)?;
        }
        match self.state {
            State::Base64(decoder) => decoder.end(name)?,
            State::Prefix(_) | State::Type(_) => return Err(not_a_url(name).into()),
        }
        sink.image_ends()
    }

    /// There is no URL: what was taken for one is base64.
    fn begin_bare<S: Sink>(
        &mut self,
        name: &str,
        seen: usize,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        sink.image_is_in_base64();
        sink.image_begins(None, self.at)?;
        let mut decoder = Decoder::default();
        decoder.push(name, PREFIX.get(..seen).unwrap_or_default(), sink)?;
        self.state = State::Base64(decoder);
        Ok(())
    }
}

/// The format that `image/png;base64` declares.
fn declared(name: &str, written: &[u8]) -> Result<Option<crate::Format>, Error> {
    let end = written.iter().position(|&byte| byte == b';').unwrap_or(written.len());
    let (media_type, rest) = written.split_at(end);
    if !rest.eq_ignore_ascii_case(b";base64") {
        return Err(not_a_url(name));
    }
    image_type(media_type)
        .map_err(|_| Error::ImageType { name: name.to_owned(), found: shown(media_type) })
}

fn not_a_url(name: &str) -> Error {
    Error::DataUrl { name: name.to_owned() }
}
