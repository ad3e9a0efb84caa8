//! Whether an answer is right: as the image gave when it was sent alone, or an honest refusal.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::header;
use image::RgbaImage;
use serde_json::Value;

use super::BenchError;
use super::answer::Answer;
use super::client::Client;
use super::message::Message;

/// How far a channel of a pixel may be from that of the same picture made alone: batches and other kernels round
/// otherwise.
const TOLERANCE: u8 = 2;

/// What each message is answered.
pub(super) struct Verifier(Vec<Expected>);

#[derive(Debug)]
enum Expected {
    Picture(RgbaImage),
    /// The texts in a JSON document, in their order.
    Texts(Vec<String>),
}

impl Verifier {
    /// Sends each message once, alone; `scaled` pictures may be smaller than what was sent.
    pub(super) async fn learn(
        messages: &[Message],
        client: &mut Client,
        timeout: Duration,
        scaled: bool,
    ) -> Result<Self, BenchError> {
        let mut all = Vec::with_capacity(messages.len());
        for message in messages {
            let refused =
                |problem: String| BenchError::Alone { image: message.name.clone(), problem };
            let answer = client.send(message.request(), timeout).await;
            let answer = answer
                .map_err(|failure| refused(format!("got no answer: {}", failure.as_str())))?;
            if answer.status != 200 {
                let code = answer.code().unwrap_or_else(|| "no code".to_owned());
                return Err(refused(format!("was answered {} ({code})", answer.status)));
            }
            let expected = Expected::read(&answer).map_err(&refused)?;
            if let (Expected::Picture(picture), Some(sides)) = (&expected, message.sides)
                && !fits(picture.dimensions(), sides, scaled)
            {
                let (width, height) = picture.dimensions();
                return Err(refused(format!("came back as {width} x {height}")));
            }
            all.push(expected);
        }
        Ok(Self(all))
    }

    /// What is wrong with the answer to the message of this number.
    pub(super) fn problem(&self, number: usize, answer: &Answer) -> Option<String> {
        match answer.status {
            200 => {
                let read = Expected::read(answer);
                read.and_then(|read| self.0.get(number).map_or(Ok(()), |known| known.agrees(&read)))
                    .err()
            }
            status @ (429 | 503) => {
                let seconds =
                    answer.field(header::RETRY_AFTER).and_then(|text| text.parse::<u32>().ok());
                seconds.is_none().then(|| format!("{status} without a Retry-After"))
            }
            status => Some(format!("{status} ({})", answer.code().as_deref().unwrap_or("no code"))),
        }
    }
}

/// Whether a picture has the sides of what was sent, upright or turned by its orientation.
fn fits(picture: (u32, u32), sent: (u32, u32), scaled: bool) -> bool {
    let (width, height) = picture;
    [sent, (sent.1, sent.0)].into_iter().any(|(w, h)| {
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        (width, height) == (w, h)
            || scaled
                && width <= w
                && height <= h
                // Sides are whole numbers: one of them may be off by one.
                && product(width, h).abs_diff(product(height, w)) <= u64::from(w.max(h))
    })
}

impl Expected {
    fn read(answer: &Answer) -> Result<Self, String> {
        let media_type = answer.field(header::CONTENT_TYPE).unwrap_or_default();
        if media_type.starts_with("image/") {
            let picture = image::load_from_memory(&answer.body);
            return picture
                .map(|picture| Self::Picture(picture.into_rgba8()))
                .map_err(|error| error.to_string());
        }
        if media_type.starts_with("application/json") {
            let document = serde_json::from_slice(&answer.body);
            let document: Value = document.map_err(|error| error.to_string())?;
            let mut texts = Vec::new();
            gather(&document, &mut texts);
            return Ok(Self::Texts(texts));
        }
        Err(format!("its type is {media_type:?}: expected a picture or JSON"))
    }

    fn agrees(&self, other: &Self) -> Result<(), String> {
        match (self, other) {
            (Self::Picture(known), Self::Picture(other)) => {
                if known.dimensions() != other.dimensions() {
                    return Err("a picture of another size".to_owned());
                }
                let pairs = known.as_raw().iter().zip(other.as_raw());
                let furthest =
                    pairs.map(|(known, other)| known.abs_diff(*other)).max().unwrap_or(0);
                if furthest > TOLERANCE {
                    return Err(format!("another picture, by up to {furthest} of 255"));
                }
                Ok(())
            }
            (Self::Texts(known), Self::Texts(other)) if known == other => Ok(()),
            (Self::Texts(_), Self::Texts(_)) => Err("other texts".to_owned()),
            _ => Err("an answer of another kind".to_owned()),
        }
    }
}

/// All texts below a value, but for the ids of requests, which differ.
fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let named = members.into_iter().filter(|(name, _)| *name != "request_id");
            named.for_each(|(_, value)| gather(value, texts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use bytes::Bytes;
    use image::{ImageFormat, Rgba};

    use super::*;

    fn answer(
        status: u16,
        fields: &[(&'static str, &'static str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer { status, headers: fields.collect::<HeaderMap>(), body: body.into() }
    }

    fn picture(alpha: u8) -> Answer {
        let mut bytes = Cursor::new(Vec::new());
        let picture = RgbaImage::from_pixel(4, 3, Rgba([9, 9, 9, alpha]));
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        answer(200, &[("content-type", "image/png")], bytes.into_inner())
    }

    fn text(text: &'static str) -> Answer {
        answer(200, &[("content-type", "application/json")], text)
    }

    fn verifier(first: &Answer) -> Verifier {
        Verifier(vec![Expected::read(first).unwrap()])
    }

    #[test]
    fn the_same_picture_is_right_and_another_one_is_wrong() {
        let verifier = verifier(&picture(100));
        assert_eq!(verifier.problem(0, &picture(102)), None);
        assert!(verifier.problem(0, &picture(103)).unwrap().contains("by up to 3"));
        let cut = answer(200, &[("content-type", "image/png")], picture(100).body.slice(..40));
        assert!(verifier.problem(0, &cut).is_some());
        assert!(verifier.problem(0, &text("{}")).unwrap().contains("another kind"));
    }

    #[test]
    fn the_same_lines_are_right_whatever_the_id() {
        let verifier = verifier(&text(r#"{"lines":[{"text":"a","score":0.5}],"request_id":"1"}"#));
        let same = text(r#"{"request_id":"2","lines":[{"score":0.6,"text":"a"}]}"#);
        assert_eq!(verifier.problem(0, &same), None);
        assert!(verifier.problem(0, &text(r#"{"lines":[{"text":"b"}]}"#)).is_some());
        assert!(verifier.problem(0, &text("{")).is_some());
    }

    #[test]
    fn a_refusal_is_honest_if_it_says_when_to_come_again() {
        let verifier = verifier(&picture(1));
        for status in [429, 503] {
            assert_eq!(verifier.problem(0, &answer(status, &[("retry-after", "2")], "")), None);
            assert!(verifier.problem(0, &answer(status, &[], "")).unwrap().contains("Retry-After"));
        }
        assert!(verifier.problem(0, &answer(500, &[("retry-after", "2")], "")).is_some());
    }

    #[test]
    fn sides_are_those_that_were_sent() {
        assert!(fits((40, 30), (40, 30), false) && fits((30, 40), (40, 30), false));
        assert!(!fits((20, 15), (40, 30), false) && fits((20, 15), (40, 30), true));
        assert!(!fits((20, 20), (40, 30), true) && !fits((80, 60), (40, 30), true));
    }
}
