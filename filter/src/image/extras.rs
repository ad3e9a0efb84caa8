//! What cameras and phones write beside the image proper: recognised, and never decoded.

use std::fmt;

/// Something beside the image proper that is recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extra {
    /// Zero bytes after the end.
    ZeroPadding,
    /// More JPEG images after the first (CIPA DC-007, Multi-Picture Format).
    MultiPicture,
    /// A gain map for high dynamic range (ISO 21496-1, Ultra HDR, Apple's).
    GainMap,
    /// A film after the image (Android's Motion Photo, `MicroVideo`).
    MotionPhoto,
    /// Samsung's trailer (`SEFT`).
    SamsungTrailer,
}

impl Extra {
    const ALL: [Self; 5] = [
        Self::ZeroPadding,
        Self::MultiPicture,
        Self::GainMap,
        Self::MotionPhoto,
        Self::SamsungTrailer,
    ];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroPadding => "zero-padding",
            Self::MultiPicture => "multi-picture",
            Self::GainMap => "gain-map",
            Self::MotionPhoto => "motion-photo",
            Self::SamsungTrailer => "samsung-trailer",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of [`Extra`]s.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Extras(u8);

impl Extras {
    /// Adds one.
    pub(super) fn insert(&mut self, extra: Extra) {
        self.0 |= extra.bit();
    }

    /// Whether it is there.
    pub const fn contains(self, extra: Extra) -> bool {
        self.0 & extra.bit() != 0
    }

    /// Those that are there.
    pub fn iter(self) -> impl Iterator<Item = Extra> {
        Extra::ALL.into_iter().filter(move |extra| self.contains(*extra))
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
