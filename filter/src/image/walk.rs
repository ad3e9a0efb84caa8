//! What all walkers share: how they are asked, how they refuse, and what they find.

use super::input::Input;
use super::needles::Needles;
use super::{Extra, Extras, Foreign, Frames, ImageHeader, Limits};

/// The rules of one format.
pub(super) trait Walk {
    /// Reads what `input` shows of the image. What it leaves is shown again, together with what
    /// comes next; it may leave fewer than [`TAKE_MAX`](super::input::TAKE_MAX) bytes only.
    fn walk(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<Progress, Fault>;

    /// The file ends here, before the walker read the end of the image.
    fn end(&mut self, _found: &mut Found) -> Result<(), Fault> {
        Err(Fault::Truncated)
    }
}

/// How far a walker came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// It needs more.
    More,
    /// It has read the end of the image. What is left in the input, and what is still to come, is
    /// trailing data.
    Ended,
}

/// Why a walker stopped, without the format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Malformed(&'static str),
    Unsupported(&'static str),
    MetadataTooLarge(&'static str),
    Truncated,
    TooManyFrames,
    TooManyScans,
    TrailingData,
    Polyglot(Foreign),
}

impl From<Foreign> for Fault {
    fn from(foreign: Foreign) -> Self {
        Self::Polyglot(foreign)
    }
}

/// What walkers find, and the limits on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    limits: Limits,
    header: Option<ImageHeader>,
    frames: u32,
    scans: u32,
    extras: Extras,
    /// The search for other formats in the text of metadata.
    pub(super) text: Needles,
}

/// An image as large as the route takes may have this many scans; a smaller one has more, up to the
/// route's `max_scans`. The decoder's work is their product.
const SCANS_OF_LARGEST: u64 = 16;

impl Found {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            header: None,
            frames: 0,
            scans: 0,
            extras: Extras::default(),
            text: Needles::default(),
        }
    }

    /// For a further image in the same file: within the same limits, and nothing found yet.
    pub(super) fn beside(&self) -> Self {
        Self::new(self.limits)
    }

    /// The header is known.
    pub(super) fn declare(&mut self, header: ImageHeader) {
        self.header = Some(header);
    }

    pub(super) fn header(&self) -> Option<ImageHeader> {
        self.header
    }

    /// One more frame begins.
    pub(super) fn frame(&mut self) -> Result<(), Fault> {
        self.frames = self.frames.saturating_add(1);
        let stated = self.header.is_some_and(|header| matches!(header.frames, Frames::Known(_)));
        // What a header states was judged with the header.
        if !stated && self.frames > self.limits.image.max_frames {
            return Err(Fault::TooManyFrames);
        }
        Ok(())
    }

    /// Frames seen so far.
    pub(super) fn frames(&self) -> u32 {
        self.frames
    }

    /// One more scan of a JPEG begins.
    pub(super) fn scan(&mut self) -> Result<(), Fault> {
        self.scans = self.scans.saturating_add(1);
        if self.scans > self.max_scans() { Err(Fault::TooManyScans) } else { Ok(()) }
    }

    /// How many scans an image of this size may have.
    pub(super) fn max_scans(&self) -> u32 {
        let limits = &self.limits.image;
        let pixels = self.header.map_or(1, |header| {
            u64::from(header.width).saturating_mul(header.height.into()).max(1)
        });
        let of_its_size = limits.max_pixels.saturating_mul(SCANS_OF_LARGEST) / pixels;
        limits.max_scans.min(u32::try_from(of_its_size).unwrap_or(u32::MAX))
    }

    /// Something beside the image proper is recognised.
    pub(super) fn add(&mut self, extra: Extra) {
        self.extras.insert(extra);
    }

    pub(super) fn extras(&self) -> Extras {
        self.extras
    }
}
