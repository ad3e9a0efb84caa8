//! The colours of the foreground, also where it covers a pixel only in part: found on a small image first, and then on
//! larger and larger ones.

use std::time::Instant;

use image::RgbImage;

/// How much neighbours have to be alike where alpha is.
const REGULARIZATION: f32 = 1e-5;
/// Up to this side there are many passes.
const SMALL: usize = 32;
const PASSES_SMALL: usize = 10;
const PASSES: usize = 2;

type Colour = [f32; 3];

/// A foreground and a background.
struct Layers {
    size: (usize, usize),
    colours: Vec<[Colour; 2]>,
}

/// The colour of the foreground at every pixel, from 0 to 1; `None` once it is later than `until`.
pub(super) fn foreground(image: &RgbImage, alpha: &[f32], until: Instant) -> Option<Vec<Colour>> {
    let size = (image.width() as usize, image.height() as usize);
    let colours: Vec<Colour> =
        image.pixels().map(|pixel| pixel.0.map(|value| f32::from(value) / 255.0)).collect();
    let means =
        [mean(&colours, alpha, |alpha| alpha > 0.9), mean(&colours, alpha, |alpha| alpha < 0.1)];
    let mut layers = Layers { size: (1, 1), colours: vec![means] };
    let levels = size.0.max(size.1).next_power_of_two().trailing_zeros().max(1);
    for level in 0..=levels {
        if Instant::now() > until {
            return None;
        }
        let share = f64::from(level) / f64::from(levels);
        let smaller = (side(size.0, share), side(size.1, share));
        let places = nearest(size, smaller);
        let colours: Vec<_> = places.iter().map(|&place| colours[place]).collect();
        let alpha: Vec<_> = places.iter().map(|&place| alpha[place]).collect();
        let before = nearest(layers.size, smaller);
        let begun = before.iter().map(|&place| layers.colours[place]).collect();
        layers = Layers { size: smaller, colours: begun };
        let is_small = smaller.0 <= SMALL && smaller.1 <= SMALL;
        for _ in 0..if is_small { PASSES_SMALL } else { PASSES } {
            layers.pass(&colours, &alpha);
        }
    }
    Some(layers.colours.into_iter().map(|[foreground, _]| foreground).collect())
}

impl Layers {
    /// Brings each pixel nearer to what it shows, and to its neighbours.
    fn pass(&mut self, image: &[Colour], alpha: &[f32]) {
        let (width, height) = self.size;
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                let around = [
                    at - usize::from(x > 0),
                    at + usize::from(x + 1 < width),
                    if y > 0 { at - width } else { at },
                    if y + 1 < height { at + width } else { at },
                ];
                self.colours[at] = self.better(image[at], alpha, at, around);
            }
        }
    }

    fn better(&self, shown: Colour, alpha: &[f32], at: usize, around: [usize; 4]) -> [Colour; 2] {
        let (front, back) = (alpha[at], 1.0 - alpha[at]);
        let (mut a, b, mut d) = (front * front, front * back, back * back);
        let mut right = [shown.map(|value| front * value), shown.map(|value| back * value)];
        for other in around {
            let weight = REGULARIZATION + (front - alpha[other]).abs();
            a += weight;
            d += weight;
            for (right, colour) in right.iter_mut().zip(&self.colours[other]) {
                for (right, value) in right.iter_mut().zip(colour) {
                    *right += weight * value;
                }
            }
        }
        let share = 1.0 / (a * d - b * b);
        let mix = |first: f32, second: f32| -> Colour {
            std::array::from_fn(|channel| {
                let value = share * (first * right[0][channel] + second * right[1][channel]);
                value.clamp(0.0, 1.0)
            })
        };
        [mix(d, -b), mix(-b, a)]
    }
}

/// The mean colour where alpha is as asked for; black where it is so nowhere.
fn mean(colours: &[Colour], alpha: &[f32], is_it: fn(f32) -> bool) -> Colour {
    let (mut sum, mut count) = ([0.0_f64; 3], 1e-5_f64);
    for (colour, _) in colours.iter().zip(alpha).filter(|(_, alpha)| is_it(**alpha)) {
        for (sum, value) in sum.iter_mut().zip(colour) {
            *sum += f64::from(*value);
        }
        count += 1.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
    sum.map(|sum| (sum / count) as f32)
}

/// A side on the way from 1 to `whole`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of images"
)]
fn side(whole: usize, share: f64) -> usize {
    ((whole as f64).powf(share).round_ties_even() as usize).max(1)
}

/// For each pixel of an image of size `to`, its place in one of size `from`.
fn nearest(from: (usize, usize), to: (usize, usize)) -> Vec<usize> {
    let rows = (0..to.1).map(|y| y * from.1 / to.1);
    rows.flat_map(|row| (0..to.0).map(move |x| row * from.0 + x * from.0 / to.0)).collect()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + std::time::Duration::from_mins(1)
    }

    #[test]
    fn what_is_foreground_alone_keeps_its_colour() {
        let byte = |value: u32| u8::try_from(value).unwrap();
        let image = RgbImage::from_fn(40, 30, |x, y| Rgb([byte(x * 6), byte(y * 8), 77]));
        let found = foreground(&image, &[1.0; 1200], soon()).unwrap();
        for (pixel, colour) in image.pixels().zip(found) {
            for (value, found) in pixel.0.iter().zip(colour) {
                assert!((f32::from(*value) / 255.0 - found).abs() < 0.01, "{pixel:?}: {colour:?}");
            }
        }
    }

    #[test]
    fn it_ends_when_its_time_does() {
        let (now, late) = (Instant::now(), std::time::Duration::from_millis(1));
        std::thread::sleep(late);
        assert_eq!(foreground(&RgbImage::new(4, 4), &[0.5; 16], now), None);
    }
}
