//! What becomes of colours and depths that are not 8-bit RGB: the table of `docs/images.md`.
//!
//! The files in `data/colour` were written by Pillow: two halves of 32x16 pixels. What Pillow cannot
//! write is encoded here.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgba};
use inference_node::image::decode::{Expected, Limits, decode};

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const LIGHT: [u8; 4] = [200, 200, 200, 255];
const DARK: [u8; 4] = [40, 40, 40, 255];
const LIMITS: Limits = Limits { max_width: 32, max_height: 16, max_alloc: 1 << 20 };

fn decoded(bytes: &[u8], format: ImageFormat) -> DynamicImage {
    decode(bytes, Expected { format, width: 32, height: 16 }, LIMITS).unwrap()
}

/// The decoder's image of a file as 8-bit RGBA, in the middle of each half.
fn halves(image: &DynamicImage) -> [[u8; 4]; 2] {
    let image = image.to_rgba8();
    [image.get_pixel(6, 8).0, image.get_pixel(25, 8).0]
}

fn file(name: &str) -> DynamicImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/colour").join(name);
    let format = ImageFormat::from_path(&path).unwrap();
    decoded(&std::fs::read(path).unwrap(), format)
}

fn near(got: [[u8; 4]; 2], expected: [[u8; 4]; 2], tolerance: u8) -> bool {
    got.as_flattened()
        .iter()
        .zip(expected.as_flattened())
        .all(|(got, expected)| got.abs_diff(*expected) <= tolerance)
}

fn transparent([red, green, blue, _]: [u8; 4]) -> [u8; 4] {
    [red, green, blue, 0]
}

#[test]
fn lossless_colours_come_out_exactly() {
    for (name, expected) in [
        ("grey.png", [LIGHT, DARK]),
        ("bilevel.png", [[255; 4], [0, 0, 0, 255]]),
        ("palette.png", [RED, BLUE]),
        ("palette_alpha.png", [RED, transparent(BLUE)]),
        ("palette.gif", [RED, BLUE]),
        ("grey_alpha.png", [LIGHT, transparent(DARK)]),
        ("grey16.png", [LIGHT, DARK]),
    ] {
        assert_eq!(halves(&file(name)), expected, "{name}");
    }
}

#[test]
fn what_a_gif_leaves_out_is_transparent() {
    let [left, right] = halves(&file("palette_alpha.gif"));
    assert_eq!((left, right[3]), (RED, 0));
}

#[test]
fn lossy_colours_come_out_nearly() {
    for (name, expected) in [
        ("grey.jpg", [LIGHT, DARK]),
        ("progressive.jpg", [RED, BLUE]),
        ("lossy.webp", [RED, BLUE]),
        ("lossy_alpha.webp", [RED, transparent(BLUE)]),
    ] {
        let got = halves(&file(name));
        assert!(near(got, expected, 8), "{name}: {got:?}");
    }
}

#[test]
fn cmyk_becomes_rgb_as_ink_on_paper() {
    let got = halves(&file("cmyk.jpg"));
    assert!(near(got, [RED, BLUE], 8), "{got:?}");
}

#[test]
fn colour_profiles_are_dropped_and_not_applied() {
    // The profile says that the numbers are L*a*b*: whoever applied it would see other colours.
    assert_eq!(halves(&file("icc.png")), [RED, BLUE]);
    let got = halves(&file("icc.jpg"));
    assert!(near(got, [RED, BLUE], 8), "{got:?}");
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let encode = |image: DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let left = |x| x < 16;
    let deep = |value: u8| u16::from(value) * 257;
    let colour = ImageBuffer::from_fn(32, 16, |x, _| {
        Rgba(if left(x) { RED.map(deep) } else { transparent(BLUE).map(deep) })
    });
    let got = decoded(&encode(DynamicImage::ImageRgba16(colour)), ImageFormat::Png);
    assert_eq!(halves(&got), [RED, transparent(BLUE)]);
    // 200.4 and 40.4 of 255.
    let grey = ImageBuffer::from_fn(32, 16, |x, _| {
        Luma([if left(x) { deep(200) + 103 } else { deep(40) + 103 }])
    });
    let got = decoded(&encode(DynamicImage::ImageLuma16(grey)), ImageFormat::Png);
    assert_eq!(halves(&got), [LIGHT, DARK]);
    let alpha = ImageBuffer::from_fn(32, 16, |x, _| {
        LumaA([deep(200), if left(x) { deep(255) } else { 0 }])
    });
    let got = decoded(&encode(DynamicImage::ImageLumaA16(alpha)), ImageFormat::Png);
    assert_eq!(halves(&got), [LIGHT, transparent(LIGHT)]);
}
