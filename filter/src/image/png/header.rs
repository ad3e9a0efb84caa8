//! The image header (§11.2.1), and how many bytes its pixels take before they are compressed.

use super::chunk::MAX;
use crate::image::walk::Fault;

/// What IHDR says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) colour: Colour,
    depth: u8,
    interlaced: bool,
}

/// The colour types (table 11.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    Indexed,
    GreyAlpha,
    Rgba,
}

/// The passes of an interlaced image (§8): the first column and row, and the steps.
const PASSES: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

impl Header {
    pub(super) const LEN: u32 = 13;

    pub(super) fn parse(data: [u8; 13]) -> Result<Self, Fault> {
        let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace] = data;
        let width = u32::from_be_bytes([w0, w1, w2, w3]);
        let height = u32::from_be_bytes([h0, h1, h2, h3]);
        if width == 0 || height == 0 || width > MAX || height > MAX {
            return Err(Fault::Malformed("width and height must be 1 to 2147483647"));
        }
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Indexed,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::Rgba,
            _ => return Err(Fault::Malformed("this colour type does not go with this bit depth")),
        };
        if compression != 0 || filter != 0 || interlace > 1 {
            return Err(Fault::Malformed("unknown compression, filter or interlace method"));
        }
        Ok(Self { width, height, colour, depth, interlaced: interlace == 1 })
    }

    /// How many bytes an image of this kind has between its filters and the compression: a filter
    /// type before each row (§7.2, §7.3). Two full sides make more than 64 bits.
    pub(super) fn raw_len(&self, width: u32, height: u32) -> u128 {
        if !self.interlaced {
            return self.pass_len(width, height);
        }
        let pass = |(column, row, columns, rows)| {
            let of = |side: u32, first, step| side.saturating_sub(first).div_ceil(step);
            self.pass_len(of(width, column, columns), of(height, row, rows))
        };
        PASSES.into_iter().map(pass).sum()
    }

    fn pass_len(&self, width: u32, height: u32) -> u128 {
        // A pass without columns has no rows either (§8).
        if width == 0 {
            return 0;
        }
        let channels: u64 = match self.colour {
            Colour::Grey | Colour::Indexed => 1,
            Colour::GreyAlpha => 2,
            Colour::Rgb => 3,
            Colour::Rgba => 4,
        };
        let row = (u64::from(width) * channels * u64::from(self.depth)).div_ceil(8) + 1;
        u128::from(row) * u128::from(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(depth: u8, colour: u8, interlace: u8) -> Header {
        Header::parse([0, 0, 0, 1, 0, 0, 0, 1, depth, colour, 0, 0, interlace]).unwrap()
    }

    #[test]
    fn rows_are_whole_bytes_after_a_filter_type() {
        assert_eq!(header(1, 0, 0).raw_len(9, 2), 2 * (1 + 2));
        assert_eq!(header(4, 3, 0).raw_len(3, 5), 5 * (1 + 2));
        assert_eq!(header(16, 6, 0).raw_len(10, 10), 10 * (1 + 80));
    }

    #[test]
    fn passes_without_pixels_take_no_bytes() {
        let grey = header(8, 0, 1);
        assert_eq!(grey.raw_len(1, 1), 2);
        // The example of §8, one tile: passes of 1, 1, 2, 4, 8, 16 and 32 pixels.
        let rows = 1 + 1 + 1 + 2 + 2 + 4 + 4;
        assert_eq!(grey.raw_len(8, 8), 64 + rows);
        // One column: the passes that start further right are empty.
        assert_eq!(grey.raw_len(1, 8), 8 + 8);
    }

    #[test]
    fn the_largest_image_does_not_overflow() {
        let row = 8 * u128::from(MAX) + 1;
        assert_eq!(header(16, 6, 0).raw_len(MAX, MAX), row * u128::from(MAX));
        assert!(header(16, 6, 1).raw_len(MAX, MAX) > row * u128::from(MAX));
    }
}
