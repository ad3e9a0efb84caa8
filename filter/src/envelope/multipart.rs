//! The parts of `multipart/form-data` (RFC 7578, RFC 2046 §5.1).
//!
//! ```text
//! [CRLF] "--" boundary *( CRLF *( header-line CRLF ) CRLF content CRLF "--" boundary ) "--" [CRLF]
//! ```
//!
//! RFC 2046 has more: a preamble, an epilogue, padding after a boundary. No client sends them, and
//! not every reader takes them for what they are.
//!
//! Each part has a name of the form, and no two have the same: so there are at most one more than the
//! form has fields, and no count of them is needed.

use std::sync::Arc;

use super::data_url::ImageText;
use super::delimiter::{Delimiter, Matched, Next};
use super::line::LineReader;
use super::members::Members;
use super::part::{Part, PartHead};
use super::text::TextReader;
use super::{Boundary, Error, Form, Sink};

/// Reads a multipart body piece by piece.
pub(super) struct Parser {
    delimiter: Delimiter,
    matched: Matched,
    opened: Opened,
    members: Members,
    state: State,
    head: PartHead,
    line: LineReader,
}

enum State {
    /// Before the first byte.
    Start,
    /// In the first delimiter.
    Opening,
    /// After a delimiter, and perhaps the first of two bytes.
    Delimited(Option<u8>),
    /// In the header of a part.
    Head,
    /// In the content of the part with the image.
    Image,
    /// In the content of the part with the image in base64, up to this byte of the body.
    Base64(ImageText, u64),
    /// In the content of another.
    Text(TextReader),
    /// After the last delimiter, and this much of CRLF.
    Closed(usize),
}

impl Parser {
    pub(super) fn new(boundary: Boundary, form: Arc<Form>) -> Self {
        Self {
            delimiter: Delimiter::new(&boundary),
            matched: Matched::default(),
            opened: Opened::Before,
            members: Members::of_multipart(form),
            state: State::Start,
            head: PartHead::new(0),
            line: LineReader::new(),
        }
    }

    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// Reads the bytes that begin at byte `at` of the body.
    pub(super) fn push<S: Sink>(
        &mut self,
        at: u64,
        bytes: &[u8],
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let end = at.saturating_add(bytes.len() as u64);
        let mut rest = bytes;
        while !rest.is_empty() {
            self.step(end, &mut rest, sink)?;
        }
        Ok(())
    }

    /// The body is complete.
    pub(super) fn end(self) -> Result<(), Error> {
        match self.state {
            State::Closed(0 | 2) => Ok(()),
            _ => Err(Error::FormEnds),
        }
    }

    /// Takes what comes next off `rest`; byte `end` of the body follows it.
    fn step<S: Sink>(&mut self, end: u64, rest: &mut &[u8], sink: &mut S) -> Result<(), S::Error> {
        match &mut self.state {
            State::Start => {
                let has_crlf = rest.first() == Some(&b'\r');
                self.matched = if has_crlf { Matched::default() } else { Matched::CRLF };
                self.state = State::Opening;
            }
            State::Opening => match self.delimiter.next(&mut self.matched, rest) {
                None => {}
                Some(Next::Delimiter) => self.state = State::Delimited(None),
                Some(Next::Content(_)) => return Err(Error::Preamble.into()),
            },
            State::Delimited(first) => {
                let first = *first;
                self.delimited(first, rest)?;
            }
            State::Head => self.read_head(end, rest, sink)?,
            State::Image => match self.opened.next(&self.delimiter, &mut self.matched, rest)? {
                None => {}
                Some(Next::Content(bytes)) => sink.image(bytes)?,
                Some(Next::Delimiter) => {
                    self.state = State::Delimited(None);
                    sink.image_ends()?;
                }
            },
            State::Base64(text, position) => {
                let name = self.members.base64_name();
                match self.opened.next(&self.delimiter, &mut self.matched, rest)? {
                    None => {}
                    Some(Next::Content(bytes)) => {
                        *position = position.saturating_add(bytes.len() as u64);
                        text.push(name, bytes, *position, sink)?;
                    }
                    Some(Next::Delimiter) => {
                        let after = State::Delimited(None);
                        if let State::Base64(text, _) = std::mem::replace(&mut self.state, after) {
                            text.end(name, sink)?;
                        }
                    }
                }
            }
            State::Text(text) => {
                match self.opened.next(&self.delimiter, &mut self.matched, rest)? {
                    None => {}
                    Some(Next::Content(bytes)) => text.push(&self.members, bytes, sink)?,
                    Some(Next::Delimiter) => {
                        let State::Text(text) =
                            std::mem::replace(&mut self.state, State::Delimited(None))
                        else {
                            return Ok(());
                        };
                        text.end(&self.members, sink)?;
                    }
                }
            }
            State::Closed(seen) => {
                let expected = b"\r\n".get(*seen);
                if rest.split_off_first() != expected {
                    return Err(Error::Epilogue.into());
                }
                *seen += 1;
            }
        }
        Ok(())
    }

    /// After a delimiter comes CRLF and a part, or two dashes and nothing.
    fn delimited(&mut self, first: Option<u8>, rest: &mut &[u8]) -> Result<(), Error> {
        let byte = rest.split_off_first().copied();
        self.state = match (first, byte) {
            (None, Some(b'\r' | b'-')) => State::Delimited(byte),
            (Some(b'\r'), Some(b'\n')) => {
                self.head = PartHead::new(self.head.part().saturating_add(1));
                State::Head
            }
            (Some(b'-'), Some(b'-')) => {
                self.members.require_all()?;
                State::Closed(0)
            }
            _ => return Err(Error::BoundaryLine),
        };
        Ok(())
    }

    fn read_head<S: Sink>(
        &mut self,
        end: u64,
        rest: &mut &[u8],
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let part = self.head.part();
        if !self.line.push(rest).map_err(|what| Error::PartHeader { part, what })? {
            return Ok(());
        }
        if self.line.line().is_empty() {
            (self.opened, self.matched) = (Opened::JustNow { part }, Matched::CRLF);
            self.state = match self.head.end(&self.members)? {
                Part::Field(index) => State::Text(TextReader::new(index)),
                Part::Base64 => {
                    let at = end.saturating_sub(rest.len() as u64);
                    self.members.image_begins(at)?;
                    State::Base64(ImageText::new(at), at)
                }
                Part::Image(declared) => {
                    let at = end.saturating_sub(rest.len() as u64);
                    self.members.image_begins(at)?;
                    sink.image_begins(declared, at)?;
                    State::Image
                }
            };
        } else {
            self.head.line(self.line.line(), &mut self.members)?;
        }
        self.line.clear();
        Ok(())
    }
}

/// Whether any content of a part was seen yet.
///
/// Some readers take a boundary right after the header for the end of an empty part, others for
/// content: the line break before it is the header's own. It is refused.
#[derive(Clone, Copy)]
enum Opened {
    JustNow { part: u32 },
    Before,
}

impl Opened {
    /// What comes next in the content of a part.
    fn next<'a, 'input: 'a>(
        &mut self,
        delimiter: &'a Delimiter,
        matched: &mut Matched,
        rest: &mut &'input [u8],
    ) -> Result<Option<Next<'a>>, Error> {
        let next = delimiter.next(matched, rest);
        let (Self::JustNow { part }, Some(found)) = (*self, &next) else { return Ok(next) };
        *self = Self::Before;
        match found {
            Next::Delimiter => Err(Error::PartHeader {
                part,
                what: "expected a line break of its own before the boundary that ends an empty part",
            }),
            // The line break that was taken for a part of the boundary is the header's.
            Next::Content(held) => {
                Ok(held.get(2..).filter(|held| !held.is_empty()).map(Next::Content))
            }
        }
    }
}
