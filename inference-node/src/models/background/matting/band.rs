//! What is known of an image, and the band in which something has to be found out.

use image::GrayImage;

/// What counts as known, in the words of rembg's options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Thresholds {
    /// Above it is foreground (`af`).
    pub foreground: u8,
    /// Below it is background (`ab`).
    pub background: u8,
    /// The side of the square by which both are taken back (`ae`); at 0 it is a cross of three.
    pub erosion: u8,
}

/// rembg's own.
impl Default for Thresholds {
    fn default() -> Self {
        Self { foreground: 240, background: 10, erosion: 10 }
    }
}

/// Which pixels are known, and which are not.
pub(super) struct Band {
    /// For each pixel 1 for foreground, 0 for background, and a half in between.
    pub(super) known: Vec<f32>,
    /// The pixels in between, by their places.
    pub(super) unknown: Vec<usize>,
}

impl Band {
    /// The band of a matte.
    pub(super) fn around(matte: &GrayImage, thresholds: Thresholds) -> Self {
        let dimensions = (matte.width() as usize, matte.height() as usize);
        let side = usize::from(thresholds.erosion);
        let marked = |is: fn(u8, u8) -> bool, threshold: u8| -> Vec<bool> {
            matte.pixels().map(|pixel| is(pixel.0[0], threshold)).collect()
        };
        // Beyond the edges of the image there is background.
        let foreground = eroded(
            &marked(|value, limit| value > limit, thresholds.foreground),
            dimensions,
            side,
            false,
        );
        let background = eroded(
            &marked(|value, limit| value < limit, thresholds.background),
            dimensions,
            side,
            true,
        );
        let value = |(foreground, background): (&bool, &bool)| match (foreground, background) {
            (_, true) => 0.0,
            (true, false) => 1.0,
            (false, false) => 0.5,
        };
        let known: Vec<f32> = foreground.iter().zip(&background).map(value).collect();
        let is_between = |&pixel: &usize| !foreground[pixel] && !background[pixel];
        let unknown = (0..known.len()).filter(is_between).collect();
        Self { known, unknown }
    }

    /// Whether there is something of either kind.
    pub(super) fn has_both_sides(&self) -> bool {
        let has = |value: f32| self.known.contains(&value);
        has(0.0) && has(1.0)
    }
}

/// Keeps what has only marked pixels around itself, as `SciPy`'s `binary_erosion` does: of a square with an even side,
/// the centre is behind the middle.
fn eroded(
    marked: &[bool],
    (width, height): (usize, usize),
    side: usize,
    beyond: bool,
) -> Vec<bool> {
    if marked.is_empty() {
        return Vec::new();
    }
    let (before, after) = if side == 0 { (1, 1) } else { (side / 2, side - 1 - side / 2) };
    let across = lines(marked, width, 1, (before, after), beyond);
    if side == 0 {
        let along = lines(marked, height, width, (1, 1), beyond);
        return across.iter().zip(along).map(|(across, along)| *across && along).collect();
    }
    lines(&across, height, width, (before, after), beyond)
}

/// The same along lines of `len` pixels that are `stride` apart.
fn lines(
    marked: &[bool],
    len: usize,
    stride: usize,
    (before, after): (usize, usize),
    beyond: bool,
) -> Vec<bool> {
    let mut kept = vec![false; marked.len()];
    // How many pixels up to here are marked, counted anew in each line.
    let mut sums = vec![0_usize; len + 1];
    for start in 0..marked.len() / len {
        let first = start / stride * stride * len + start % stride;
        for place in 0..len {
            sums[place + 1] = sums[place] + usize::from(marked[first + place * stride]);
        }
        for place in 0..len {
            let (from, to) = (place.saturating_sub(before), (place + after + 1).min(len));
            let is_inside = place >= before && place + after < len;
            let all = sums[to] - sums[from] == to - from;
            kept[first + place * stride] = all && (is_inside || beyond);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    fn row(text: &str, side: usize, beyond: bool) -> String {
        let marked: Vec<bool> = text.chars().map(|mark| mark == '#').collect();
        let kept =
            lines(&marked, marked.len(), 1, (side / 2, side.saturating_sub(1 + side / 2)), beyond);
        kept.iter().map(|&kept| if kept { '#' } else { '.' }).collect()
    }

    #[test]
    fn a_line_is_eroded_as_scipy_erodes_it() {
        // scipy.ndimage.binary_erosion, with a structure of ones of this length.
        assert_eq!(row("..######..", 3, false), "...####...");
        assert_eq!(row("..######..", 4, false), "....###...");
        assert_eq!(row("######....", 3, false), ".####.....");
        assert_eq!(row("######....", 3, true), "#####.....");
        assert_eq!(row("######....", 1, false), "######....");
    }

    #[test]
    fn a_band_lies_on_both_sides_of_an_edge() {
        let matte = GrayImage::from_fn(30, 30, |x, _| Luma([if x < 15 { 255 } else { 0 }]));
        let band = Band::around(&matte, Thresholds { erosion: 5, ..Thresholds::default() });
        let row = &band.known[15 * 30..16 * 30];
        // Beyond the left edge there is background, so what is next to it is not sure.
        assert_eq!(row[..2], [0.5, 0.5]);
        assert_eq!(row[2..13], [1.0; 11]);
        assert_eq!(row[13..17], [0.5; 4]);
        assert_eq!(row[17..], [0.0; 13]);
        assert!(band.has_both_sides());
        assert_eq!(band.unknown[..4], [0, 1, 2, 3], "nothing is sure at the upper edge");
    }

    #[test]
    fn without_a_size_a_cross_is_taken_away() {
        let matte = GrayImage::from_fn(9, 9, |x, y| Luma([if (x, y) == (4, 4) { 0 } else { 255 }]));
        let band = Band::around(&matte, Thresholds { erosion: 0, ..Thresholds::default() });
        let unsure = |x: usize, y: usize| band.unknown.contains(&(y * 9 + x));
        assert!(unsure(4, 3) && unsure(3, 4) && unsure(4, 4) && !unsure(3, 3));
    }
}
