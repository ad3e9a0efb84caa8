//! The image header is within the route's limits.

use crate::image::{Error, Frames, ImageHeader};
use crate::policy::ImageLimits;

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

/// Checks a header against a route's limits.
pub(crate) fn within(header: ImageHeader, limits: &ImageLimits) -> Result<Within, Error> {
    let ImageHeader { width, height, frames, .. } = header;
    let ImageLimits { max_width, max_height, max_pixels, max_frames, .. } = *limits;
    if width > max_width || height > max_height {
        return Err(Error::TooLarge { width, height, max_width, max_height });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > max_pixels {
        return Err(Error::TooManyPixels { pixels, max: max_pixels });
    }
    let charged = match frames {
        Frames::Known(frames) if frames <= max_frames => frames,
        Frames::Unstated => max_frames,
        Frames::Several if max_frames > 1 => max_frames,
        Frames::Known(_) | Frames::Several => {
            return Err(Error::TooManyFrames { frames, max: max_frames });
        }
    };
    Ok(Within { header, cost_pixels: pixels.saturating_mul(charged.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn limits_are_inclusive() {
        let limits = ImageLimits {
            max_width: 10,
            max_height: 10,
            max_pixels: 50,
            max_frames: 3,
            max_scans: 64,
        };
        let judge = |width, height, frames| {
            within(ImageHeader { format: Format::Png, width, height, frames }, &limits)
                .map(|within| within.cost_pixels())
        };
        assert_eq!(judge(10, 5, Frames::Known(3)), Ok(150));
        assert_eq!(judge(5, 10, Frames::Several), Ok(150));
        assert_eq!(judge(5, 10, Frames::Unstated), Ok(150));
        assert!(matches!(judge(11, 1, Frames::Known(1)), Err(Error::TooLarge { .. })));
        assert!(matches!(judge(1, 11, Frames::Known(1)), Err(Error::TooLarge { .. })));
        assert!(matches!(judge(6, 9, Frames::Known(1)), Err(Error::TooManyPixels { .. })));
        assert!(matches!(judge(1, 1, Frames::Known(4)), Err(Error::TooManyFrames { .. })));
        assert!(matches!(judge(900_000, 800_000, Frames::Known(1)), Err(Error::TooLarge { .. })));
        let single = ImageLimits { max_frames: 1, ..limits };
        let of = |frames| ImageHeader { format: Format::Gif, width: 1, height: 1, frames };
        assert!(matches!(within(of(Frames::Several), &single), Err(Error::TooManyFrames { .. })));
        assert_eq!(within(of(Frames::Unstated), &single).unwrap().cost_pixels(), 1);
    }
}
