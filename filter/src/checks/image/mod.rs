//! The body begins with a well-formed image header of the declared type, within the route's limits.
//!
//! A format is recognised by its structure, not by two magic bytes, and walked in constant memory
//! until its dimensions are known: [`HeaderReader`] sees each byte once, keeps at most 64 of them,
//! and where the body is cut makes no difference. Nothing is decoded.

mod jpeg;
mod png;
mod walk;
mod webp;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::ImageLimits;

pub use walk::HeaderReader;

/// An image format.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// PNG and APNG (W3C PNG, third edition).
    Png,
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// WebP (RFC 9649).
    Webp,
}

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The format of a media type without parameters; its case does not matter.
    pub fn from_media_type(text: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg, Self::Webp]
            .into_iter()
            .find(|format| format.media_type().eq_ignore_ascii_case(text))
    }

    /// The format whose signature `bytes` start with.
    fn of_signature(bytes: &[u8; walk::SIGNATURE_LEN]) -> Option<Self> {
        if bytes.starts_with(png::SIGNATURE) {
            Some(Self::Png)
        } else if bytes.starts_with(jpeg::SIGNATURE) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.ends_with(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        })
    }
}

/// How many frames a header declares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frames {
    /// This many.
    Known(u32),
    /// An animation whose header does not state their number.
    Unstated,
}

impl Frames {
    /// Their number, where the header states it.
    pub(crate) const fn known(self) -> Option<u32> {
        match self {
            Self::Known(frames) => Some(frames),
            Self::Unstated => None,
        }
    }
}

/// What an image header declares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageHeader {
    /// The format.
    pub format: Format,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Frames.
    pub frames: Frames,
}

/// Evidence that a header is within the limits.
#[derive(Clone, Copy, Debug)]
pub struct Within {
    header: ImageHeader,
    cost_pixels: u64,
}

impl Within {
    /// What the header declares.
    pub(crate) fn header(&self) -> ImageHeader {
        self.header
    }

    /// Pixels of all frames; where the number of frames is not stated, of the most the route takes.
    pub(crate) fn cost_pixels(&self) -> u64 {
        self.cost_pixels
    }
}

/// Why an image header was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The body does not start like any image this filter knows.
    #[error("the body is not a {declared} image, as Content-Type declares")]
    NotAnImage {
        /// The declared format.
        declared: Format,
    },
    /// The body is an image of another format.
    #[error("the body is a {found} image, but Content-Type declares {declared}")]
    OtherFormat {
        /// The declared format.
        declared: Format,
        /// What the body is.
        found: Format,
    },
    /// The body ends inside the header.
    #[error("the {format} image ends inside its header")]
    Truncated {
        /// The format.
        format: Format,
    },
    /// The body ends after the header, but before the image does.
    #[error("the {format} image ends before its end marker")]
    TailMissing {
        /// The format.
        format: Format,
    },
    /// The header breaks the format's rules.
    #[error("the {format} header is malformed: {what}")]
    Malformed {
        /// The format.
        format: Format,
        /// Which rule.
        what: &'static str,
    },
    /// The header is right, but no decoder here reads such an image.
    #[error("this kind of {format} is not supported: {what}")]
    Unsupported {
        /// The format.
        format: Format,
        /// Which kind.
        what: &'static str,
    },
    /// The dimensions lie beyond the part that may be held.
    #[error(
        "the image dimensions lie beyond the first {limit} bytes: strip metadata (EXIF thumbnails, \
         XMP, ICC profiles), for example with `exiftool -all= FILE`"
    )]
    HeaderTooFar {
        /// How many bytes may be held.
        limit: u64,
    },
    /// A side is too long.
    #[error("the image is {width}x{height} pixels; at most {max_width}x{max_height} are taken")]
    TooLarge {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// The route's limit.
        max_width: u32,
        /// The route's limit.
        max_height: u32,
    },
    /// The area is too large.
    #[error("the image has {pixels} pixels; at most {max} are taken")]
    TooManyPixels {
        /// Width times height.
        pixels: u64,
        /// The route's limit.
        max: u64,
    },
    /// There are too many frames.
    #[error("the image is an animation of {}; at most {max} taken", count(*.frames))]
    TooManyFrames {
        /// Declared frames.
        frames: Frames,
        /// The route's limit.
        max: u32,
    },
}

fn count(frames: Frames) -> String {
    match frames {
        Frames::Known(frames) => format!("{frames} frames"),
        Frames::Unstated => "several frames".to_owned(),
    }
}

/// Checks a header against a route's limits.
pub(crate) fn within(header: ImageHeader, limits: &ImageLimits) -> Result<Within, Error> {
    let ImageHeader { width, height, frames, .. } = header;
    let ImageLimits { max_width, max_height, max_pixels, max_frames } = *limits;
    if width > max_width || height > max_height {
        return Err(Error::TooLarge { width, height, max_width, max_height });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > max_pixels {
        return Err(Error::TooManyPixels { pixels, max: max_pixels });
    }
    let charged = match frames {
        Frames::Known(frames) if frames <= max_frames => frames,
        Frames::Unstated if max_frames > 1 => max_frames,
        _ => return Err(Error::TooManyFrames { frames, max: max_frames }),
    };
    Ok(Within { header, cost_pixels: pixels.saturating_mul(charged.into()) })
}

/// Frames of a complete animation whose header does not state them.
pub(crate) fn counted_frames(header: ImageHeader, body: &[u8]) -> u32 {
    match header.frames {
        Frames::Known(frames) => frames,
        Frames::Unstated => webp::count_frames(body),
    }
}

/// Whether a complete body of a judged format is there to its end, as far as its structure tells.
pub(crate) fn check_end(format: Format, body: &[u8]) -> Result<(), Error> {
    match format {
        Format::Jpeg if !jpeg::reaches_its_end(body) => Err(Error::TailMissing { format }),
        // The decoders of the others notice: PNG has checksums, RIFF states its length.
        Format::Jpeg | Format::Png | Format::Webp => Ok(()),
    }
}

#[cfg(test)]
mod tests;
