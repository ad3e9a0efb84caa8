//! `POST /v1.0/removebg` and `GET /v1.0/account`, as remove.bg's public description has them.
//!
//! What is not done here (shadows, positions, regions, backgrounds from URLs) is refused by the policy,
//! except where a client sends the value that changes nothing.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use base64ct::{Base64, Encoding as _};
use filter::{Claims, hex};
use serde_json::json;

use super::{colour, is_set};
use crate::api::background::{Asked, Face, Order, write_picture};
use crate::api::error::ApiError;
use crate::image::encode::Encoding;
use crate::image::finish::{Finish, Finished};
use crate::models::background::{Backdrop, Shape, Wanted};

pub(super) const FACE: Face = Face { read, write };

fn read(asked: &Asked<'_>) -> Result<Order, ApiError> {
    let text = |name| asked.fields.text(name);
    let max_pixels = match text("size") {
        // remove.bg's own default.
        None | Some("preview" | "small" | "regular") => Some(250_000),
        Some("medium") => Some(1_500_000),
        Some("hd") => Some(4_000_000),
        Some(_) => None,
    };
    let (encoding, jpeg_if_opaque) = match text("format") {
        None | Some("auto") => (Encoding::Png, true),
        Some("jpg") => (Encoding::Jpeg, false),
        Some("webp") => (Encoding::WebP, false),
        Some(_) => (Encoding::Png, false),
    };
    let expected = "a colour such as 81d4fa, #fff or green";
    let mut backdrop = match text("bg_color") {
        None | Some("") => Backdrop::Nothing,
        Some(text) => colour::written(text)
            .map(Backdrop::Colour)
            .ok_or(ApiError::Parameter { name: "bg_color", expected })?,
    };
    if encoding == Encoding::Jpeg && backdrop == Backdrop::Nothing {
        // A JPEG has no alpha, and black is nobody's wish.
        backdrop = Backdrop::Colour([255; 4]);
    }
    let shape = if text("channels") == Some("alpha") { Shape::Mask } else { Shape::Cutout };
    let crop = is_set(text("crop"));
    Ok(Order {
        model: asked.model(None)?,
        wanted: Wanted { shape, smooth: false, backdrop },
        matting: None,
        finish: Finish { crop, max_pixels, jpeg_if_opaque, encoding },
        json: wants_json(asked.headers),
    })
}

/// The picture, or JSON with the picture in it. Nothing is charged here: quotas are in `RateLimit`.
fn write(finished: Finished, order: &Order) -> Response<Body> {
    let (width, height) = finished.size;
    let mut response = if order.json {
        let result = Base64::encode_string(&finished.bytes);
        json_response(&json!({ "data": { "result_b64": result } }))
    } else {
        write_picture(finished, order)
    };
    let headers = response.headers_mut();
    headers.insert("x-width", width.into());
    headers.insert("x-height", height.into());
    headers.insert("x-type", HeaderValue::from_static("other"));
    headers.insert("x-credits-charged", HeaderValue::from_static("0"));
    response
}

/// What a key has: no credits, because there are none here.
pub(super) fn account(claims: &Claims) -> Response<Body> {
    let mut response = json_response(&json!({
        "data": { "attributes": {
            "credits": { "total": 0, "subscription": 0, "payg": 0, "enterprise": 0 },
            "api": { "free_calls": 0, "sizes": "all" },
        } },
    }));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&hex::encode(&claims.id.0)) {
        headers.insert("x-request-id", id);
    }
    response
}

fn json_response(document: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(document.to_string()));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// Clients that want JSON name it; those that want the picture name that, or nothing.
fn wants_json(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    let mut ranges = lines.flat_map(|line| line.split(','));
    ranges.next().is_some_and(|first| {
        let range = first.split(';').next().unwrap_or_default().trim();
        range.eq_ignore_ascii_case("application/json")
    })
}
