//! What the inspection says of a file, and what the node's decoder makes of it.

use std::fmt::{self, Display};
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};

use filter::image::{Error, Expected, Inspector, Limits};
use filter::policy::ImageLimits;
use filter::{Format, Rejection};
use image::{ImageFormat, ImageReader};
use inference_node::image::decode::{self, decode};

use crate::lists::Dispute;

/// A route that takes nearly everything.
const ROUTE: Limits = Limits {
    image: ImageLimits {
        max_width: 16_384,
        max_height: 16_384,
        max_pixels: 100_000_000,
        max_frames: 10_000,
        max_scans: 64,
    },
    header_bytes: 1 << 20,
};

/// A decoder within the same limits: four channels of 16 bits for each of those pixels.
const NODE: decode::Limits =
    decode::Limits { max_width: 16_384, max_height: 16_384, max_alloc: 8 * 100_000_000 };

/// Both answers.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The format that the file was declared to be.
    pub(crate) format: Format,
    inspected: Result<(), Rejection>,
    decoded: Result<(), String>,
}

/// Judges a file as what it starts with, or else as what its name promises.
///
/// # Panics
/// If there is neither.
pub(crate) fn judge(bytes: &[u8], promised: Option<Format>) -> Judged {
    let format = of_signature(bytes).or(promised).expect("a file whose format is known");
    let (size, inspected) = inspect(bytes, format);
    let inspected = inspected.map_err(Rejection::from);
    // A decoder that panics is one that chokes.
    let decoding = AssertUnwindSafe(|| decoded(bytes, format, size));
    let decoded = panic::catch_unwind(decoding).unwrap_or_else(|_| Err("it panicked".to_owned()));
    Judged { format, inspected, decoded }
}

/// The size that the header declares, and the inspection's answer.
fn inspect(bytes: &[u8], format: Format) -> (Option<(u32, u32)>, Result<(), Error>) {
    let mut inspector = Inspector::new(Expected::Declared(format), ROUTE);
    let walked = inspector.push(bytes).and_then(|()| inspector.finish().map(drop));
    let size = inspector.header().map(|header| (header.width, header.height));
    // The inspector leaves the size to whoever asks for the header.
    let ImageLimits { max_width, max_height, max_pixels, .. } = ROUTE.image;
    match size {
        Some((width, height)) if width > max_width || height > max_height => {
            (size, Err(Error::TooLarge { width, height, max_width, max_height }))
        }
        Some((width, height)) if u64::from(width) * u64::from(height) > max_pixels => {
            let pixels = u64::from(width) * u64::from(height);
            (size, Err(Error::TooManyPixels { pixels, max: max_pixels }))
        }
        _ => (size, walked),
    }
}

/// Decodes as the node does; where the inspection found no header, with the size that the decoder sees.
fn decoded(bytes: &[u8], format: Format, size: Option<(u32, u32)>) -> Result<(), String> {
    let format = match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
    };
    let seen = || ImageReader::with_format(Cursor::new(bytes), format).into_dimensions();
    let (width, height) = size.map_or_else(seen, Ok).map_err(|error| error.to_string())?;
    let expected = decode::Expected { format, width, height };
    decode(bytes, expected, NODE).map(drop).map_err(|error| error.to_string())
}

fn of_signature(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(Format::Png),
        [0xff, 0xd8, ..] => Some(Format::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        [b'G', b'I', b'F', ..] => Some(Format::Gif),
        _ => None,
    }
}

impl Judged {
    /// Whether the inspection let it through.
    pub(crate) const fn accepted(&self) -> bool {
        self.inspected.is_ok()
    }

    /// Whether the decoder would have said the same.
    pub(crate) const fn agree(&self) -> bool {
        self.inspected.is_ok() == self.decoded.is_ok()
    }

    /// The difference, as it would be listed.
    pub(crate) fn dispute(&self, file: &str) -> Dispute {
        let ours = self.inspected.as_ref().map_or_else(Rejection::code, |()| "accept");
        let decoder = if self.decoded.is_ok() { "ok" } else { "error" };
        Dispute {
            file: file.to_owned(),
            ours: ours.to_owned(),
            decoder: decoder.to_owned(),
            reason: String::new(),
        }
    }
}

impl Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inspected {
            Ok(()) => write!(f, "accepted as {}; ", self.format)?,
            Err(refused) => write!(f, "refused as {}: {refused}; ", self.format)?,
        }
        match &self.decoded {
            Ok(()) => f.write_str("decodes"),
            Err(error) => write!(f, "does not decode: {error}"),
        }
    }
}
