//! `POST /ocr`, as the server of `rapidocr_api` 0.2.0 takes it.
//!
//! It can leave out finding lines, turning them and reading them; here all three are always done.

use filter::body::Fields;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::is_set;
use crate::api::error::ApiError;
use crate::api::ocr::{Face, rounded};
use crate::models::text::{Line, Reading};

pub(super) const FACE: Face = Face { read, write };

fn read(fields: &Fields) -> Result<(), ApiError> {
    for name in ["use_det", "use_cls", "use_rec"] {
        if fields.text(name).is_some_and(|text| !is_set(Some(text))) {
            let expected = "true: lines are always found, turned and read here";
            return Err(ApiError::Parameter { name, expected });
        }
    }
    Ok(())
}

fn write(reading: &Reading) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Numbered(&reading.lines))
}

/// Lines under their numbers, in their order.
struct Numbered<'a>(&'a [Line]);

impl Serialize for Numbered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines = serializer.serialize_map(Some(self.0.len()))?;
        for (number, line) in self.0.iter().enumerate() {
            lines.serialize_entry(&number.to_string(), &NumberedLine::from(line))?;
        }
        lines.end()
    }
}

#[derive(serde::Serialize)]
struct NumberedLine<'a> {
    rec_txt: &'a str,
    dt_boxes: [[f64; 2]; 4],
    score: f64,
}

impl<'a> From<&'a Line> for NumberedLine<'a> {
    fn from(line: &'a Line) -> Self {
        Self {
            rec_txt: &line.text,
            dt_boxes: line.corners.map(|corner| corner.map(|value| rounded(value, 10.0))),
            score: rounded(line.confidence, 1e4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_under_their_numbers() {
        let line = |text: &str| Line {
            text: text.into(),
            confidence: 0.987_654,
            corners: [[1.0, 2.0], [30.26, 2.0], [30.26, 9.04], [1.0, 9.0]],
        };
        let lines = (0..11).map(|number| line(&format!("{number}")));
        let reading = Reading { width: 40, height: 20, lines: lines.collect() };
        let written = String::from_utf8(write(&reading).unwrap()).unwrap();
        let first = r#"{"0":{"rec_txt":"0","dt_boxes":[[1.0,2.0],[30.3,2.0],[30.3,9.0],[1.0,9.0]],"score":0.9877},"1":"#;
        assert!(written.starts_with(first), "{written}");
        assert!(written.find("\"10\":") > written.find("\"9\":"), "in their order");
        let empty = Reading { width: 1, height: 1, lines: Vec::new() };
        assert_eq!(write(&empty).unwrap(), b"{}");
    }
}
