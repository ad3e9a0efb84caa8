//! From how likely each pixel is text to quadrilaterals around its lines.
//!
//! ```text
//! probabilities ──▶ mask ──▶ borders ──▶ least rectangle ──▶ likely enough? ──▶ widened ──▶ least rectangle
//! ```
//!
//! The network was trained to find text shrunk to its middle, so that lines do not touch; hence the widening. Steps and
//! thresholds are those of [RapidOCR](https://github.com/RapidAI/RapidOCR) 1.4.4.

mod borders;
mod rectangle;
mod score;
mod widen;

pub use self::rectangle::Quadrilateral;
use self::rectangle::least_rectangle;

/// Above this a pixel is text.
const IS_TEXT: f32 = 0.3;
/// The mean probability that a line has at least.
const IS_LINE: f64 = 0.5;
/// How far a line is widened: by this times its area over its circumference.
const WIDENING: f64 = 1.6;
/// The least side, in pixels of the map, of what may be a line, and of what it is widened to.
const LEAST_SIDE: f32 = 3.0;
/// The most borders that are looked at, and so the most lines of a page.
pub const MAX_LINES: usize = 1000;

/// Lines of text in `probabilities`, a map of `width` columns, scaled to an image of `size`.
///
/// Corners are whole pixels: top left, top right, bottom right, bottom left, as far as these words fit.
pub fn find(probabilities: &[f32], width: usize, size: (u32, u32)) -> Vec<Quadrilateral> {
    let height = probabilities.len() / width.max(1);
    let mask = mask(probabilities, width);
    let borders = borders::trace(&mask, width);
    // What the peer begins with, which walks them from the bottom up.
    let lines = borders.iter().rev().take(MAX_LINES).filter_map(|border| {
        let (corners, shorter) = least_rectangle(border)?;
        if shorter < LEAST_SIDE || score::mean_inside(probabilities, width, &corners) < IS_LINE {
            return None;
        }
        let (corners, shorter) = least_rectangle(&widen::widen(&corners, WIDENING))?;
        (shorter >= LEAST_SIDE + 2.0).then(|| scaled(corners, (width, height), size))
    });
    lines.filter_map(|corners| tidy(corners, size)).collect()
}

/// Where a pixel is text, or the one above, to the left or in between: what a 2x2 dilation gives.
fn mask(probabilities: &[f32], width: usize) -> Vec<bool> {
    let is_text = |index: usize| probabilities[index] > IS_TEXT;
    (0..probabilities.len())
        .map(|index| {
            let (has_left, has_above) = (index % width > 0, index >= width);
            is_text(index)
                || (has_left && is_text(index - 1))
                || (has_above && is_text(index - width))
                || (has_left && has_above && is_text(index - width - 1))
        })
        .collect()
}

/// From pixels of the map to whole pixels of the image.
#[expect(clippy::cast_precision_loss, reason = "sides of images")]
fn scaled(corners: Quadrilateral, from: (usize, usize), to: (u32, u32)) -> Quadrilateral {
    let scale = |value: f32, from: usize, to: u32| {
        (value / from as f32 * to as f32).round_ties_even().clamp(0.0, to as f32)
    };
    corners.map(|[x, y]| [scale(x, from.0, to.0), scale(y, from.1, to.1)])
}

/// The corners in their order and inside the image, unless hardly anything is left.
#[expect(clippy::cast_precision_loss, reason = "sides of images")]
fn tidy(mut corners: Quadrilateral, (width, height): (u32, u32)) -> Option<Quadrilateral> {
    corners.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let [mut left, mut right] = [[corners[0], corners[1]], [corners[2], corners[3]]];
    left.sort_by(|a, b| a[1].total_cmp(&b[1]));
    right.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let ordered = [left[0], right[0], right[1], left[1]];
    let inside =
        ordered.map(|[x, y]| [x.clamp(0.0, width as f32 - 1.0), y.clamp(0.0, height as f32 - 1.0)]);
    let side = |to: usize| distance(inside[0], inside[to]).floor();
    (side(1) > 3.0 && side(3) > 3.0).then_some(inside)
}

/// How far two points are from each other.
pub(super) fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of 40 x 30 with a block of probability `inside` from (10, 12) to (29, 17).
    fn map(inside: f32) -> Vec<f32> {
        (0..40 * 30)
            .map(|index| {
                let (x, y) = (index % 40, index / 40);
                if (10..30).contains(&x) && (12..18).contains(&y) { inside } else { 0.01 }
            })
            .collect()
    }

    #[test]
    fn a_block_of_likely_pixels_becomes_one_line_that_is_wider_than_the_block() {
        let lines = find(&map(0.9), 40, (80, 60));
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        // Dilated by a pixel the corners are (10, 12) and (30, 18): 20 by 6, so 1.6 * 120 / 52 = 3.7 wider all round;
        // in whole pixels 4, and twice that in the image.
        assert_eq!(*line, [[12.0, 16.0], [68.0, 16.0], [68.0, 44.0], [12.0, 44.0]]);
    }

    #[test]
    fn what_is_too_unlikely_or_too_small_is_no_line() {
        assert!(find(&map(0.4), 40, (80, 60)).is_empty());
        let mut small = vec![0.01; 40 * 30];
        small[12 * 40 + 10] = 0.9;
        assert!(find(&small, 40, (80, 60)).is_empty());
        assert!(find(&[0.01; 40 * 30], 40, (80, 60)).is_empty());
    }
}
