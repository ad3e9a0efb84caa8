//! Envelopes as clients write them, broken ones, and every one of them cut anywhere.

mod clients;
mod json;
mod multipart;
mod properties;
pub(super) mod record;
mod urlencoded;
pub(super) mod write;

use std::sync::Arc;

use record::{Call, Record};

use super::*;
use crate::Format;

/// A form with an image `file` or `image` and five fields.
fn form() -> Arc<Form> {
    let field = |name: &str, max_bytes, text, values: &[&str], required| Field {
        name: name.to_owned(),
        max_bytes,
        text,
        values: values.iter().map(|&value| value.to_owned()).collect(),
        required,
    };
    Arc::new(Form {
        multipart: Some("file".to_owned()),
        multipart_base64: None,
        json: Some("image".to_owned()),
        urlencoded: Some("image".to_owned()),
        fields: vec![
            field("output", 16, Text::Token, &["cutout", "mask", "maskable"], false),
            field("size", 8, Text::Token, &[], false),
            field("title", 20, Text::Line, &[], false),
            field("prompt", 40, Text::Lines, &[], false),
            field("alpha", 8, Text::Token, &["true", "false"], false),
        ],
    })
}

/// The form, with `output` required.
fn form_with_output() -> Arc<Form> {
    let mut form = Form::clone(&form());
    form.fields[0].required = true;
    Arc::new(form)
}

const BOUNDARY: &str = "AaB03x";

fn boundary(text: &str) -> Boundary {
    Boundary::parse(format!("multipart/form-data; boundary=\"{text}\"").as_bytes()).unwrap()
}

/// What a sink is told of `pieces`, and how it ends.
fn read_pieces<'a>(
    mut reader: Reader,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Call>, Result<(), Error>) {
    let mut record = Record::default();
    let pushed = pieces.into_iter().try_for_each(|piece| reader.push(piece, &mut record));
    let outcome = pushed.and_then(|()| reader.end(&mut record));
    (record.calls, outcome)
}

/// What a sink is told of a whole body, the same as of one that comes byte by byte.
fn read(reader: impl Fn() -> Reader, body: &[u8]) -> Result<Vec<Call>, Error> {
    let whole = read_pieces(reader(), [body]);
    assert_eq!(read_pieces(reader(), body.chunks(1)), whole, "byte by byte");
    assert_eq!(read_pieces(reader(), body.chunks(7)), whole, "seven bytes at a time");
    let (calls, outcome) = whole;
    outcome.map(|()| calls)
}

fn read_form(body: &[u8]) -> Result<Vec<Call>, Error> {
    read(|| Reader::form(boundary(BOUNDARY), form()), body)
}

fn read_json(body: &str) -> Result<Vec<Call>, Error> {
    read(|| Reader::json(form()), body.as_bytes())
}

fn read_urlencoded(body: &str) -> Result<Vec<Call>, Error> {
    read(|| Reader::urlencoded(form()), body.as_bytes())
}

fn image(declared: Option<Format>, at: u64, bytes: &[u8]) -> Vec<Call> {
    let content = (!bytes.is_empty()).then(|| Call::Image(bytes.to_vec()));
    let mut calls = vec![Call::Begins(declared, at)];
    calls.extend(content);
    calls.push(Call::Ends);
    calls
}

fn field(index: usize, text: &str) -> Call {
    Call::Field(index, text.to_owned())
}

#[test]
fn a_raw_body_is_the_image() {
    assert_eq!(read(Reader::raw, b"image"), Ok(image(None, 0, b"image")));
    assert_eq!(read(Reader::raw, b""), Ok(image(None, 0, b"")));
    let large = vec![7; 40_000];
    assert_eq!(read(Reader::raw, &large), Ok(image(None, 0, &large)));
}

#[test]
fn nothing_is_read_after_the_end_or_an_error() {
    let mut record = Record::default();
    let mut reader = Reader::raw();
    reader.push(b"a", &mut record).unwrap();
    reader.end(&mut record).unwrap();
    assert_eq!(reader.push(b"a", &mut record), Err(Error::AfterEnd));
    assert_eq!(reader.end(&mut record), Err(Error::AfterEnd));
    let mut reader = Reader::json(form());
    assert!(reader.push(b"[", &mut record).is_err());
    assert_eq!(reader.push(b"{", &mut record), Err(Error::AfterEnd));
}

#[test]
fn an_error_of_the_sink_ends_the_reading() {
    let mut record = Record { refuses: true, ..Record::default() };
    let mut reader = Reader::json(form());
    let body = br#"{"image":"AAAA"}"#;
    assert_eq!(reader.push(body, &mut record), Err(Error::Epilogue));
    assert_eq!(reader.end(&mut record), Err(Error::AfterEnd));
}

#[test]
fn messages_say_what_is_wrong_and_where() {
    for (error, message) in [
        (
            read_json(r#"{"image":"AAAA","siz\u00e9":1}"#),
            "\"siz??\" is not known: expected image, output, size, title, prompt, alpha",
        ),
        (
            read_json(r#"{"image":"AAAA","size":null}"#),
            "\"size\" is null: expected a string, a number, true or false",
        ),
        (read_json(r#"{"output":"masks"}"#), "\"output\": expected one of cutout, mask, maskable"),
        (
            read_json("{\"title\":\"a\\nb\"}"),
            "\"title\": expected one line without control characters",
        ),
        (
            read_json("{,"),
            "the JSON is malformed at byte 1: expected a name in quotes, or the end of the object",
        ),
    ] {
        assert_eq!(error.unwrap_err().to_string(), message);
    }
}
