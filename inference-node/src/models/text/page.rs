//! A page as the networks take it, and the way back.

use candle_core::{Device, Result, Tensor};
use image::{DynamicImage, Rgb, RgbImage, imageops};

use super::{
    detector,
    regions::{Quadrilateral, distance},
    resample::{resize, straighten},
};

/// A page is reduced to this, so that its longer side is no longer.
const LONGEST: u32 = 2000;
/// A page is enlarged to this, so that its shorter side is no shorter ...
const SHORTEST: u32 = 30;
/// ... but not beyond this: what is read of a page costs its pixels.
const LONGEST_ENLARGED: f64 = 4000.0;
/// A strip that is longer than this times its height, or no higher than [`SHORTEST`], gets black above and below.
const STRIP: u32 = 8;
/// The detector sees the page at this size, if its shorter side is less.
const DETECTED: u32 = 736;
/// But it sees no more pixels than these, rounding aside: a tall strip would have many times as many.
const MOST_PIXELS: f64 = 4.4e6;
/// A region that is so much higher than wide is turned by a right angle.
const UPRIGHT: f64 = 1.5;

/// A page, ready to be looked at.
pub(super) struct Page {
    pixels: RgbImage,
    /// Rows of black above.
    above: u32,
    /// Pixels of the image for each of the page, across and down.
    scale: (f32, f32),
    /// The image's own size.
    size: (u32, u32),
}

impl Page {
    pub(super) fn of(image: &DynamicImage) -> Self {
        let mut pixels = flat(image);
        let size = pixels.dimensions();
        let longest = size.0.max(size.1);
        if longest > LONGEST {
            pixels = resize(&pixels, scaled(size, f64::from(LONGEST) / f64::from(longest)));
        }
        let (width, height) = pixels.dimensions();
        let shortest = width.min(height);
        if shortest < SHORTEST {
            let most = LONGEST_ENLARGED / f64::from(width.max(height));
            pixels = resize(
                &pixels,
                scaled((width, height), (f64::from(SHORTEST) / f64::from(shortest)).min(most)),
            );
        }
        let (width, height) = pixels.dimensions();
        #[expect(clippy::cast_precision_loss, reason = "sides of images")]
        let scale = (size.0 as f32 / width as f32, size.1 as f32 / height as f32);
        let mut above = 0;
        if height <= SHORTEST || width > STRIP * height {
            above = (2 * (width / STRIP).max(SHORTEST)).abs_diff(height) / 2;
            let mut padded = RgbImage::new(width, height + 2 * above);
            imageops::replace(&mut padded, &pixels, 0, i64::from(above));
            pixels = padded;
        }
        Self { pixels, above, scale, size }
    }

    /// The page's own size.
    pub(super) fn dimensions(&self) -> (u32, u32) {
        self.pixels.dimensions()
    }

    /// What the detector takes: `[1, 3, H, W]`.
    pub(super) fn for_detector(&self) -> Result<Tensor> {
        let (width, height) = self.dimensions();
        let shortest = width.min(height);
        let most = (MOST_PIXELS / (f64::from(width) * f64::from(height))).sqrt();
        let ratio = (f64::from(DETECTED) / f64::from(shortest)).min(most).max(1.0);
        let resized = resize(&self.pixels, scaled((width, height), ratio));
        #[expect(clippy::cast_possible_truncation, reason = "the network takes f32")]
        let normalised =
            |value: u8| ((f64::from(f32::from(value) * (1.0 / 255.0)) - 0.5) / 0.5) as f32;
        planes(&[resized], normalised)
    }

    /// What is inside `corners`, straightened; turned by a right angle if it is much higher than wide.
    pub(super) fn cut(&self, corners: &Quadrilateral) -> RgbImage {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sides of images"
        )]
        let side = |a: f32, b: f32| (a.max(b) as u32).max(1);
        let [a, b, c, d] = *corners;
        let (width, height) =
            (side(distance(a, b), distance(c, d)), side(distance(a, d), distance(b, c)));
        let cut = straighten(&self.pixels, corners, (width, height));
        if f64::from(height) / f64::from(width) >= UPRIGHT {
            imageops::rotate270(&cut)
        } else {
            cut
        }
    }

    /// Where `corners` are in the image that the page was made of.
    #[expect(clippy::cast_precision_loss, reason = "sides of images")]
    pub(super) fn in_image(&self, corners: &Quadrilateral) -> Quadrilateral {
        corners.map(|[x, y]| {
            let y = y - self.above as f32;
            [
                (x * self.scale.0).clamp(0.0, self.size.0 as f32),
                (y * self.scale.1).clamp(0.0, self.size.1 as f32),
            ]
        })
    }
}

/// The image without alpha: what is transparent is white, as paper is.
fn flat(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        let over_white = |value: u8| {
            let (value, alpha) = (u16::from(value), u16::from(alpha));
            u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        Rgb([red, green, blue].map(over_white))
    })
}

/// `size` times `ratio`, to the nearest multiple of the detector's.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of images")]
fn scaled(size: (u32, u32), ratio: f64) -> (u32, u32) {
    let multiple = |side: u32| {
        let whole = f64::from((f64::from(side) * ratio) as u32);
        let multiples = (whole / f64::from(detector::MULTIPLE)).round_ties_even() as u32;
        multiples.max(1) * detector::MULTIPLE
    };
    (multiple(size.0), multiple(size.1))
}

/// Images of one size as `[B, 3, H, W]`: blue, green and red, as the networks were trained, each value by `normalise`.
pub(super) fn planes(images: &[RgbImage], normalise: impl Fn(u8) -> f32) -> Result<Tensor> {
    let (width, height) = images.first().map_or((0, 0), RgbImage::dimensions);
    let padded: Vec<_> = images.iter().map(|image| (image, width)).collect();
    planes_of_width(&padded, width, height, normalise)
}

/// The same for images that are padded with zeros on the right to `width`.
pub(super) fn padded_planes(
    images: &[RgbImage],
    width: u32,
    normalise: impl Fn(u8) -> f32,
) -> Result<Tensor> {
    let height = images.first().map_or(0, RgbImage::height);
    let padded: Vec<_> = images.iter().map(|image| (image, image.width())).collect();
    planes_of_width(&padded, width, height, normalise)
}

fn planes_of_width(
    images: &[(&RgbImage, u32)],
    width: u32,
    height: u32,
    normalise: impl Fn(u8) -> f32,
) -> Result<Tensor> {
    let table: Vec<f32> = (0..=u8::MAX).map(normalise).collect();
    let (stride, rows) = (width as usize, height as usize);
    let mut values = vec![0.0; images.len() * 3 * stride * rows];
    for ((image, own), planes) in
        images.iter().zip(values.chunks_exact_mut((3 * stride * rows).max(1)))
    {
        for (channel, plane) in [2, 1, 0].into_iter().zip(planes.chunks_exact_mut(stride * rows)) {
            let lines = image.as_raw().chunks_exact(3 * *own as usize);
            for (line, output) in lines.zip(plane.chunks_exact_mut(stride)) {
                for (value, pixel) in output.iter_mut().zip(line.as_chunks::<3>().0) {
                    *value = table[usize::from(pixel[channel])];
                }
            }
        }
    }
    Tensor::from_vec(values, (images.len(), 3, rows, stride), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: u32, height: u32) -> Page {
        Page::of(&DynamicImage::new_rgb8(width, height))
    }

    #[test]
    fn an_ordinary_page_stays_as_it_is_and_a_large_one_is_reduced() {
        assert_eq!(page(640, 480).dimensions(), (640, 480));
        // Half of it, to the nearest multiples of 32; 2000 lies between two of them, and 62 is even.
        let large = page(4000, 3000);
        assert_eq!(large.dimensions(), (1984, 1504));
        let corner = large.in_image(&[[1984.0, 1504.0]; 4])[0];
        assert!(
            (corner[0] - 4000.0).abs() < 0.01 && (corner[1] - 3000.0).abs() < 0.01,
            "{corner:?}"
        );
    }

    #[test]
    fn a_strip_gets_black_above_and_below_and_the_way_back_knows_it() {
        let strip = page(800, 40);
        // Twice an eighth of the width, less its own height, in two halves.
        assert_eq!(strip.dimensions(), (800, 40 + 2 * 80));
        let there = |y: f32| format!("{:?}", strip.in_image(&[[10.0, y]; 4])[0]);
        assert_eq!((there(90.0), there(0.0)), ("[10.0, 10.0]".into(), "[10.0, 0.0]".into()));
    }

    #[test]
    fn the_detector_sees_multiples_of_32_and_never_too_many_pixels() {
        for (width, height) in [
            (1, 1),
            (1, 8000),
            (8000, 1),
            (2000, 3),
            (30, 30),
            (2000, 251),
            (5000, 5000),
            (30, 8192),
            (100, 3000),
        ] {
            let dims = page(width, height).for_detector().unwrap().dims().to_vec();
            assert!(dims[2].is_multiple_of(32) && dims[3].is_multiple_of(32), "{dims:?}");
            assert!(dims[2] * dims[3] <= 4_800_000, "{width}x{height}: {dims:?}");
        }
    }

    #[test]
    fn what_is_transparent_is_white() {
        let mut image = image::RgbaImage::new(2, 1);
        image.put_pixel(1, 0, image::Rgba([10, 20, 30, 255]));
        let flat = flat(&image.into());
        assert_eq!(flat.as_raw(), &[255, 255, 255, 10, 20, 30]);
    }
}
