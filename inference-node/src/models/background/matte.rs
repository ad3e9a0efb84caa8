//! From the network's saliency map to the matte, and from the matte to the cut-out.

use image::{DynamicImage, GrayImage, RgbaImage};

use crate::models::background::{lanczos::resize, network::SIDE};

/// The alpha of an image: 0 is background, 255 is foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matte(GrayImage);

impl Matte {
    /// Stretches a 320x320 saliency map over the whole range from 0 to 255, and resizes it to `width` x `height`.
    ///
    /// A flat map has nothing to stretch and becomes all background.
    pub(super) fn from_saliency(saliency: &[f32], width: u32, height: u32) -> Self {
        let lowest = saliency.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = saliency.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 255, cut off and not rounded as in the original; 0/0 becomes 0"
        )]
        let mask: Vec<u8> = saliency
            .iter()
            .map(|value| ((value - lowest) / (highest - lowest) * 255.0) as u8)
            .collect();

        let alpha = resize::<1>(&mask, (SIDE.into(), SIDE.into()), (width, height));
        Self(GrayImage::from_raw(width, height, alpha).expect("as many pixels as were asked for"))
    }

    /// A matte of these values.
    pub(super) fn of(alpha: GrayImage) -> Self {
        Self(alpha)
    }

    /// The alpha channel.
    pub fn alpha(&self) -> &GrayImage {
        &self.0
    }

    /// The alpha channel, alone.
    pub fn into_alpha(self) -> GrayImage {
        self.0
    }

    /// The image over a transparent black canvas, through the matte.
    ///
    /// As in rembg this fades colour together with alpha: a pixel at half alpha keeps half of its red, green, blue
    /// (and of the alpha that it had).
    pub fn cut_out(&self, image: &DynamicImage) -> RgbaImage {
        let mut cutout = image.to_rgba8();
        for (pixel, alpha) in cutout.pixels_mut().zip(self.0.pixels()) {
            pixel.0 = pixel.0.map(|value| fade(value, alpha.0[0]));
        }
        cutout
    }
}

/// `value * alpha / 255`, rounded to the nearest.
fn fade(value: u8, alpha: u8) -> u8 {
    let product = u16::from(value) * u16::from(alpha);
    u8::try_from((u32::from(product) + 127) / 255).expect("255 * 255 / 255 at most")
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb, RgbImage, Rgba};

    use super::*;

    fn matte(alpha: u8) -> Matte {
        Matte(GrayImage::from_pixel(2, 1, Luma([alpha])))
    }

    #[test]
    fn the_map_is_stretched_over_the_whole_range() {
        // 0.2 and 0.4 are the ends of this map's range.
        let saliency: Vec<f32> =
            (0..320 * 320).map(|i| if i < 320 * 160 { 0.2 } else { 0.4 }).collect();
        let matte = Matte::from_saliency(&saliency, 320, 320);
        assert_eq!(matte.alpha().get_pixel(0, 0).0, [0]);
        assert_eq!(matte.alpha().get_pixel(319, 319).0, [255]);
    }

    #[test]
    fn values_between_are_cut_off_not_rounded() {
        // 0.999 * 255 = 254.7
        let mut saliency = vec![0.999; 320 * 320];
        (saliency[0], saliency[1]) = (0.0, 1.0);
        let matte = Matte::from_saliency(&saliency, 320, 320);
        assert_eq!(matte.alpha().get_pixel(160, 160).0, [254]);
    }

    #[test]
    fn a_flat_map_is_all_background() {
        let matte = Matte::from_saliency(&vec![0.7; 320 * 320], 3, 5);
        assert_eq!(matte.alpha().dimensions(), (3, 5));
        assert!(matte.alpha().pixels().all(|pixel| pixel.0 == [0]));
    }

    #[test]
    fn colour_fades_together_with_alpha() {
        let image = RgbImage::from_pixel(2, 1, Rgb([255, 100, 1])).into();
        assert_eq!(matte(255).cut_out(&image).get_pixel(1, 0).0, [255, 100, 1, 255]);
        // 100 * 128 / 255 = 50.2, 1 * 128 / 255 = 0.502
        assert_eq!(matte(128).cut_out(&image).get_pixel(1, 0).0, [128, 50, 1, 128]);
        assert_eq!(matte(0).cut_out(&image).get_pixel(1, 0).0, [0; 4]);
    }

    #[test]
    fn an_image_that_was_transparent_stays_so() {
        let image = RgbaImage::from_pixel(2, 1, Rgba([9, 9, 9, 0])).into();
        assert_eq!(matte(255).cut_out(&image).get_pixel(0, 0).0, [9, 9, 9, 0]);
    }

    #[test]
    fn fading_rounds_to_the_nearest_for_every_pair() {
        for value in 0..=255 {
            for alpha in 0..=255 {
                let exact = f64::from(value) * f64::from(alpha) / 255.0;
                assert!((f64::from(fade(value, alpha)) - exact).abs() <= 0.5);
            }
        }
    }
}
