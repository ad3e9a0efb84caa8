//! The smooth edge of rembg's `ppm`: an opening, a Gaussian, and a threshold.
//!
//! The steps are scikit-image's `opening` with a cross of radius 1 and `SciPy`'s `gaussian_filter` with
//! sigma 2, which repeats what is at the border outwards, mirrored.

use image::{GrayImage, Luma};

use super::matte::Matte;

/// `SciPy` cuts a Gaussian off at four sigmas.
const SIGMA: f64 = 2.0;
const RADIUS: usize = 8;
/// Below it is background.
const THRESHOLD: f64 = 127.0;

/// The matte with a hard edge, without single pixels and hairs.
pub(super) fn edge(matte: Matte) -> Matte {
    let alpha = matte.into_alpha();
    let (width, height) = alpha.dimensions();
    let opened = cross(&cross(&alpha, u8::min), u8::max);
    let (columns, rows) = (width as usize, height as usize);
    let (pixels, weights) = (opened.as_raw(), weights());
    // One line of sums is enough: they take eight times the memory of the pixels.
    let mut line = vec![0.0; columns];
    let mut mask = Vec::with_capacity(pixels.len());
    for y in 0..rows {
        for (x, sum) in line.iter_mut().enumerate() {
            *sum = weigh(&weights, y, rows, |row| pixels[row * columns + x].into());
        }
        for x in 0..columns {
            let value = weigh(&weights, x, columns, |column| line[column]);
            mask.push(if value < THRESHOLD { 0 } else { 255 });
        }
    }
    // As many pixels as there were.
    Matte::of(GrayImage::from_raw(width, height, mask).unwrap_or(alpha))
}

/// Each pixel with its four neighbours; those outside count for nothing.
fn cross(image: &GrayImage, choose: fn(u8, u8) -> u8) -> GrayImage {
    let (width, height) = image.dimensions();
    let at = |x: u32, y: u32| image.get_pixel(x, y).0[0];
    GrayImage::from_fn(width, height, |x, y| {
        let mut value = at(x, y);
        for (x, y) in [
            (x.checked_sub(1), Some(y)),
            (Some(x + 1).filter(|&x| x < width), Some(y)),
            (Some(x), y.checked_sub(1)),
            (Some(x), Some(y + 1).filter(|&y| y < height)),
        ] {
            if let (Some(x), Some(y)) = (x, y) {
                value = choose(value, at(x, y));
            }
        }
        Luma([value])
    })
}

/// The weighted sum of the values around `at`, from the outside in, as `SciPy` adds: the last bit can
/// decide at the threshold.
fn weigh(
    weights: &[f64; RADIUS + 1],
    at: usize,
    length: usize,
    value: impl Fn(usize) -> f64,
) -> f64 {
    let mut sum = value(at) * weights[0];
    for distance in (1..=RADIUS).rev() {
        let (before, after) = around(at, distance, length);
        sum += (value(before) + value(after)) * weights[distance];
    }
    sum
}

/// The positions that lie `distance` before and after `at`, mirrored at the ends.
fn around(at: usize, distance: usize, length: usize) -> (usize, usize) {
    let period = 2 * length;
    let mirrored = |position: usize| {
        let position = position % period;
        if position < length { position } else { period - 1 - position }
    };
    // Several periods ahead, so that nothing is below 0.
    (mirrored(at + RADIUS * period - distance), mirrored(at + distance))
}

/// The weights of a Gaussian by their distance; all of them together are 1.
fn weights() -> [f64; RADIUS + 1] {
    let mut weights = [0.0; RADIUS + 1];
    for (distance, weight) in (0_u32..).zip(&mut weights) {
        *weight = (-0.5 / (SIGMA * SIGMA) * f64::from(distance * distance)).exp();
    }
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.map(|weight| weight / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smooth(image: GrayImage) -> GrayImage {
        edge(Matte::of(image)).into_alpha()
    }

    #[test]
    fn a_hair_goes_and_a_body_stays() {
        let image = GrayImage::from_fn(60, 60, |x, y| {
            let hair = x == 5;
            let body = (20..50).contains(&x) && (20..50).contains(&y);
            Luma([if hair || body { 255 } else { 0 }])
        });
        let smooth = smooth(image);
        assert_eq!(smooth.get_pixel(5, 30).0, [0]);
        assert_eq!(smooth.get_pixel(35, 35).0, [255]);
        assert!(smooth.pixels().all(|pixel| matches!(pixel.0, [0 | 255])));
    }

    #[test]
    fn what_reaches_the_border_stays_at_it() {
        let smooth = smooth(GrayImage::from_fn(3, 40, |_, y| Luma([if y < 20 { 255 } else { 0 }])));
        assert_eq!(smooth.get_pixel(0, 0).0, [255]);
        assert_eq!(smooth.get_pixel(2, 18).0, [255]);
        assert_eq!(smooth.get_pixel(2, 39).0, [0]);
    }

    #[test]
    fn positions_are_mirrored_also_where_the_image_is_tiny() {
        assert_eq!(around(0, 1, 4), (0, 1));
        assert_eq!(around(0, 3, 4), (2, 3));
        assert_eq!(around(3, 1, 4), (2, 3));
        assert_eq!(around(0, 8, 1), (0, 0));
    }
}
