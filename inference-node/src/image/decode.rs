//! From the bytes of a body to pixels, the right way up.
//!
//! What comes here has been judged already; this is the last line. The decoder is told the format and never guesses
//! it, must see the dimensions that were judged, and works within limits of its own.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits as DecoderLimits,
};

/// What the inspection found in the image's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// PNG, JPEG, WebP or GIF.
    pub format: ImageFormat,
    /// The width in pixels, before any EXIF orientation is applied.
    pub width: u32,
    /// The height in pixels, likewise.
    pub height: u32,
}

/// How much one image may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The greatest width in pixels.
    pub max_width: u32,
    /// The greatest height in pixels.
    pub max_height: u32,
    /// The most memory for pixels and the decoder's own buffers, in bytes. Turning an image by its EXIF orientation
    /// briefly needs its pixels twice; that counts.
    pub max_alloc: u64,
}

/// Why an image was not decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not what their header promises.
    #[error("the image is malformed: {0}")]
    Malformed(#[source] ImageError),
    /// The format, or a feature of it, is not one that we decode.
    #[error("the image cannot be decoded: {0}")]
    Unsupported(String),
    /// The decoder sees another image than the one that was judged.
    #[error(
        "the decoder sees {}x{} pixels where {}x{} were accepted",
        actual.0, actual.1, expected.0, expected.1
    )]
    DimensionsDiffer {
        /// Width and height that were accepted.
        expected: (u32, u32),
        /// Width and height in the decoder.
        actual: (u32, u32),
    },
    /// The image is too large, or would need too much memory.
    #[error("the image is over a limit: {0}")]
    OverLimit(#[source] ImageError),
    /// The decoder has a fault that this image shows.
    #[error("the decoder panicked")]
    Panicked,
}

/// Decodes the image (of an animation the first frame) and applies its EXIF orientation.
pub fn decode(
    bytes: &[u8],
    expected: Expected,
    limits: Limits,
) -> Result<DynamicImage, DecodeError> {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    if !matches!(expected.format, Png | Jpeg | WebP | Gif) {
        return Err(DecodeError::Unsupported(format!(
            "{:?} is not among PNG, JPEG, WebP and GIF",
            expected.format
        )));
    }

    let mut decoder_limits = DecoderLimits::no_limits();
    decoder_limits.max_image_width = Some(limits.max_width);
    decoder_limits.max_image_height = Some(limits.max_height);
    decoder_limits.max_alloc = Some(limits.max_alloc);

    let mut reader = ImageReader::with_format(Cursor::new(bytes), expected.format);
    reader.limits(decoder_limits.clone());
    let mut decoder = reader.into_decoder()?;

    let accepted = (expected.width, expected.height);
    if decoder.dimensions() != accepted {
        return Err(DecodeError::DimensionsDiffer {
            expected: accepted,
            actual: decoder.dimensions(),
        });
    }

    // The crate leaves these pixels out of its own count, so they are taken off what the decoder may use.
    let orientation = decoder.orientation()?;
    let copies = if orientation == image::metadata::Orientation::NoTransforms { 1 } else { 2 };
    decoder_limits.reserve(decoder.total_bytes().saturating_mul(copies))?;
    decoder.set_limits(decoder_limits)?;

    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::OverLimit(error),
            ImageError::Unsupported(_) => Self::Unsupported(error.to_string()),
            // Reading from memory fails only where the data ends too soon.
            ImageError::Decoding(_)
            | ImageError::IoError(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_) => Self::Malformed(error),
        }
    }
}

#[cfg(test)]
mod tests;
