//! The inspection of a whole body, natively, before anything is decoded.
//!
//! A gate judges the prefix and lets the rest stream; whatever a proxy did on the way, the node
//! judges the complete body again with the same checks, and decodes only a [`CleanImage`].

use crate::checks::image::{self, HeaderReader};
use crate::checks::length;
use crate::permit::Claims;
use crate::policy::ImageLimits;
use crate::{Format, Frames, Rejection};

/// Evidence that a complete body is the image its permit describes. Only it can be decoded.
#[derive(Clone, Copy, Debug)]
pub struct CleanImage<'a> {
    bytes: &'a [u8],
    format: Format,
    width: u32,
    height: u32,
}

impl<'a> CleanImage<'a> {
    /// The complete body.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The format that was judged.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The width and height that were judged, in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

/// Why a complete body is not what its permit describes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The image is another one than the gate judged.
    #[error("the image is not the one that the gate judged")]
    Differs,
}

/// Judges a complete body against its permit and the limits of its route.
///
/// # Errors
/// The same rejections as a gate gives; and [`Error::Differs`] where the body is an acceptable
/// image, but not the one the permit describes.
pub fn inspect<'a>(
    body: &'a [u8],
    claims: &Claims,
    limits: &ImageLimits,
) -> Result<CleanImage<'a>, Rejection> {
    let declared = claims.content_length;
    if body.len() as u64 != declared {
        return Err(length::Error::Differs { declared }.into());
    }
    // The limit on how far a header may reach protects a gate's memory; here the body is complete.
    let mut reader = HeaderReader::new(claims.format, declared, declared);
    let Some(mut header) = reader.push(body)? else { return Err(reader.end().into()) };
    if matches!(header.frames, Frames::Unstated) {
        header.frames = Frames::Known(image::counted_frames(header, body));
    }
    let within = image::within(header, limits)?;
    let as_judged = (header.width, header.height) == (claims.width, claims.height)
        && within.cost_pixels() <= claims.cost_pixels;
    if !as_judged {
        return Err(Error::Differs.into());
    }
    Ok(CleanImage {
        bytes: body,
        format: header.format,
        width: header.width,
        height: header.height,
    })
}
