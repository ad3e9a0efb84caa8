//! PNG files of every colour type and depth.

use ::png::{
    BitDepth, ColorType, Compression, Encoder, Filter, PixelDimensions, SrgbRenderingIntent, Unit,
};
use image::{DynamicImage, RgbaImage};

use super::Random;

/// How a PNG stores its pixels, and what stands beside them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    colour: ColorType,
    depth: BitDepth,
    filter: Filter,
    compression: Compression,
    chunks: bool,
}

/// Every pair that W3C PNG §11.2.1 allows.
const KINDS: [(ColorType, BitDepth); 15] = {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    [
        (Grayscale, One),
        (Grayscale, Two),
        (Grayscale, Four),
        (Grayscale, Eight),
        (Grayscale, Sixteen),
        (Rgb, Eight),
        (Rgb, Sixteen),
        (Indexed, One),
        (Indexed, Two),
        (Indexed, Four),
        (Indexed, Eight),
        (GrayscaleAlpha, Eight),
        (GrayscaleAlpha, Sixteen),
        (Rgba, Eight),
        (Rgba, Sixteen),
    ]
};

const FILTERS: [Filter; 6] =
    [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Avg, Filter::Paeth, Filter::Adaptive];

const COMPRESSIONS: [Compression; 4] =
    [Compression::NoCompression, Compression::Fastest, Compression::Fast, Compression::Balanced];

impl Encoding {
    pub(super) fn any(random: &mut Random) -> Self {
        let (colour, depth) = one_of(&KINDS, random);
        let filter = one_of(&FILTERS, random);
        let compression = one_of(&COMPRESSIONS, random);
        Self { colour, depth, filter, compression, chunks: random.one_in(3) }
    }

    pub(super) fn encode(self, image: &RgbaImage, random: &mut Random) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, image.width(), image.height());
        encoder.set_color(self.colour);
        encoder.set_depth(self.depth);
        encoder.set_compression(self.compression);
        encoder.set_filter(self.filter);
        if self.colour == ColorType::Indexed {
            let colours = 3 << (self.depth as usize);
            encoder.set_palette((0..colours).map(|_| random.byte()).collect::<Vec<_>>());
            if random.one_in(2) {
                encoder.set_trns(vec![0, 128]);
            }
        }
        if self.chunks {
            let text = "Lorem ipsum dolor sit amet. ".repeat(1 + random.below(40) as usize);
            let dots = PixelDimensions { xppu: 11_811, yppu: 11_811, unit: Unit::Meter };
            encoder.set_pixel_dims(Some(dots));
            encoder.set_source_srgb(SrgbRenderingIntent::Perceptual);
            encoder.add_text_chunk("Software".into(), "a test".into()).expect("Latin-1");
            encoder.add_ztxt_chunk("Comment".into(), text.clone()).expect("Latin-1");
            encoder.add_itxt_chunk("Description".into(), text).expect("a short keyword");
        }
        let mut writer = encoder.write_header().expect("encoding to memory");
        writer.write_image_data(&self.samples(image)).expect("as many samples as there are pixels");
        writer.finish().expect("encoding to memory");
        file
    }

    /// The pixels as rows of samples (W3C PNG §7.2).
    fn samples(self, image: &RgbaImage) -> Vec<u8> {
        let image = DynamicImage::from(image.clone());
        match (self.colour, self.depth) {
            (ColorType::Grayscale, BitDepth::Sixteen) => wide(&image.to_luma16()),
            (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => wide(&image.to_luma_alpha16()),
            (ColorType::Rgb, BitDepth::Sixteen) => wide(&image.to_rgb16()),
            (ColorType::Rgba, BitDepth::Sixteen) => wide(&image.to_rgba16()),
            (ColorType::GrayscaleAlpha, _) => image.to_luma_alpha8().into_raw(),
            (ColorType::Rgb, _) => image.to_rgb8().into_raw(),
            (ColorType::Rgba, _) => image.to_rgba8().into_raw(),
            // An index of a palette of random colours is as good as a shade of grey.
            (ColorType::Grayscale | ColorType::Indexed, depth) => {
                packed(&image.to_luma8(), image.width() as usize, depth as usize)
            }
        }
    }
}

fn wide(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

/// The highest `depth` bits of each sample, each row from a new byte.
fn packed(samples: &[u8], width: usize, depth: usize) -> Vec<u8> {
    let byte = |samples: &[u8]| {
        let bits = |byte: u8, (at, sample): (usize, &u8)| {
            byte | (sample >> (8 - depth) << (8 - depth)) >> (at * depth)
        };
        samples.iter().enumerate().fold(0, bits)
    };
    samples.chunks(width).flat_map(|row| row.chunks(8 / depth).map(byte)).collect()
}

fn one_of<T: Copy>(all: &[T], random: &mut Random) -> T {
    let len = u32::try_from(all.len()).expect("a short list");
    all[usize::try_from(random.below(len)).expect("an index")]
}
