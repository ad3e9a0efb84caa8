//! Resizing 8-bit images with Lanczos-3, bit for bit as Pillow's `Image.resize(.., LANCZOS)` does.
//!
//! The network is sensitive: where another implementation rounds one value in a thousand differently, alpha moves by
//! up to 9 of 255. So this one does the same arithmetic in the same order as
//! [Resample.c](https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c): across, then down, with
//! weights in fixed point, rounding to 8 bits after each. When shrinking, the filter widens with the scale, so that
//! every pixel of the source counts.

/// How far the filter reaches on either side, in pixels of the larger image.
const SUPPORT: f64 = 3.0;

/// Weights are multiples of 2^-22, so that a sum of 8-bit values fits 32 bits with two to spare.
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// Resizes an image of `C` interleaved channels; sizes are (width, height) in pixels.
pub(super) fn resize<const C: usize>(image: &[u8], from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let [from_width, from_height, to_width, to_height] = [from.0, from.1, to.0, to.1].map(index);
    if image.is_empty() || to_width == 0 {
        return vec![0; to_width * to_height * C];
    }
    let narrowed = across::<C>(image, from_width, &windows(from_width, to_width));
    down(&narrowed, to_width * C, &windows(from_height, to_height))
}

/// The pixels of a row (or column) that make one pixel of the result.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

/// One window per pixel of the result.
fn windows(from: usize, to: usize) -> Vec<Window> {
    #![expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "image sizes are far below 2^53; a negative start is meant to become 0"
    )]
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let reach = SUPPORT * stretch;
    (0..to)
        .map(|position| {
            let centre = (position as f64 + 0.5) * scale;
            let start = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let weights: Vec<f64> = (start..end)
                .map(|source| lanczos((source as f64 - centre + 0.5) / stretch))
                .collect();
            let total: f64 = weights.iter().sum();
            let one = f64::from(1 << FRACTION_BITS);
            Window {
                start,
                weights: weights
                    .iter()
                    .map(|weight| (weight / total * one).round() as i32)
                    .collect(),
            }
        })
        .collect()
}

/// The Lanczos filter with three lobes: sinc, windowed by a wider sinc.
fn lanczos(x: f64) -> f64 {
    if x.abs() < SUPPORT { sinc(x) * sinc(x / SUPPORT) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// Resizes every row.
fn across<const C: usize>(image: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let mut result = Vec::with_capacity(image.len() / width * windows.len());
    for row in image.chunks_exact(width * C) {
        let (pixels, _) = row.as_chunks::<C>();
        for window in windows {
            let mut sums = [0; C];
            for (pixel, weight) in pixels[window.start..].iter().zip(&window.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            result.extend(sums.map(round));
        }
    }
    result
}

/// Resizes every column; a row has `row_bytes` bytes before and after.
fn down(image: &[u8], row_bytes: usize, windows: &[Window]) -> Vec<u8> {
    let mut result = Vec::with_capacity(row_bytes * windows.len());
    let mut sums = vec![0; row_bytes];
    for window in windows {
        sums.fill(0);
        let rows = image.chunks_exact(row_bytes).skip(window.start);
        for (row, weight) in rows.zip(&window.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        result.extend(sums.iter().copied().map(round));
    }
    result
}

/// A weighted sum as the nearest 8-bit value: Lanczos overshoots at edges.
fn round(sum: i32) -> u8 {
    let rounded = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    u8::try_from(rounded.clamp(0, 255)).expect("clamped")
}

fn index(size: u32) -> usize {
    usize::try_from(size).expect("32 bits at least")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_stays_flat_at_any_size() {
        for (from, to) in [((1, 1), (7, 5)), ((640, 3), (320, 320)), ((5, 700), (3, 9))] {
            let image = vec![201; index(from.0 * from.1) * 3];
            let resized = resize::<3>(&image, from, to);
            assert_eq!(resized, vec![201; index(to.0 * to.1) * 3]);
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image: Vec<u8> = (0..=255).collect();
        assert_eq!(resize::<1>(&image, (16, 16), (16, 16)), image);
    }

    #[test]
    fn channels_do_not_mix() {
        let image = [[10, 200, 30], [40, 50, 60], [70, 80, 90], [5, 4, 3]];
        let resized = resize::<3>(&image.concat(), (2, 2), (5, 3));
        for channel in 0..3 {
            let plane = image.map(|pixel| pixel[channel]);
            let alone: Vec<u8> = resized.iter().skip(channel).step_by(3).copied().collect();
            assert_eq!(alone, resize::<1>(&plane, (2, 2), (5, 3)));
        }
    }

    #[test]
    fn rows_stay_rows() {
        let resized = resize::<1>(&[0, 255], (2, 1), (4, 2));
        assert!(resized[0] < 50 && resized[3] > 200, "{resized:?}");
        assert_eq!(resized[..4], resized[4..]);
    }

    #[test]
    fn an_edge_overshoots_no_further_than_black_and_white() {
        let step: Vec<u8> = (0..32).map(|x| if x < 16 { 0 } else { 255 }).collect();
        let resized = resize::<1>(&step, (32, 1), (320, 1));
        assert_eq!((resized[0], resized[319]), (0, 255));
    }

    #[test]
    fn weights_are_those_of_the_definition() {
        // From 2 pixels to 4, the first centre lies at 0.25; the source's centres lie at 0.5 and 1.5.
        let (near, far) = (lanczos(0.25), lanczos(1.25));
        let expected = (100.0 * near + 200.0 * far) / (near + far);
        let resized = resize::<1>(&[100, 200], (2, 1), (4, 1));
        assert!((f64::from(resized[0]) - expected).abs() <= 0.5, "{resized:?} {expected}");
    }

    #[test]
    fn an_image_without_pixels_becomes_black() {
        assert_eq!(resize::<1>(&[], (0, 5), (2, 2)), [0; 4]);
        assert_eq!(resize::<1>(&[1], (1, 1), (0, 5)), [0; 0]);
        assert_eq!(resize::<1>(&[1], (1, 1), (5, 0)), [0; 0]);
    }
}
