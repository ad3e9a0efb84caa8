//! The members of a flat JSON object (RFC 8259).
//!
//! Values are strings, numbers, true and false; a form has no others. The value of a field is its
//! text as it stands there, so that `1`, `"1"` and a part of a form with `1` are the same.

use std::sync::Arc;

use super::bounded::Bounded;
use super::data_url::ImageText;
use super::members::{Member, Members};
use super::number::Number;
use super::string::{Next, StringReader};
use super::text::TextReader;
use super::token::{Token, VALUE};
use super::{Error, Form, Sink};

/// Longer than any name that a form knows.
const NAME_MAX: usize = 128;

const _: () = assert!(super::FORM_NAME_MAX < NAME_MAX);

/// Reads a JSON body piece by piece.
pub(super) struct Parser {
    members: Members,
    state: State,
    /// The name of a member, as far as it was read.
    name: Bounded<NAME_MAX>,
    /// The member whose value is read.
    member: Member,
}

enum State {
    /// Between two tokens.
    Before(Token),
    Name(StringReader),
    Image(StringReader, ImageText),
    Text(StringReader, TextReader),
    Number(Number, TextReader),
    /// In `true` or `false`, before these letters.
    Word(&'static [u8], TextReader),
}

/// Why a step failed: at the next byte something else was expected, or anything else.
enum Fault<E> {
    Expected(&'static str),
    Other(E),
}

impl<E> From<E> for Fault<E> {
    fn from(error: E) -> Self {
        Self::Other(error)
    }
}

impl Parser {
    pub(super) fn new(form: Arc<Form>) -> Self {
        Self {
            members: Members::of_json(form),
            state: State::Before(Token::Object),
            name: Bounded::new(),
            member: Member::Image,
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
            self.step(end, &mut rest, sink).map_err(|fault| match fault {
                Fault::Other(error) => error,
                Fault::Expected(expected) => {
                    Error::Json { at: end.saturating_sub(rest.len() as u64), expected }.into()
                }
            })?;
        }
        Ok(())
    }

    /// The body is complete.
    pub(super) fn end(self) -> Result<(), Error> {
        match self.state {
            State::Before(Token::Nothing) => Ok(()),
            _ => Err(Error::JsonEnds),
        }
    }

    /// Takes what comes next off `rest`; byte `end` of the body follows it.
    fn step<S: Sink>(
        &mut self,
        end: u64,
        rest: &mut &[u8],
        sink: &mut S,
    ) -> Result<(), Fault<S::Error>> {
        let Self { members, state, name, member } = self;
        match state {
            State::Before(token) => {
                let token = *token;
                self.token(token, end, rest)?;
            }
            State::Name(string) => {
                let read = match string.next(rest).map_err(Fault::Expected)? {
                    None => Ok(()),
                    Some(Next::Plain(bytes)) => name.extend(bytes.iter().copied()),
                    Some(Next::Escaped(character)) => name.extend(utf8(character)),
                    Some(Next::End) => {
                        *member = members.take(name.as_slice()).map_err(S::Error::from)?;
                        name.clear();
                        *state = State::Before(Token::Colon);
                        Ok(())
                    }
                };
                read.map_err(|_| S::Error::from(members.unknown(name.as_slice())))?;
            }
            State::Image(string, text) => match string.next(rest).map_err(Fault::Expected)? {
                None => {}
                Some(Next::Plain(bytes)) => {
                    let end = end.saturating_sub(rest.len() as u64);
                    text.push(members.image_name(), bytes, end, sink)?;
                }
                Some(Next::Escaped(character)) => {
                    let end = end.saturating_sub(rest.len() as u64);
                    for byte in utf8(character) {
                        text.push(members.image_name(), &[byte], end, sink)?;
                    }
                }
                Some(Next::End) => {
                    let after = State::Before(Token::AfterValue);
                    if let State::Image(_, text) = std::mem::replace(state, after) {
                        text.end(members.image_name(), sink)?;
                    }
                }
            },
            State::Text(string, text) => match string.next(rest).map_err(Fault::Expected)? {
                None => {}
                Some(Next::Plain(bytes)) => text.push(members, bytes, sink)?,
                Some(Next::Escaped(character)) => {
                    let mut bytes = [0; 4];
                    text.push(members, character.encode_utf8(&mut bytes).as_bytes(), sink)?;
                }
                Some(Next::End) => self.end_text(sink)?,
            },
            State::Number(number, text) => {
                let mut len = 0;
                while let Some(next) = rest.get(len).and_then(|&byte| number.next(byte)) {
                    *number = next;
                    len += 1;
                }
                let (digits, after) = rest.split_at_checked(len).unwrap_or_default();
                *rest = after;
                text.push(members, digits, sink)?;
                match (after.is_empty(), number.is_whole()) {
                    (true, _) => {}
                    (false, true) => self.end_text(sink)?,
                    (false, false) => return Err(Fault::Expected("a digit")),
                }
            }
            State::Word(letters, text) => {
                let Some((letter, left)) = letters.split_first() else {
                    return Ok(self.end_text(sink)?);
                };
                if rest.first() != Some(letter) {
                    return Err(Fault::Expected(VALUE));
                }
                *rest = rest.get(1..).unwrap_or_default();
                *letters = left;
                text.push(members, &[*letter], sink)?;
            }
        }
        Ok(())
    }

    /// The text of a field is complete.
    fn end_text<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let after = State::Before(Token::AfterValue);
        match std::mem::replace(&mut self.state, after) {
            State::Text(_, text) | State::Number(_, text) | State::Word(_, text) => {
                text.end(&self.members, sink)
            }
            State::Before(_) | State::Name(_) | State::Image(..) => Ok(()),
        }
    }

    /// Takes white space, or the token that comes next.
    fn token<E: From<Error>>(
        &mut self,
        token: Token,
        end: u64,
        rest: &mut &[u8],
    ) -> Result<(), Fault<E>> {
        let Some((&byte, after)) = rest.split_first() else { return Ok(()) };
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            *rest = after;
            return Ok(());
        }
        let at = end.saturating_sub(after.len() as u64);
        self.state = match (token, byte) {
            (Token::Object, b'{') => State::Before(Token::FirstName),
            (Token::FirstName | Token::Name, b'"') => State::Name(StringReader::default()),
            (Token::Colon, b':') => State::Before(Token::Value),
            (Token::Value, _) => {
                self.state = self.value(byte, at)?;
                // Of a number or a word, the first letter belongs to the text.
                if byte == b'"' {
                    *rest = after;
                }
                return Ok(());
            }
            (Token::AfterValue, b',') => State::Before(Token::Name),
            (Token::FirstName | Token::AfterValue, b'}') => {
                self.members.require_all().map_err(E::from)?;
                State::Before(Token::Nothing)
            }
            _ => return Err(Fault::Expected(token.expected())),
        };
        *rest = after;
        Ok(())
    }

    /// The value of the member begins with `byte`; byte `at` of the body follows that.
    fn value<E: From<Error>>(&mut self, byte: u8, at: u64) -> Result<State, Fault<E>> {
        let found = match byte {
            b'{' => Some("an object"),
            b'[' => Some("an array"),
            b'n' => Some("null"),
            _ => None,
        };
        if let Some(found) = found {
            let name = self.members.name(self.member);
            return Err(E::from(Error::NotFlat { name, found }).into());
        }
        let text = match self.member {
            Member::Image if byte == b'"' => {
                self.members.image_begins(at).map_err(E::from)?;
                return Ok(State::Image(StringReader::default(), ImageText::new(at)));
            }
            Member::Image | Member::Base64 => {
                let name = self.members.image_name().to_owned();
                return Err(E::from(Error::ImageNotText { name }).into());
            }
            Member::Field(index) => TextReader::new(index),
        };
        match byte {
            b'"' => Ok(State::Text(StringReader::default(), text)),
            b'-' | b'0'..=b'9' => Ok(State::Number(Number::Start, text)),
            b't' => Ok(State::Word(b"true", text)),
            b'f' => Ok(State::Word(b"false", text)),
            _ => Err(Fault::Expected(VALUE)),
        }
    }
}

fn utf8(character: char) -> impl Iterator<Item = u8> {
    let mut bytes = [0; 4];
    let len = character.encode_utf8(&mut bytes).len();
    bytes.into_iter().take(len)
}
