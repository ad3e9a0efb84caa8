//! The text of a field, judged as it arrives: UTF-8 (RFC 3629), length, characters, values.

use super::bounded::Bounded;
use super::form::{Field, VALUES_MAX};
use super::members::Members;
use super::{Error, Sink};

/// Judges the text of one field, character by character, and passes on what is right.
pub(super) struct TextReader {
    index: usize,
    /// The bytes of the characters that were right.
    len: u32,
    /// One bit for each value that begins like the text.
    candidates: u32,
    /// A character that is not complete.
    begun: Bounded<4>,
}

const _: () = assert!(VALUES_MAX <= u32::BITS as usize, "each value has a bit");

impl TextReader {
    /// A reader of the field of this index.
    pub(super) fn new(index: usize) -> Self {
        Self { index, len: 0, candidates: u32::MAX, begun: Bounded::new() }
    }

    /// Judges the next bytes.
    pub(super) fn push<S: Sink>(
        &mut self,
        members: &Members,
        mut bytes: &[u8],
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(field) = members.field(self.index) else { return Ok(()) };
        while !self.begun.as_slice().is_empty() {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            // No character has more than four bytes.
            self.begun.push(byte).map_err(|_| not_utf8(field))?;
            let whole = self.begun;
            match std::str::from_utf8(whole.as_slice()) {
                Ok(character) => {
                    self.begun.clear();
                    self.judge(field, character, sink)?;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(not_utf8(field).into()),
            }
        }
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return self.judge(field, text, sink),
            Err(error) => error,
        };
        let (text, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
        self.judge(field, std::str::from_utf8(text).unwrap_or_default(), sink)?;
        if error.error_len().is_some() {
            return Err(not_utf8(field).into());
        }
        Ok(self.begun.extend(rest.iter().copied()).map_err(|_| not_utf8(field))?)
    }

    /// The text is complete.
    pub(super) fn end<S: Sink>(self, members: &Members, sink: &mut S) -> Result<(), S::Error> {
        let Some(field) = members.field(self.index) else { return Ok(()) };
        if !self.begun.as_slice().is_empty() {
            return Err(not_utf8(field).into());
        }
        let is_it = |(bit, value): (u32, &String)| {
            self.candidates & bit != 0 && u32::try_from(value.len()) == Ok(self.len)
        };
        if !field.values.is_empty() && !values(field).any(is_it) {
            return Err(not_one_of(field).into());
        }
        if self.len == 0 { sink.field(self.index, "") } else { Ok(()) }
    }

    /// Passes on what is right of `text`, and then says what is wrong with the next character.
    fn judge<S: Sink>(&mut self, field: &Field, text: &str, sink: &mut S) -> Result<(), S::Error> {
        let mut fault = None;
        let mut right = 0;
        for character in text.chars() {
            match self.admit(field, character) {
                Ok(()) => right += character.len_utf8(),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if right > 0 {
            sink.field(self.index, text.get(..right).unwrap_or_default())?;
        }
        fault.map_or(Ok(()), |error| Err(error.into()))
    }

    fn admit(&mut self, field: &Field, character: char) -> Result<(), Error> {
        if !field.text.admits(character) {
            return Err(Error::NotText { name: field.name.clone(), text: field.text });
        }
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).as_bytes();
        let len = u32::try_from(bytes.len()).ok().and_then(|len| self.len.checked_add(len));
        let Some(len) = len.filter(|&len| len <= field.max_bytes) else {
            return Err(Error::TooLong { name: field.name.clone(), max: field.max_bytes });
        };
        if !field.values.is_empty() {
            let from = usize::try_from(self.len).unwrap_or(usize::MAX);
            let goes_on = |value: &str| {
                value.as_bytes().get(from..).is_some_and(|rest| rest.starts_with(bytes))
            };
            self.candidates = values(field)
                .filter(|(bit, value)| self.candidates & bit != 0 && goes_on(value))
                .fold(0, |candidates, (bit, _)| candidates | bit);
            if self.candidates == 0 {
                return Err(not_one_of(field));
            }
        }
        self.len = len;
        Ok(())
    }
}

/// The values of a field, each with its bit.
fn values(field: &Field) -> impl Iterator<Item = (u32, &String)> {
    let bits = (0..u32::BITS).map(|index| 1_u32 << index);
    bits.zip(field.values.iter().take(VALUES_MAX))
}

fn not_utf8(field: &Field) -> Error {
    Error::NotUtf8 { name: field.name.clone() }
}

fn not_one_of(field: &Field) -> Error {
    Error::NotOneOf { name: field.name.clone(), expected: field.values.join(", ") }
}
