//! A body for the reader of envelopes, and what it tells.

use std::sync::Arc;

use filter::Format;
use filter::envelope::{Boundary, Error, Field, Form, Reader, Sink, Text};

use crate::pieces::{Cut, pieces};

/// The name of the image in every envelope.
pub const IMAGE: &str = "file";
/// The boundary of every multipart body. It begins like what stands in front of it.
pub const BOUNDARY: &str = "--b";

/// What a reader told of a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// The calls, with pieces joined.
    pub calls: Vec<Call>,
}

/// A call of a sink.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Call {
    Begins(Option<Format>, u64),
    Image(Vec<u8>),
    Ends,
    Field(usize, String),
}

impl Told {
    /// Where in the body the image begins, and its bytes.
    pub fn image(&self) -> (u64, &[u8]) {
        let mut image = (0, &[][..]);
        for call in &self.calls {
            match call {
                Call::Begins(_, at) => image.0 = *at,
                Call::Image(bytes) => image.1 = bytes,
                Call::Ends | Call::Field(..) => {}
            }
        }
        image
    }

    /// The texts, each with its field.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.calls.iter().filter_map(|call| match call {
            Call::Field(index, text) => Some((FIELDS[*index].0, &**text)),
            _ => None,
        })
    }
}

impl Sink for Told {
    type Error = Error;

    fn image_begins(&mut self, declared: Option<Format>, at: u64) -> Result<(), Error> {
        self.calls.push(Call::Begins(declared, at));
        Ok(())
    }

    fn image(&mut self, bytes: &[u8]) -> Result<(), Error> {
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
            Some(Call::Field(index, text)) if *index == field => text.push_str(piece),
            _ => self.calls.push(Call::Field(field, piece.to_owned())),
        }
        Ok(())
    }
}

/// What a multipart body holds, however it is cut; nothing if it is refused.
///
/// # Panics
/// If it matters where it is cut.
pub fn multipart(body: &[u8], cut: [u8; 2], strict: bool) -> Option<Told> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let boundary = Boundary::parse(content_type.as_bytes()).expect("a boundary");
    read(body, cut, || Reader::form(boundary, form(strict)))
}

/// What a JSON body holds, however it is cut; nothing if it is refused.
///
/// # Panics
/// If it matters where it is cut.
pub fn json(body: &[u8], cut: [u8; 2], strict: bool) -> Option<Told> {
    read(body, cut, || Reader::json(form(strict)))
}

/// What a form of pairs holds, however it is cut; nothing if it is refused.
///
/// # Panics
/// If it matters where it is cut.
pub fn urlencoded(body: &[u8], cut: [u8; 2], strict: bool) -> Option<Told> {
    read(body, cut, || Reader::urlencoded(form(strict)))
}

fn read(body: &[u8], [one, other]: [u8; 2], reader: impl Fn() -> Reader) -> Option<Told> {
    let whole = tell(reader(), [body]);
    assert_eq!(tell(reader(), pieces(body, Cut(one, other))), whole, "it matters where it is cut");
    let (told, outcome) = whole;
    outcome.ok()?;
    let told_once =
        |wanted: fn(&Call) -> bool| told.calls.iter().filter(|call| wanted(call)).count();
    assert_eq!(told_once(|call| matches!(call, Call::Begins(..))), 1);
    assert_eq!(told_once(|call| matches!(call, Call::Ends)), 1);
    Some(told)
}

fn tell<'a>(
    mut reader: Reader,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Told, Result<(), Error>) {
    let mut told = Told::default();
    let pushed = pieces.into_iter().try_for_each(|piece| reader.push(piece, &mut told));
    let outcome = pushed.and_then(|()| reader.end(&mut told));
    (told, outcome)
}

const FIELDS: [(&str, Text, u32, &[&str]); 4] = [
    ("model", Text::Token, 16, &["u2net", "u2netp", "isnet"]),
    ("size", Text::Token, 12, &[]),
    ("line", Text::Line, 24, &[]),
    ("text", Text::Lines, 48, &[]),
];

/// The form of every body; a strict one must have a model.
fn form(strict: bool) -> Arc<Form> {
    let field = |(name, text, max_bytes, values): (&str, Text, u32, &[&str])| Field {
        name: name.to_owned(),
        max_bytes,
        text,
        values: values.iter().map(|&value| value.to_owned()).collect(),
        required: strict && name == "model",
    };
    Arc::new(Form {
        multipart: Some(IMAGE.to_owned()),
        multipart_base64: None,
        json: Some(IMAGE.to_owned()),
        urlencoded: Some(IMAGE.to_owned()),
        fields: FIELDS.map(field).to_vec(),
    })
}
