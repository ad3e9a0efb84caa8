//! Generated photos: valid images of every kind that our encoders write, the same for the same seed.

mod draw;
mod png;

use std::fmt::{self, Display};
use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, Frame, ImageEncoder, ImageFormat, RgbaImage};

use draw::Subject;

/// An image, encoded.
#[derive(Clone, Debug)]
pub struct Photo {
    /// What it shows and how it is encoded: enough to find it again in a failed test.
    pub name: String,
    /// PNG, JPEG, WebP or GIF.
    pub format: ImageFormat,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The first `count` photos of a seed. They begin with a blank page of A4 at 300 dpi in every format,
/// and with one pixel in every format.
pub fn photos(seed: u64, count: usize) -> impl Iterator<Item = Photo> {
    let mut random = Random(seed);
    (0..count).map(move |number| {
        let (subject, width, height, encoding) = match number {
            0..4 => (Subject::Blank, A4.0, A4.1, Encoding::of(number, &mut random)),
            4..8 => (Subject::Scene, 1, 1, Encoding::of(number, &mut random)),
            _ => {
                let (width, height) = size(&mut random);
                (Subject::any(&mut random), width, height, Encoding::of(number, &mut random))
            }
        };
        let image = draw::draw(subject, width, height, &mut random);
        Photo {
            name: format!("photo {number} of {seed}: {subject:?}, {width}x{height}, {encoding}"),
            format: encoding.format(),
            bytes: encoding.encode(image, &mut random),
        }
    })
}

/// A page of A4 at 300 dpi.
const A4: (u32, u32) = (2480, 3508);

/// Most are small, so that thousands are made quickly; some are long and thin, and a few are large.
fn size(random: &mut Random) -> (u32, u32) {
    match random.below(40) {
        0 => (1 + random.below(1280), 1 + random.below(960)),
        1..4 => (1, 1 + random.below(3000)),
        4..7 => (1 + random.below(3000), 1),
        7..14 => (1 + random.below(400), 1 + random.below(300)),
        _ => (1 + random.below(80), 1 + random.below(80)),
    }
}

/// A file format, with what can be chosen in it.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Png(png::Encoding),
    Jpeg { quality: u8, grey: bool, exif: bool },
    Webp { channels: u8, exif: bool },
    Gif { frames: u32 },
}

impl Encoding {
    /// The formats in turn, and the rest at random.
    fn of(number: usize, random: &mut Random) -> Self {
        match number % 4 {
            0 => Self::Png(png::Encoding::any(random)),
            1 => Self::Jpeg {
                quality: u8::try_from(1 + random.below(100)).expect("100 at most"),
                grey: random.one_in(4),
                exif: random.one_in(3),
            },
            2 => Self::Webp {
                channels: u8::try_from(1 + random.below(4)).expect("4 at most"),
                exif: random.one_in(3),
            },
            _ => Self::Gif { frames: if random.one_in(4) { 2 + random.below(4) } else { 1 } },
        }
    }

    const fn format(self) -> ImageFormat {
        match self {
            Self::Png(_) => ImageFormat::Png,
            Self::Jpeg { .. } => ImageFormat::Jpeg,
            Self::Webp { .. } => ImageFormat::WebP,
            Self::Gif { .. } => ImageFormat::Gif,
        }
    }

    fn encode(self, image: RgbaImage, random: &mut Random) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        match self {
            Self::Png(encoding) => return encoding.encode(&image, random),
            Self::Jpeg { quality, grey, exif } => {
                let encoder = JpegEncoder::new_with_quality(&mut file, quality);
                write(encoder, &channels(image, if grey { 1 } else { 3 }), exif, random);
            }
            Self::Webp { channels: count, exif } => {
                let encoder = WebPEncoder::new_lossless(&mut file);
                write(encoder, &channels(image, count), exif, random);
            }
            Self::Gif { frames } => {
                // 30 is its fastest; what the colours become does not matter here.
                let mut encoder = GifEncoder::new_with_speed(&mut file, 30);
                for _ in 0..frames {
                    encoder.encode_frame(Frame::new(image.clone())).expect("encoding to memory");
                }
            }
        }
        file.into_inner()
    }
}

fn write(mut encoder: impl ImageEncoder, image: &DynamicImage, exif: bool, random: &mut Random) {
    if exif {
        encoder.set_exif_metadata(oriented(random)).expect("a format with EXIF");
    }
    image.write_with_encoder(encoder).expect("encoding to memory");
}

/// The image with 1 to 4 channels.
fn channels(image: RgbaImage, count: u8) -> DynamicImage {
    let image = DynamicImage::from(image);
    match count {
        1 => image.into_luma8().into(),
        2 => image.into_luma_alpha8().into(),
        3 => image.into_rgb8().into(),
        _ => image,
    }
}

/// EXIF with nothing but an orientation (tag 0x0112, one SHORT): TIFF 6.0, section 2.
fn oriented(random: &mut Random) -> Vec<u8> {
    let orientation = u8::try_from(1 + random.below(8)).expect("8 at most");
    let header = [b"II*\0", &8u32.to_le_bytes()[..]].concat();
    let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    [&header, &1u16.to_le_bytes()[..], &entry, &[0; 4]].concat()
}

impl Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// `SplitMix64`: random enough for pictures, and the same everywhere.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but without, `end`.
    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).expect("less than `end`")
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_photos() {
        let bytes = |seed| photos(seed, 40).map(|photo| photo.bytes).collect::<Vec<_>>();
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn a_photo_decodes_to_what_its_name_says() {
        for photo in photos(1, 80) {
            let decoded = image::load_from_memory_with_format(&photo.bytes, photo.format);
            let decoded = decoded.unwrap_or_else(|error| panic!("{}: {error}", photo.name));
            let size = format!(" {}x{},", decoded.width(), decoded.height());
            assert!(photo.name.contains(&size), "{} has{size}", photo.name);
        }
    }
}
