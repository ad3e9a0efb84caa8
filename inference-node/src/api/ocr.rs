//! Reading text: a page in, and its lines out as JSON, in the words of a `Face`.
//!
//! Our own face is `POST /v1/ocr`; the one of `RapidOCR` is in `faces/`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use filter::body::Fields;
use filter::{Claims, KeyRing, hex};
use serde::Serialize;

use super::Node;
use super::background::with_common_fields;
use super::error::ApiError;
use crate::models::text::{Line, Reading};

/// How one API asks for text, and how it is answered.
pub(crate) struct Face {
    /// Refuses what cannot be done.
    pub(crate) read: fn(&Fields) -> Result<(), ApiError>,
    /// Writes the answer as JSON.
    pub(crate) write: fn(&Reading) -> serde_json::Result<Vec<u8>>,
}

const OURS: Face =
    Face { read: |_| Ok(()), write: |reading| serde_json::to_vec(&Page::from(reading)) };

/// `POST /v1/ocr`.
pub(crate) async fn ours<K: KeyRing + Send + Sync + 'static>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    answer(&OURS, &node, request).await
}

/// Takes the request through admission, model and encoding.
pub(crate) async fn answer<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    request: Request,
) -> Response<Body> {
    let (claims, body) = match node.open(request) {
        Ok(opened) => opened,
        Err(error) => return ApiError::from(error).reply_without_permit(),
    };
    read(face, node, claims.clone(), body).await.unwrap_or_else(|error| {
        if let ApiError::Engine(cause) | ApiError::Run(cause) = &error {
            let request_id = hex::encode(&claims.id.0);
            tracing::warn!(%request_id, %cause, "the engine did not finish a job");
        }
        error.reply(&claims, node.dialect(&claims))
    })
}

async fn read<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    claims: Claims,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let text = node.text.as_ref().ok_or(ApiError::NoEndpoint)?;
    let admitted = node.admit(claims, body).await?;
    (face.read)(admitted.image.fields())?;
    let id = admitted.claims.id;
    let worked = node.work(text, admitted, |image| image).await?;
    let page = (face.write)(&worked.output).map_err(|error| ApiError::Encode(error.to_string()))?;
    let response = Response::new(Body::from(page));
    let mut response = with_common_fields(response, id, &worked.took.timing());
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response.extensions_mut().insert(worked.stages);
    Ok(response)
}

/// What was read of a page, as clients see it.
#[derive(Serialize)]
struct Page<'a> {
    width: u32,
    height: u32,
    lines: Vec<PageLine<'a>>,
}

#[derive(Serialize)]
struct PageLine<'a> {
    text: &'a str,
    confidence: f64,
    #[serde(rename = "box")]
    corners: [[f64; 2]; 4],
}

impl<'a> From<&'a Reading> for Page<'a> {
    fn from(reading: &'a Reading) -> Self {
        let lines = reading.lines.iter().map(PageLine::from).collect();
        Self { width: reading.width, height: reading.height, lines }
    }
}

impl<'a> From<&'a Line> for PageLine<'a> {
    fn from(line: &'a Line) -> Self {
        Self {
            text: &line.text,
            confidence: rounded(line.confidence, 1e4),
            corners: line.corners.map(|corner| corner.map(|value| rounded(value, 10.0))),
        }
    }
}

/// To one part in `parts`: the digits that follow mean nothing.
pub(super) fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_as_the_documentation_says() {
        let line = Line {
            text: "a \"b\" 字".into(),
            confidence: 0.987_654,
            corners: [[1.0, 2.0], [30.26, 2.0], [30.26, 9.04], [1.0, 9.0]],
        };
        let reading = Reading { width: 40, height: 20, lines: vec![line] };
        let written = serde_json::to_string(&Page::from(&reading)).unwrap();
        let expected = r#"{"width":40,"height":20,"lines":[{"text":"a \"b\" 字","confidence":0.9877,"box":[[1.0,2.0],[30.3,2.0],[30.3,9.0],[1.0,9.0]]}]}"#;
        assert_eq!(written, expected);
        let empty = Reading { width: 1, height: 1, lines: Vec::new() };
        let written = serde_json::to_string(&Page::from(&empty)).unwrap();
        assert_eq!(written, r#"{"width":1,"height":1,"lines":[]}"#);
    }
}
