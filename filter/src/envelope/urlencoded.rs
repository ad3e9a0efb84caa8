//! The pairs of `application/x-www-form-urlencoded` (the URL standard, section 5).
//!
//! A `+` is a space. What readers have split pairs at in other ways, or only some of them take, must be
//! escaped: a `;` was once as good as an `&`, and bytes that are no visible ASCII have many meanings.

use std::sync::Arc;

use super::bounded::Bounded;
use super::data_url::ImageText;
use super::members::{Member, Members};
use super::text::TextReader;
use super::{Error, Form, Sink};

/// Longer than any name that a form knows.
const NAME_MAX: usize = 128;

const _: () = assert!(super::FORM_NAME_MAX < NAME_MAX);

/// Reads a form of pairs piece by piece.
pub(super) struct Parser {
    members: Members,
    state: State,
    escape: Escape,
}

enum State {
    /// In the name of a pair.
    Name(Bounded<NAME_MAX>),
    Image(ImageText),
    Text(TextReader),
    /// Never seen: a value is taken out here while it ends.
    Ended,
}

/// How much of an escape was read.
#[derive(Clone, Copy)]
enum Escape {
    None,
    /// The percent sign.
    Begun,
    /// And the first digit, of this value.
    Half(u8),
}

/// What comes next.
#[derive(Clone, Copy)]
enum Next<'a> {
    /// Nothing, until there are more bytes.
    More,
    /// Bytes that stand for themselves.
    Plain(&'a [u8]),
    /// A byte that stands for another.
    Escaped(u8),
    /// `=`
    Equals,
    /// `&`
    Ampersand,
}

impl Parser {
    pub(super) fn new(form: Arc<Form>) -> Self {
        let members = Members::of_urlencoded(form);
        Self { members, state: State::Name(Bounded::new()), escape: Escape::None }
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
            let next = self.next(end, &mut rest)?;
            self.take(next, end.saturating_sub(rest.len() as u64), sink)?;
        }
        Ok(())
    }

    /// The body is complete, and with it the last value.
    pub(super) fn end<S: Sink>(mut self, sink: &mut S) -> Result<(), S::Error> {
        if !matches!(self.escape, Escape::None) || matches!(self.state, State::Name(_)) {
            return Err(Error::UrlencodedEnds.into());
        }
        self.end_value(sink)?;
        Ok(self.members.require_all()?)
    }

    /// Takes what comes next off `rest`; byte `end` of the body follows that.
    fn next<'a>(&mut self, end: u64, rest: &mut &'a [u8]) -> Result<Next<'a>, Error> {
        let fault = |rest: &[u8], expected| {
            let at = end.saturating_sub(rest.len() as u64);
            Err(Error::Urlencoded { at, expected })
        };
        let plain = rest.iter().take_while(|&&byte| is_plain(byte)).count();
        if let (Escape::None, 1..) = (self.escape, plain) {
            let (bytes, after) = rest.split_at_checked(plain).unwrap_or_default();
            *rest = after;
            return Ok(Next::Plain(bytes));
        }
        let Some((&byte, after)) = rest.split_first() else { return Ok(Next::More) };
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let next = match (self.escape, byte, digit) {
            (Escape::None, b'%', _) => {
                self.escape = Escape::Begun;
                Next::More
            }
            (Escape::None, b'+', _) => Next::Escaped(b' '),
            (Escape::None, b'=', _) => Next::Equals,
            (Escape::None, b'&', _) => Next::Ampersand,
            (Escape::None, ..) => {
                return fault(rest, "visible ASCII, and % for \";\" and the rest");
            }
            (Escape::Begun, _, Some(digit)) => {
                self.escape = Escape::Half(digit);
                Next::More
            }
            (Escape::Half(first), _, Some(digit)) => {
                self.escape = Escape::None;
                Next::Escaped(first << 4 | digit)
            }
            (_, _, None) => return fault(rest, "two hex digits after %"),
        };
        *rest = after;
        Ok(next)
    }

    /// Byte `at` of the body follows `next`.
    fn take<S: Sink>(&mut self, next: Next<'_>, at: u64, sink: &mut S) -> Result<(), S::Error> {
        let Self { members, state, .. } = self;
        let escaped;
        let bytes = match next {
            Next::More => return Ok(()),
            Next::Ampersand => return self.next_pair(at, sink),
            Next::Plain(bytes) => bytes,
            Next::Escaped(byte) => {
                escaped = [byte];
                &escaped
            }
            Next::Equals => {
                if let State::Name(name) = state {
                    *state = match members.take(name.as_slice())? {
                        Member::Image | Member::Base64 => {
                            members.image_begins(at)?;
                            State::Image(ImageText::new(at))
                        }
                        Member::Field(index) => State::Text(TextReader::new(index)),
                    };
                    return Ok(());
                }
                // Further ones belong to the value, as the padding of base64.
                b"="
            }
        };
        match state {
            State::Name(name) => {
                let read = name.extend(bytes.iter().copied());
                Ok(read.map_err(|_| members.unknown(name.as_slice()))?)
            }
            State::Image(text) => text.push(members.image_name(), bytes, at, sink),
            State::Text(text) => text.push(members, bytes, sink),
            State::Ended => Ok(()),
        }
    }

    /// A pair ends before byte `at` of the body, and another must follow.
    fn next_pair<S: Sink>(&mut self, at: u64, sink: &mut S) -> Result<(), S::Error> {
        if matches!(self.state, State::Name(_)) {
            let expected = "name=value, with one & in between";
            return Err(Error::Urlencoded { at: at.saturating_sub(1), expected }.into());
        }
        self.end_value(sink)?;
        self.state = State::Name(Bounded::new());
        Ok(())
    }

    fn end_value<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Image(text) => text.end(self.members.image_name(), sink),
            State::Text(text) => text.end(&self.members, sink),
            State::Name(_) | State::Ended => Ok(()),
        }
    }
}

/// Whether a byte stands for itself, and for nothing else.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"%+=&;".contains(&byte)
}
