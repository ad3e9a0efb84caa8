//! Why an image was refused.

use super::{Foreign, Format, Frames};

/// Why an image was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It does not start like any image this filter knows.
    #[error("the body is not a {declared} image, as Content-Type declares{}", but_is(*.found))]
    NotAnImage {
        /// The declared format.
        declared: Format,
        /// What it looks like, if that is something known.
        found: Option<Foreign>,
    },
    /// No format was declared, and it does not start like any image this filter knows.
    #[error("the file is not an image of a known format{}", but_is(*.found))]
    NoImage {
        /// What it looks like, if that is something known.
        found: Option<Foreign>,
    },
    /// It is an image of another format.
    #[error("the body is a {found} image, but Content-Type declares {declared}")]
    OtherFormat {
        /// The declared format.
        declared: Format,
        /// What it is.
        found: Format,
    },
    /// No format was declared, and it is an image of one that is not taken.
    #[error("the file is a {found} image, which this path does not take")]
    FormatNotTaken {
        /// What it is.
        found: Format,
    },
    /// It ends inside the header.
    #[error("the {format} image ends inside its header")]
    Truncated {
        /// The format.
        format: Format,
    },
    /// It ends after the header, but before the image does.
    #[error("the {format} image ends before its end marker")]
    TailMissing {
        /// The format.
        format: Format,
    },
    /// It breaks the format's rules.
    #[error("the {format} image is malformed: {what}")]
    Malformed {
        /// The format.
        format: Format,
        /// Which rule.
        what: &'static str,
    },
    /// It keeps the rules, but no decoder here reads such an image.
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
        /// Declared or counted frames.
        frames: Frames,
        /// The route's limit.
        max: u32,
    },
    /// A progressive JPEG has too many scans: each may cover the whole image.
    #[error("the JPEG image has more than the {max} scans that are taken of one of its size")]
    TooManyScans {
        /// The limit.
        max: u32,
    },
    /// Metadata that decoders inflate or collect could become too large.
    #[error("the metadata of the {format} image is too large: {what}")]
    MetadataTooLarge {
        /// The format.
        format: Format,
        /// Which.
        what: &'static str,
    },
    /// After the end of the image comes something that no camera is known to write.
    #[error("data follows the end of the {format} image")]
    TrailingData {
        /// The format.
        format: Format,
    },
    /// The file could also be taken for something else.
    #[error("the {format} image contains {foreign}")]
    Polyglot {
        /// The format.
        format: Format,
        /// What else it could be taken for.
        foreign: Foreign,
    },
}

fn count(frames: Frames) -> String {
    match frames {
        Frames::Known(frames) => format!("{frames} frames"),
        Frames::Unstated | Frames::Several => "several frames".to_owned(),
    }
}

fn but_is(found: Option<Foreign>) -> String {
    found.map_or_else(String::new, |foreign| format!("; it looks like {foreign}"))
}
