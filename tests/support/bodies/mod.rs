//! The bodies that vectors name: real images, what is put into them and after them, and other things.

mod containers;
mod envelope;
mod images;
mod piece;

use image::ImageFormat;
use serde::Deserialize;

use images::Size;
use piece::Piece;

pub use envelope::Envelope;

/// A body, and how it is damaged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    png: Option<Size>,
    jpeg: Option<Size>,
    webp: Option<Size>,
    gif: Option<Size>,
    png_header: Option<Size>,
    apng: Option<Animation>,
    webp_animation: Option<Animation>,
    gif_animation: Option<Animation>,
    /// Laid out by hand.
    pieces: Option<Vec<Piece>>,
    text: Option<String>,
    hex: Option<String>,
    /// Put where the metadata of the image stands.
    #[serde(default)]
    insert: Vec<Piece>,
    /// Put just before the end of the image: before `IEND`, `EOI` or the trailer of a GIF.
    #[serde(default)]
    before_end: Vec<Piece>,
    /// Put after the end of the image.
    #[serde(default)]
    append: Vec<Piece>,
    /// Zeros are added up to this length.
    pad_to: Option<usize>,
    /// The rest is cut off.
    cut_to: Option<usize>,
    /// So many bytes are cut off at the end.
    cut_off: Option<usize>,
    /// This byte is inverted.
    flip: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Animation {
    frames: u32,
}

impl Default for Body {
    fn default() -> Self {
        serde_json::from_str(r#"{ "png": { "width": 64, "height": 48 } }"#).expect("a body")
    }
}

impl Body {
    /// The bytes.
    ///
    /// # Panics
    /// If the description names no body, or more than one.
    pub fn bytes(&self) -> Vec<u8> {
        let encoded = |size: Size, format| images::encoded(size, format);
        let candidates = [
            self.png.map(|size| encoded(size, ImageFormat::Png)),
            self.jpeg.map(|size| {
                images::with_comments(&encoded(size, ImageFormat::Jpeg), size.metadata)
            }),
            self.webp.map(|size| encoded(size, ImageFormat::WebP)),
            self.gif.map(|size| images::gif(size, 1)),
            self.png_header.map(images::png_header),
            self.apng.map(|animation| images::apng(animation.frames)),
            self.webp_animation.map(|animation| images::webp_animation(animation.frames)),
            self.gif_animation.map(|animation| images::gif(Size::SMALL, animation.frames)),
            self.pieces.as_deref().map(piece::laid_out),
            self.text.as_ref().map(|text| text.clone().into_bytes()),
            self.hex.as_ref().map(|hex| piece::unhex(hex)),
        ];
        let mut named = candidates.into_iter().flatten();
        let mut bytes = named.next().expect("a vector's body names what it is");
        assert!(named.next().is_none(), "a vector's body is one thing");
        if !self.insert.is_empty() {
            bytes = images::with_metadata(&bytes, &piece::laid_out(&self.insert));
        }
        if !self.before_end.is_empty() {
            bytes = images::before_end(&bytes, &piece::laid_out(&self.before_end));
        }
        bytes.extend(piece::laid_out(&self.append));
        if let Some(len) = self.pad_to {
            bytes.resize(len, 0);
        }
        if let Some(at) = self.flip {
            bytes[at] ^= 0xff;
        }
        if let Some(len) = self.cut_to {
            bytes.truncate(len);
        }
        if let Some(len) = self.cut_off {
            bytes.truncate(bytes.len() - len);
        }
        bytes
    }
}
