//! A colour behind a cut-out.

use image::{DynamicImage, RgbaImage};

use super::matte::Matte;

/// `cutout` over `colour`, in the arithmetic of Pillow's `alpha_composite`, which rembg uses.
pub(super) fn over(mut cutout: RgbaImage, colour: [u8; 4]) -> RgbaImage {
    for pixel in cutout.pixels_mut() {
        pixel.0 = blend(pixel.0, colour);
    }
    cutout
}

/// The image through its matte, over `colour`: where the matte is half, half of either is seen.
pub(super) fn through(image: &DynamicImage, matte: &Matte, colour: [u8; 4]) -> RgbaImage {
    let mut image = image.to_rgba8();
    for (pixel, alpha) in image.pixels_mut().zip(matte.alpha().pixels()) {
        let [red, green, blue, own] = pixel.0;
        let alpha = rounded_by_255(u32::from(own) * u32::from(alpha.0[0]));
        pixel.0 = blend([red, green, blue, alpha], colour);
    }
    image
}

/// More bits than the values have, as Pillow counts.
const PRECISION: u32 = 7;

fn blend(above: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let [.., alpha] = above.map(u32::from);
    if alpha == 0 {
        return below;
    }
    let blended = u32::from(below[3]) * (255 - alpha);
    let out = alpha * 255 + blended;
    let of_above = alpha * 255 * 255 * (1 << PRECISION) / out;
    let of_below = 255 * (1 << PRECISION) - of_above;
    let mix = |channel: usize| {
        let sum = u32::from(above[channel]) * of_above + u32::from(below[channel]) * of_below;
        let sum = sum + (0x80 << PRECISION);
        byte((((sum >> 8) + sum) >> 8) >> PRECISION)
    };
    [mix(0), mix(1), mix(2), rounded_by_255(out)]
}

/// A product of two bytes by 255, rounded.
fn rounded_by_255(product: u32) -> u8 {
    let product = product + 0x80;
    byte(((product >> 8) + product) >> 8)
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;

    #[test]
    fn what_is_opaque_hides_and_what_is_clear_shows() {
        assert_eq!(blend([1, 2, 3, 255], [9, 9, 9, 255]), [1, 2, 3, 255]);
        assert_eq!(blend([1, 2, 3, 0], [7, 8, 9, 10]), [7, 8, 9, 10]);
        assert_eq!(blend([1, 2, 3, 128], [0, 0, 0, 0]), [1, 2, 3, 128]);
    }

    #[test]
    fn an_opaque_colour_leaves_nothing_clear() {
        for alpha in 0..=255 {
            let [.., opaque] = blend([255, 255, 255, alpha], [0, 0, 0, 255]);
            assert_eq!(opaque, 255, "{alpha}");
        }
    }

    #[test]
    fn a_colour_through_the_matte_has_no_dark_seam() {
        let white = RgbImage::from_pixel(1, 1, Rgb([255; 3])).into();
        let half = Matte::of(GrayImage::from_pixel(1, 1, Luma([128])));
        assert_eq!(through(&white, &half, [255; 4]).get_pixel(0, 0).0, [255; 4]);
        assert_ne!(over(half.cut_out(&white), [255; 4]).get_pixel(0, 0).0, [255; 4]);
    }
}
