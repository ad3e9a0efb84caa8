//! Decoding and encoding for the handlers: on the threads that are there for it, and with what goes wrong as an answer.

use std::time::Duration;

use bytes::Bytes;
use filter::Format;
use filter::body::CleanImage;
use filter::policy::ImageLimits;
use image::{DynamicImage, ImageFormat};

use super::error::ApiError;
use crate::engine::{EngineError, Turn};
use crate::image::decode::{self, DecodeError, Expected, Limits};
use crate::image::finish::{self, Finish, Finished};
use crate::image::pool::{Pool, PoolError};

/// Bytes a decoder may use for each pixel of the image: 16-bit RGBA, as much again to turn it by
/// its EXIF orientation, and the decoder's own buffers.
const DECODE_BYTES_PER_PIXEL: u64 = 24;
/// What a decoder may use beside that, whatever the size.
const DECODE_BYTES: u64 = 4 << 20;

/// Decodes an image whose turn has come, and tells how long that took. The turn goes with the image, also where a client
/// who leaves drops this future.
pub(super) async fn decode(
    pool: &Pool,
    image: CleanImage<Bytes>,
    limits: ImageLimits,
    turn: Turn,
) -> Result<(DynamicImage, Turn, Duration), ApiError> {
    let work = move || decode_clean(&image, limits).map(|image| (image, turn));
    match pool.run(work).await {
        Ok((decoded, took)) => {
            let (image, turn) = decoded?;
            Ok((image, turn, took))
        }
        Err(PoolError::Panicked) => Err(DecodeError::Panicked.into()),
        Err(PoolError::Full) => Err(ApiError::Engine(EngineError::Overloaded)),
    }
}

/// Makes a picture, finishes and encodes it, and tells how long that took. Its turn ends with its pixels.
pub(super) async fn finish(
    pool: &Pool,
    picture: impl FnOnce() -> Result<DynamicImage, ApiError> + Send + 'static,
    order: Finish,
    turn: Turn,
) -> Result<(Finished, Duration), ApiError> {
    let work = move || {
        let finished = picture().and_then(|picture| {
            finish::finish(picture, order).map_err(|error| ApiError::Encode(error.to_string()))
        });
        drop(turn);
        finished
    };
    match pool.run(work).await {
        Ok((finished, took)) => Ok((finished?, took)),
        Err(PoolError::Panicked) => Err(ApiError::Encode(PoolError::Panicked.to_string())),
        Err(PoolError::Full) => Err(ApiError::Run(EngineError::Overloaded)),
    }
}

/// Decodes an image that was inspected: nothing else can be passed here.
fn decode_clean(
    image: &CleanImage<Bytes>,
    limits: ImageLimits,
) -> Result<DynamicImage, DecodeError> {
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
    decode::decode(image.bytes(), Expected { format, width, height }, limits)
}
