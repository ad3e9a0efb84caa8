//! From an image to what the network takes.

use candle_core::{Device, Result, Tensor};
use image::DynamicImage;

use crate::models::background::{lanczos::resize, network::SIDE};

/// The mean of red, green and blue over the training images (those of `ImageNet`), on a scale from 0 to 1.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];

/// Their standard deviation.
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

/// The image as RGB, squeezed to 320x320 and normalised: `[3, 320, 320]`, `f32`.
///
/// Alpha is dropped. Values are divided by the largest one *in the resized image*, as the network was trained, so a
/// dark photo is stretched; an all-black one stays black.
pub fn normalise(image: &DynamicImage, device: &Device) -> Result<Tensor> {
    let from = (image.width(), image.height());
    let pixels = resize::<3>(image.to_rgb8().as_raw(), from, (SIDE.into(), SIDE.into()));

    let brightest = pixels.iter().copied().max().unwrap_or(0);
    let divisor = f64::from(brightest).max(1e-6);
    // Every channel knows 256 values only, so each is computed once, in the precision of the original.
    let tables = [0, 1, 2].map(|channel| {
        let mut table = [0.0; 256];
        for (value, normalised) in (0..=u8::MAX).zip(&mut table) {
            let value = (f64::from(value) / divisor - MEAN[channel]) / DEVIATION[channel];
            #[expect(clippy::cast_possible_truncation, reason = "the network takes f32")]
            {
                *normalised = value as f32;
            }
        }
        table
    });

    // [320 * 320, 3] -> [3, 320, 320]
    let planes = tables.iter().enumerate().flat_map(|(channel, table)| {
        pixels.iter().skip(channel).step_by(3).map(|&value| table[usize::from(value)])
    });
    Tensor::from_iter(planes, device)?.reshape((3, usize::from(SIDE), usize::from(SIDE)))
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn planes(image: impl Into<DynamicImage>) -> Vec<Vec<f32>> {
        let tensor = normalise(&image.into(), &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [3, 320, 320]);
        tensor.reshape((3, 320 * 320)).unwrap().to_vec2().unwrap()
    }

    fn assert_plane(plane: &[f32], expected: f64) {
        assert!(
            plane.iter().all(|&value| (f64::from(value) - expected).abs() < 1e-6),
            "{} {expected}",
            plane[0]
        );
    }

    #[test]
    fn values_are_divided_by_the_images_own_maximum() {
        // The brightest value of the image is 200, so red is 1, green a half, blue a quarter.
        let planes = planes(RgbImage::from_pixel(40, 30, Rgb([200, 100, 50])));
        assert_plane(&planes[0], (1.0 - 0.485) / 0.229);
        assert_plane(&planes[1], (0.5 - 0.456) / 0.224);
        assert_plane(&planes[2], (0.25 - 0.406) / 0.225);
    }

    #[test]
    fn a_black_image_is_not_divided_by_zero() {
        let planes = planes(RgbImage::new(5, 5));
        assert_plane(&planes[0], -0.485 / 0.229);
    }

    #[test]
    fn alpha_is_dropped_and_grey_is_spread_over_the_channels() {
        let opaque = planes(RgbImage::from_pixel(8, 8, Rgb([10, 20, 30])));
        assert_eq!(planes(RgbaImage::from_pixel(8, 8, Rgba([10, 20, 30, 0]))), opaque);
        let grey = planes(GrayImage::from_pixel(8, 8, image::Luma([90])));
        assert_plane(&grey[1], (1.0 - 0.456) / 0.224);
    }

    #[test]
    fn an_image_of_one_pixel_is_enlarged() {
        assert_plane(&planes(RgbImage::from_pixel(1, 1, Rgb([7, 7, 7])))[2], (1.0 - 0.406) / 0.225);
    }

    #[test]
    fn rows_stay_rows() {
        // Left half black, right half white.
        let image =
            RgbImage::from_fn(640, 320, |x, _| if x < 320 { Rgb([0; 3]) } else { Rgb([255; 3]) });
        let red = &planes(image)[0];
        assert!(red[0] < 0.0 && red[319] > 0.0);
        assert!(red[320 * 319] < 0.0 && red[320 * 320 - 1] > 0.0);
    }
}
