//! Images, as far as they can be judged without decoding one.
//!
//! [`Inspector`] walks an image from its first byte to its last in constant memory: chunks, segments
//! and blocks, their lengths, checksums and order, what follows the end, and what else the file could
//! be taken for. Where the bytes are cut makes no difference. What decoders may still find wrong is
//! in the compressed data, which is not looked into.

mod error;
mod extras;
mod foreign;
mod gif;
mod input;
mod inspector;
mod jpeg;
mod needles;
mod overlap;
mod png;
mod trailer;
mod walk;
mod webp;
mod zip_end;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::Error;
pub use extras::{Extra, Extras};
pub use foreign::Foreign;
pub use inspector::{Expected, Inspected, Inspector, Limits};

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
    /// `GIF87a` and `GIF89a` (Graphics Interchange Format, version 89a, 1990).
    Gif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif];

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// The format of a media type without parameters; its case does not matter.
    pub fn from_media_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media_type().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
        })
    }
}

/// How many frames a header declares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frames {
    /// This many.
    Known(u32),
    /// One or more: a GIF says no more than that.
    Unstated,
    /// An animation whose header does not state their number: a WebP.
    Several,
}

impl Frames {
    /// Their number, where the header states it.
    pub(crate) const fn known(self) -> Option<u32> {
        match self {
            Self::Known(frames) => Some(frames),
            Self::Unstated | Self::Several => None,
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
