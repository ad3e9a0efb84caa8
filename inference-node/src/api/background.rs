//! Background removal: an image in, and what its `Face` makes of it out.
//!
//! Our own face is `POST /v1/background-removal`: a PNG or WebP with alpha, or the alpha alone. Those of
//! other APIs are in `faces/`; they read other parameters and write other answers, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use bytes::Bytes;
use filter::body::{CleanImage, Fields};
use filter::policy::ImageLimits;
use filter::{Claims, Format, KeyRing, PermitId, hex};
use image::{DynamicImage, ImageFormat};

use super::blocking::on_a_thread;
use super::error::ApiError;
use super::stages::Stages;
use super::{Admitted, Node};
use crate::clock;
use crate::engine::EngineError;
use crate::image::decode::{self, Expected, Limits};
use crate::image::encode::{self, Encoding};
use crate::image::finish::{self, Finish, Finished};
use crate::models::background::{Photo, Shape, Wanted};

/// Bytes a decoder may use for each pixel of the image: 16-bit RGBA, as much again to turn it by
/// its EXIF orientation, and the decoder's own buffers.
const DECODE_BYTES_PER_PIXEL: u64 = 24;
/// What a decoder may use beside that, whatever the size.
const DECODE_BYTES: u64 = 4 << 20;

/// How one API asks for background removal, and how it is answered.
pub(crate) struct Face {
    /// Reads what is asked for.
    pub(crate) read: fn(&Asked<'_>) -> Result<Order, ApiError>,
    /// Writes the answer; what all answers have is added to it.
    pub(crate) write: fn(Finished, &Order) -> Response<Body>,
}

/// What a request asks with, beside its image.
pub(crate) struct Asked<'a> {
    /// The fields of its form.
    pub(crate) fields: &'a Fields,
    /// The parameters of its query.
    pub(crate) parameters: &'a Fields,
    /// Its header.
    pub(crate) headers: &'a HeaderMap,
    /// The model that runs here.
    pub(crate) model: &'static str,
}

impl<'a> Asked<'a> {
    /// A parameter, which may stand in the form or in the query.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&'a str>, ApiError> {
        match (self.fields.text(name), self.parameters.text(name)) {
            (Some(_), Some(_)) => Err(ApiError::Twice(name)),
            (field, parameter) => Ok(field.or(parameter)),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    /// Of the model.
    pub(crate) wanted: Wanted,
    /// Of the picture that it gives.
    pub(crate) finish: Finish,
    /// Whether the answer is JSON with the picture in it.
    pub(crate) json: bool,
}

/// `POST /v1/background-removal`.
pub(crate) async fn ours<K: KeyRing + Send + Sync + 'static>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    answer(&Face { read: read_ours, write: write_picture }, &node, request).await
}

/// Takes the request through admission, model and encoding.
pub(crate) async fn answer<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers().clone();
    let (claims, body) = match node.open(request) {
        Ok(opened) => opened,
        Err(error) => return ApiError::from(error).reply_without_permit(),
    };
    cut_out(face, node, claims.clone(), &headers, body).await.unwrap_or_else(|error| {
        if let ApiError::Engine(cause) | ApiError::Run(cause) = &error {
            let request_id = hex::encode(&claims.id.0);
            tracing::warn!(%request_id, %cause, "the engine did not finish a job");
        }
        error.reply(&claims, node.dialect(&claims))
    })
}

async fn cut_out<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    claims: Claims,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let Admitted { claims, image, parameters, limits, slot } =
        node.admit(claims, body, || node.background.admit()).await?;
    let (fields, model) = (image.fields(), node.model);
    let order = (face.read)(&Asked { fields, parameters: &parameters, headers, model })?;
    let turn = slot.turn().await.ok_or(EngineError::WaitedTooLong)?;
    // Not earlier: whoever was sent away by then may come again.
    node.permits.use_once(&claims, clock::now()).await?;
    // The turn goes with the image, also where a client who leaves drops this future.
    let ((image, turn), decoding) =
        on_a_thread(move || Ok((decode_clean(&image, limits)?, turn))).await?;
    node.metrics.stage("decode", decoding);
    let mut stages = Stages::default();
    stages.ended([("decode", decoding)]);
    let photo = Photo { image, wanted: order.wanted };
    let done = node.background.run(turn, photo).await.map_err(ApiError::Run)?;
    node.metrics.inference(done.queued, done.ran);
    node.metrics.batch(done.batch);
    stages.ended([("queue", done.queued), ("model", done.ran)]);
    let (picture, turn) = (done.output, done.turn);
    let (finished, encoding) = on_a_thread(move || {
        let finished = finish::finish(picture, order.finish)
            .map_err(|error| ApiError::Encode(error.to_string()));
        drop(turn);
        finished
    })
    .await?;
    let timing = format!(
        "decode;dur={:.1}, queue;dur={:.1}, model;dur={:.1}, encode;dur={:.1}",
        millis(decoding),
        millis(done.queued),
        millis(done.ran),
        millis(encoding)
    );
    node.metrics.stage("encode", encoding);
    stages.ended([("encode", encoding)]);
    let mut response = with_common_fields((face.write)(finished, &order), claims.id, &timing);
    response.extensions_mut().insert(stages);
    Ok(response)
}

/// What our form asks for; without a field `format`, `Accept` decides.
fn read_ours(asked: &Asked<'_>) -> Result<Order, ApiError> {
    let shape = match asked.fields.text("output") {
        None => Shape::default(),
        Some(name) => Shape::named(name)
            .ok_or(ApiError::Parameter { name: "output", expected: "cutout or mask" })?,
    };
    let encoding = match asked.fields.text("format") {
        None => encode::preferred(asked.headers.get_all(header::ACCEPT)),
        Some("png") => Encoding::Png,
        Some("webp") => Encoding::WebP,
        Some(_) => return Err(ApiError::Parameter { name: "format", expected: "png or webp" }),
    };
    Ok(Order {
        wanted: Wanted { shape, ..Wanted::default() },
        finish: Finish { encoding, ..Finish::default() },
        json: false,
    })
}

/// The picture itself.
pub(crate) fn write_picture(finished: Finished, _: &Order) -> Response<Body> {
    let media_type = HeaderValue::from_static(finished.encoding.media_type());
    let mut response = Response::new(Body::from(finished.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Decodes an image that was inspected: nothing else can be passed here.
pub(super) fn decode_clean(
    image: &CleanImage<Bytes>,
    limits: ImageLimits,
) -> Result<DynamicImage, ApiError> {
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

/// What every answer has.
fn with_common_fields(mut response: Response<Body>, id: PermitId, timing: &str) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [("x-request-id", hex::encode(&id.0).as_str()), ("server-timing", timing)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
