//! Resizing and straightening, with the fixed-point arithmetic of `OpenCV`: the networks see what they see elsewhere.

use std::sync::LazyLock;

use image::RgbImage;

use super::regions::Quadrilateral;

/// Bits behind the point of a bilinear weight.
const LINEAR_BITS: i32 = 11;
/// Positions between two pixels that a cubic weight knows.
const BETWEEN: usize = 32;
/// Bits behind the point of a cubic weight.
const CUBIC_BITS: u32 = 15;

/// `source` at another size, bilinear; halved exactly, it is the mean of each 2x2 pixels.
pub(super) fn resize(source: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    if (width, height) == source.dimensions() {
        return source.clone();
    }
    let (from_width, from_height) = source.dimensions();
    if (2 * width, 2 * height) == (from_width, from_height) {
        return halved(source);
    }
    let columns = taps(from_width, width);
    let rows = taps(from_height, height);
    let stride = 3 * from_width as usize;
    // A row of the source at the new width, kept for as long as it is one of the two that are mixed.
    let widened = |row: usize| -> Vec<i32> {
        let line = &source.as_raw()[row * stride..][..stride];
        let mut widened = Vec::with_capacity(3 * columns.len());
        for tap in &columns {
            for channel in 0..3 {
                let (first, second) =
                    (line[3 * tap.first + channel], line[3 * tap.second + channel]);
                widened
                    .push(i32::from(first) * tap.weights[0] + i32::from(second) * tap.weights[1]);
            }
        }
        widened
    };
    let mut kept: [(usize, Vec<i32>); 2] = [(usize::MAX, Vec::new()), (usize::MAX, Vec::new())];
    let mut output = Vec::with_capacity(3 * columns.len() * rows.len());
    for row in &rows {
        if kept[1].0 == row.first {
            kept.swap(0, 1);
        }
        for (kept, wanted) in kept.iter_mut().zip([row.first, row.second]) {
            if kept.0 != wanted {
                *kept = (wanted, widened(wanted));
            }
        }
        for (first, second) in kept[0].1.iter().zip(&kept[1].1) {
            let part = |value: i32, weight: i32| (weight * (value >> 4)) >> 16;
            output.push(byte(
                (part(*first, row.weights[0]) + part(*second, row.weights[1]) + 2) >> 2,
            ));
        }
    }
    RgbImage::from_raw(width, height, output).expect("as many values as pixels")
}

fn halved(source: &RgbImage) -> RgbImage {
    RgbImage::from_fn(source.width() / 2, source.height() / 2, |x, y| {
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)]
            .map(|(dx, dy)| source.get_pixel(2 * x + dx, 2 * y + dy).0);
        let mean = |channel: usize| four.iter().map(|pixel| i32::from(pixel[channel])).sum::<i32>();
        image::Rgb([0, 1, 2].map(|channel| byte((mean(channel) + 2) >> 2)))
    })
}

/// The two pixels of the source that one of the output lies between, and their weights.
struct Tap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sides of images, and weights between 0 and 1"
)]
fn taps(from: u32, to: u32) -> Vec<Tap> {
    let scale = 1.0 / (f64::from(to) / f64::from(from));
    let last = from as usize - 1;
    let tap = |index: u32| {
        let position = ((f64::from(index) + 0.5) * scale - 0.5) as f32;
        let floor = position.floor();
        let (first, share) = match floor as i64 {
            ..0 => (0, 0.0),
            floor if floor as usize >= last => (last, 0.0),
            floor => (floor as usize, position - floor as f32),
        };
        let weight = |share: f32| (share * (1 << LINEAR_BITS) as f32).round_ties_even() as i32;
        Tap { first, second: (first + 1).min(last), weights: [weight(1.0 - share), weight(share)] }
    };
    (0..to).map(tap).collect()
}

/// What lies inside `corners`, straightened to `width` x `height` by a perspective transform, bicubic; beyond the edge
/// of the image its last pixels go on.
pub(super) fn straighten(
    source: &RgbImage,
    corners: &Quadrilateral,
    (width, height): (u32, u32),
) -> RgbImage {
    let map = Perspective::onto(corners, f64::from(width), f64::from(height));
    let (last_x, last_y) = (i64::from(source.width()) - 1, i64::from(source.height()) - 1);
    let values = source.as_raw();
    let mut output = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let [from_x, from_y] = map.at(f64::from(x), f64::from(y)).map(fixed);
            let weights = &CUBIC[index(from_y) * BETWEEN + index(from_x)];
            let (left, top) = ((from_x >> 5) - 1, (from_y >> 5) - 1);
            let mut sums = [0_i32; 3];
            for (row, weights) in (top..).zip(weights.as_chunks::<4>().0) {
                let start = row.clamp(0, last_y) * (last_x + 1);
                for (column, &weight) in (left..).zip(weights) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "cut off at both ends"
                    )]
                    let pixel = 3 * (start + column.clamp(0, last_x)) as usize;
                    for (sum, &value) in sums.iter_mut().zip(&values[pixel..pixel + 3]) {
                        *sum += weight * i32::from(value);
                    }
                }
            }
            output.extend(sums.map(|sum| byte((sum + (1 << (CUBIC_BITS - 1))) >> CUBIC_BITS)));
        }
    }
    RgbImage::from_raw(width, height, output).expect("as many values as pixels")
}

/// A position in 32nds of a pixel.
#[expect(clippy::cast_possible_truncation, reason = "`as` cuts off what is out of range")]
fn fixed(position: f64) -> i64 {
    i64::from((position * 32.0).round_ties_even() as i32)
}

/// Where between two pixels a position is.
#[expect(clippy::cast_sign_loss, reason = "between 0 and 31")]
fn index(position: i64) -> usize {
    (position & 31) as usize
}

/// The projective map that takes a rectangle with the corner (0, 0) to a quadrilateral.
///
/// After Heckbert, [Fundamentals of Texture Mapping and Image Warping](https://www2.eecs.berkeley.edu/Pubs/TechRpts/1989/5504.html), section 2.2.3.
struct Perspective {
    x: [f64; 3],
    y: [f64; 3],
    depth: [f64; 3],
}

impl Perspective {
    fn onto(corners: &Quadrilateral, width: f64, height: f64) -> Self {
        let [a, b, c, d] = corners.map(|corner| corner.map(f64::from));
        let sum = [a[0] - b[0] + c[0] - d[0], a[1] - b[1] + c[1] - d[1]];
        let (right, down) = ([b[0] - c[0], b[1] - c[1]], [d[0] - c[0], d[1] - c[1]]);
        let area = right[0] * down[1] - right[1] * down[0];
        let across = (sum[0] * down[1] - sum[1] * down[0]) / area;
        let along = (right[0] * sum[1] - right[1] * sum[0]) / area;
        let row = |axis: usize| {
            [
                (b[axis] - a[axis] + across * b[axis]) / width,
                (d[axis] - a[axis] + along * d[axis]) / height,
                a[axis],
            ]
        };
        Self { x: row(0), y: row(1), depth: [across / width, along / height, 1.0] }
    }

    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let along = |row: &[f64; 3]| row[0] * x + row[1] * y + row[2];
        let depth = along(&self.depth);
        [along(&self.x) / depth, along(&self.y) / depth]
    }
}

/// The 4x4 weights for each of 32x32 positions between pixels, rows first.
static CUBIC: LazyLock<Vec<[i32; 16]>> = LazyLock::new(|| {
    let line: Vec<[f32; 4]> = (0..BETWEEN).map(cubic).collect();
    let pairs =
        line.iter().flat_map(|vertical| line.iter().map(move |horizontal| (vertical, horizontal)));
    pairs
        .map(|(vertical, horizontal)| {
            let one = 1_i32 << CUBIC_BITS;
            let mut weights = [0; 16];
            for (index, weight) in weights.iter_mut().enumerate() {
                let product = vertical[index / 4] * horizontal[index % 4];
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "between -1 and 1"
                )]
                let rounded = (product * one as f32).round_ties_even() as i32;
                *weight = rounded.min(one - 1);
            }
            // What rounding lost or won goes to the largest of the last 2x2, or from the smallest.
            let missing = one - weights.iter().sum::<i32>();
            let inner = [10, 11, 14, 15];
            let chosen = if missing > 0 {
                inner.into_iter().rev().max_by_key(|&index| weights[index])
            } else {
                inner.into_iter().min_by_key(|&index| weights[index])
            };
            if let Some(index) = chosen {
                weights[index] += missing;
            }
            weights
        })
        .collect()
});

/// Weights of the four pixels around a position, of 32, between the second and the third.
fn cubic(position: usize) -> [f32; 4] {
    const A: f32 = -0.75;
    #[expect(clippy::cast_precision_loss, reason = "less than 32")]
    let x = position as f32 / BETWEEN as f32;
    let outer = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let inner = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let (first, second, third) = (outer(x + 1.0), inner(x), inner(1.0 - x));
    [first, second, third, 1.0 - first - second - third]
}

#[expect(clippy::cast_sign_loss, reason = "cut off at both ends")]
fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([x * 37 + y * 11, x * y * 3, x * 5 + y * 71]
                .map(|value| u8::try_from(value % 256).unwrap()))
        })
    }

    #[test]
    fn an_upright_region_is_cut_out_as_it_is() {
        let source = picture(20, 15);
        let corners = [[3.0, 4.0], [11.0, 4.0], [11.0, 9.0], [3.0, 9.0]];
        let cut = straighten(&source, &corners, (8, 5));
        assert_eq!(cut, image::imageops::crop_imm(&source, 3, 4, 8, 5).to_image());
    }

    #[test]
    fn a_region_beyond_the_edge_goes_on_with_the_last_pixels() {
        let source = RgbImage::from_pixel(4, 4, Rgb([9, 8, 7]));
        let corners = [[-5.0, -5.0], [9.0, -5.0], [9.0, 9.0], [-5.0, 9.0]];
        assert_eq!(
            straighten(&source, &corners, (14, 14)),
            RgbImage::from_pixel(14, 14, Rgb([9, 8, 7]))
        );
    }

    #[test]
    fn resizing_keeps_what_is_even_and_mixes_what_is_not() {
        let grey = RgbImage::from_pixel(7, 5, Rgb([200, 1, 255]));
        for size in [(7, 5), (14, 10), (3, 2), (1, 1), (64, 48)] {
            assert_eq!(
                resize(&grey, size),
                RgbImage::from_pixel(size.0, size.1, Rgb([200, 1, 255]))
            );
        }
        let two = RgbImage::from_fn(2, 1, |x, _| Rgb([if x == 0 { 0 } else { 200 }; 3]));
        let four: Vec<u8> = resize(&two, (4, 1)).pixels().map(|pixel| pixel.0[0]).collect();
        assert_eq!(four, [0, 50, 150, 200]);
        let quarters =
            RgbImage::from_fn(2, 2, |x, y| Rgb([if (x, y) == (0, 0) { 5 } else { 0 }; 3]));
        assert_eq!(resize(&quarters, (1, 1)).get_pixel(0, 0).0, [1; 3]);
    }
}
