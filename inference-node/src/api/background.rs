//! `POST /v1/background-removal`: an image in, a PNG with alpha out, or the alpha alone.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use filter::body::{CleanImage, Fields};
use filter::policy::ImageLimits;
use filter::{Claims, Format, KeyRing, PermitId, hex};
use image::{DynamicImage, ImageFormat};

use super::blocking::on_a_thread;
use super::error::ApiError;
use super::{Admitted, Node};
use crate::clock;
use crate::engine::EngineError;
use crate::image::decode::{self, Expected, Limits};
use crate::image::encode;
use crate::models::background::{Photo, Wanted};

/// Bytes a decoder may use for each pixel of the image: 16-bit RGBA, as much again to turn it by
/// its EXIF orientation, and the decoder's own buffers.
const DECODE_BYTES_PER_PIXEL: u64 = 24;
/// What a decoder may use beside that, whatever the size.
const DECODE_BYTES: u64 = 4 << 20;

/// Takes the request through admission, model and encoding.
pub(crate) async fn handle<K: KeyRing + Send + Sync + 'static>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    let (claims, body) = match node.open(request) {
        Ok(opened) => opened,
        Err(error) => return ApiError::from(error).reply_without_permit(),
    };
    cut_out(&node, claims.clone(), body).await.unwrap_or_else(|error| {
        if let ApiError::Engine(cause) | ApiError::Run(cause) = &error {
            let request_id = hex::encode(&claims.id.0);
            tracing::warn!(%request_id, %cause, "the engine did not finish a job");
        }
        error.reply(&claims)
    })
}

async fn cut_out<K: KeyRing>(
    node: &Node<K>,
    claims: Claims,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let Admitted { claims, image, limits, slot } = node.admit(claims, body).await?;
    let wanted = wanted(image.fields())?;
    let turn = slot.turn().await.ok_or(EngineError::WaitedTooLong)?;
    // Not earlier: whoever was sent away by then may come again.
    node.permits.use_once(&claims, clock::now()).await?;
    // The turn goes with the image, also where a client who leaves drops this future.
    let ((image, turn), decoding) =
        on_a_thread(move || Ok((decode_clean(&image, limits)?, turn))).await?;
    let photo = Photo { image, wanted };
    let done = node.background.run(turn, photo).await.map_err(ApiError::Run)?;
    node.metrics.inference(done.queued, done.ran);
    let (picture, turn) = (done.output, done.turn);
    let (png, encoding) = on_a_thread(move || {
        let png = encode::png(&picture).map_err(|error| ApiError::Encode(error.to_string()));
        drop((picture, turn));
        png
    })
    .await?;
    let timing = format!(
        "decode;dur={:.1}, queue;dur={:.1}, model;dur={:.1}, encode;dur={:.1}",
        millis(decoding),
        millis(done.queued),
        millis(done.ran),
        millis(encoding)
    );
    Ok(answer(claims.id, png, &timing))
}

/// What the form asks for: the field `output`, where the route takes it.
fn wanted(fields: &Fields) -> Result<Wanted, ApiError> {
    let named = |name| Wanted::named(name).ok_or(ApiError::NoOutput);
    fields.text("output").map_or(Ok(Wanted::default()), named)
}

/// Decodes an image that was inspected: nothing else can be passed here.
fn decode_clean(image: &CleanImage<Bytes>, limits: ImageLimits) -> Result<DynamicImage, ApiError> {
    let (width, height) = image.dimensions();
    let format = match image.format() {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
    };
    let limits = Limits {
        max_width: limits.max_width,
        max_height: limits.max_height,
        max_alloc: u64::from(width) * u64::from(height) * DECODE_BYTES_PER_PIXEL + DECODE_BYTES,
    };
    Ok(decode::decode(image.bytes(), Expected { format, width, height }, limits)?)
}

fn answer(id: PermitId, png: Vec<u8>, timing: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(png));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
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

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
