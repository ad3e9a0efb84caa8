//! From pixels to the bytes of an answer.

use image::{
    DynamicImage, ImageEncoder, ImageError,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

/// Encodes as PNG without any metadata.
///
/// Compresses quickly: on photos that takes a twenty-fifth of the default's time, for a fifth more bytes.
pub fn png(image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(image.as_bytes(), image.width(), image.height(), image.color().into())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn gradient() -> RgbaImage {
        RgbaImage::from_fn(37, 11, |x, y| {
            Rgba([x, y, x + y, x * y].map(|value| u8::try_from(value % 256).unwrap()))
        })
    }

    #[test]
    fn every_pixel_survives() {
        let bytes = png(&gradient().into()).unwrap();
        let decoded = image::load_from_memory_with_format(&bytes, ImageFormat::Png).unwrap();
        assert_eq!(decoded.to_rgba8(), gradient());
        let grey = DynamicImage::from(gradient()).to_luma8();
        let bytes = png(&grey.clone().into()).unwrap();
        let decoded = image::load_from_memory_with_format(&bytes, ImageFormat::Png).unwrap();
        assert_eq!(decoded, DynamicImage::from(grey));
    }

    #[test]
    fn nothing_but_header_pixels_and_end_is_written() {
        let bytes = png(&gradient().into()).unwrap();
        let mut kinds = Vec::new();
        let mut rest = &bytes[8..]; // after the signature
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            kinds.push(String::from_utf8(after[..4].to_vec()).unwrap());
            rest = &after[4 + u32::from_be_bytes(*length) as usize + 4..]; // kind, data, CRC
        }
        kinds.dedup();
        assert_eq!(kinds, ["IHDR", "IDAT", "IEND"]);
    }
}
