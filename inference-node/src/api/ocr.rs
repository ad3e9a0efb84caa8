//! `POST /v1/ocr`: a page in, its lines of text out, as JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use filter::policy::Dialect;
use filter::{Claims, KeyRing, PermitId, hex};
use serde::Serialize;

use super::background::{decode_clean, millis};
use super::blocking::on_a_thread;
use super::error::ApiError;
use super::stages::Stages;
use super::{Admitted, Node};
use crate::clock;
use crate::engine::EngineError;
use crate::models::text::{Line, Reading};

/// Takes the request through admission, model and encoding.
pub(crate) async fn handle<K: KeyRing + Send + Sync + 'static>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    let (claims, body) = match node.open(request) {
        Ok(opened) => opened,
        Err(error) => return ApiError::from(error).reply_without_permit(),
    };
    read(&node, claims.clone(), body).await.unwrap_or_else(|error| {
        if let ApiError::Engine(cause) | ApiError::Run(cause) = &error {
            let request_id = hex::encode(&claims.id.0);
            tracing::warn!(%request_id, %cause, "the engine did not finish a job");
        }
        error.reply(&claims, Dialect::default())
    })
}

async fn read<K: KeyRing>(
    node: &Node<K>,
    claims: Claims,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let text = node.text.as_ref().ok_or(ApiError::NoEndpoint)?;
    let Admitted { claims, image, limits, slot, .. } =
        node.admit(claims, body, || text.admit()).await?;
    let turn = slot.turn().await.ok_or(EngineError::WaitedTooLong)?;
    // Not earlier: whoever was sent away by then may come again.
    node.permits.use_once(&claims, clock::now()).await?;
    // The turn goes with the image, also where a client who leaves drops this future.
    let ((image, turn), decoding) =
        on_a_thread(move || Ok((decode_clean(&image, limits)?, turn))).await?;
    node.metrics.stage("decode", decoding);
    let mut stages = Stages::default();
    stages.ended([("decode", decoding)]);
    let done = text.run(turn, image).await.map_err(ApiError::Run)?;
    node.metrics.inference(done.queued, done.ran);
    node.metrics.batch(done.batch);
    stages.ended([("queue", done.queued), ("model", done.ran)]);
    let page = serde_json::to_vec(&Page::from(&done.output))
        .map_err(|error| ApiError::Encode(error.to_string()))?;
    let timing = format!(
        "decode;dur={:.1}, queue;dur={:.1}, model;dur={:.1}",
        millis(decoding),
        millis(done.queued),
        millis(done.ran)
    );
    let mut response = answer(claims.id, page, &timing);
    response.extensions_mut().insert(stages);
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
fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

fn answer(id: PermitId, page: Vec<u8>, timing: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [("x-request-id", hex::encode(&id.0).as_str()), ("server-timing", timing)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
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
