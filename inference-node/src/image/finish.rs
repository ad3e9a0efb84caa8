//! What is done to a cut-out before it is sent: cropped, scaled down, encoded.

use image::imageops::FilterType;
use image::{DynamicImage, ImageError, RgbaImage};

use super::encode::Encoding;

/// The least alpha that a crop keeps.
const SEEN: u8 = 8;

/// How a picture is finished.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish {
    /// Whether everything around the foreground is cut off.
    pub crop: bool,
    /// The most pixels that the picture may have; it is scaled down to them.
    pub max_pixels: Option<u64>,
    /// Whether a picture without any transparency becomes a JPEG.
    pub jpeg_if_opaque: bool,
    /// What it is encoded as.
    pub encoding: Encoding,
}

/// A picture that can be sent.
#[derive(Debug)]
pub struct Finished {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub encoding: Encoding,
    /// Its width and height in pixels.
    pub size: (u32, u32),
}

/// Finishes a picture.
pub fn finish(mut picture: DynamicImage, order: Finish) -> Result<Finished, ImageError> {
    if order.crop
        && let DynamicImage::ImageRgba8(cutout) = &picture
        && let Some(Foreground { left, top, width, height }) = foreground(cutout)
    {
        picture = picture.crop_imm(left, top, width, height);
    }
    if let Some((width, height)) = order.max_pixels.and_then(|most| within(&picture, most)) {
        // Colours are faded together with alpha, so that nothing of the background bleeds in here.
        picture = picture.resize_exact(width, height, FilterType::CatmullRom);
    }
    let opaque = || match &picture {
        DynamicImage::ImageRgba8(picture) => picture.pixels().all(|pixel| pixel.0[3] == u8::MAX),
        _ => false,
    };
    let encoding = if order.jpeg_if_opaque && opaque() { Encoding::Jpeg } else { order.encoding };
    let size = (picture.width(), picture.height());
    Ok(Finished { bytes: encoding.encode(&picture)?, encoding, size })
}

/// The smallest rectangle with everything that is seen.
struct Foreground {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// Where something is seen; none where nothing is.
fn foreground(cutout: &RgbaImage) -> Option<Foreground> {
    let seen = || cutout.enumerate_pixels().filter(|(.., pixel)| pixel.0[3] >= SEEN);
    let left = seen().map(|(x, ..)| x).min()?;
    let right = seen().map(|(x, ..)| x).max()?;
    let top = seen().map(|(_, y, _)| y).min()?;
    let bottom = seen().map(|(_, y, _)| y).max()?;
    Some(Foreground { left, top, width: right - left + 1, height: bottom - top + 1 })
}

/// The size at which a picture has `most` pixels and the same shape; none if it has no more.
fn within(picture: &DynamicImage, most: u64) -> Option<(u32, u32)> {
    let (width, height) = (picture.width(), picture.height());
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= most {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sides are far below 2^52, and get smaller"
    )]
    let scaled = |side: u32| {
        let scaled = (f64::from(side) * (most as f64 / pixels as f64).sqrt()).floor();
        (scaled as u32).max(1)
    };
    Some((scaled(width), scaled(height)))
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    /// A square of 10 in the middle of 40 x 20.
    fn picture() -> DynamicImage {
        RgbaImage::from_fn(40, 20, |x, y| {
            let inside = (15..25).contains(&x) && (5..15).contains(&y);
            Rgba(if inside { [200, 0, 0, 255] } else { [0; 4] })
        })
        .into()
    }

    #[test]
    fn a_crop_leaves_the_foreground() {
        let finished = finish(picture(), Finish { crop: true, ..Finish::default() }).unwrap();
        assert_eq!(finished.size, (10, 10));
        let empty = RgbaImage::new(4, 3).into();
        let finished = finish(empty, Finish { crop: true, ..Finish::default() }).unwrap();
        assert_eq!(finished.size, (4, 3));
    }

    #[test]
    fn a_picture_is_only_ever_scaled_down() {
        let with = |most| finish(picture(), Finish { max_pixels: Some(most), ..Finish::default() });
        assert_eq!(with(800).unwrap().size, (40, 20));
        assert_eq!(with(200).unwrap().size, (20, 10));
        assert_eq!(with(1).unwrap().size, (1, 1));
    }

    #[test]
    fn only_what_hides_everything_becomes_a_jpeg() {
        let order = Finish { jpeg_if_opaque: true, ..Finish::default() };
        assert_eq!(finish(picture(), order).unwrap().encoding, Encoding::Png);
        let opaque = RgbaImage::from_pixel(4, 4, Rgba([1, 2, 3, 255])).into();
        assert_eq!(finish(opaque, order).unwrap().encoding, Encoding::Jpeg);
    }
}
