//! Images that mean harm, sent to the real node: each is answered in time, with a picture or a refusal that is
//! documented, and the memory that it took is given back.

use std::io::Cursor;

use conformance::bombs::{
    Scans, black_png, chunk, gif_on_a_screen, ihdr, interlaced_png, noisy_gif, png,
    png_with_metadata, progressive, webp_of_frames, webp_of_one_colour, zeros,
};
use conformance::hostile::Target;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

const PNG: &str = "image/png";
const JPEG: &str = "image/jpeg";
const WEBP: &str = "image/webp";
const GIF: &str = "image/gif";

#[tokio::test]
async fn bombs_are_refused_or_cost_what_their_pixels_cost() {
    let target = Target::start().await;
    let bombs = [
        ("gigapixels", PNG, gigapixels(), "image-too-large"),
        ("25 black megapixels", PNG, black_png(8192, 3000), "ok"),
        ("a gigabyte for one pixel", PNG, with_data_for_one_pixel(1 << 30), "ok"),
        (
            "text of a gigabyte",
            PNG,
            png_with_metadata(b"zTXt", 1050 << 20),
            "image-metadata-too-large",
        ),
        ("text of half a gigabyte", PNG, png_with_metadata(b"zTXt", 1 << 29), "ok"),
        ("international text of half a gigabyte", PNG, png_with_metadata(b"iTXt", 1 << 29), "ok"),
        ("a profile of half a gigabyte", PNG, png_with_metadata(b"iCCP", 1 << 29), "ok"),
        ("deep, interlaced noise", PNG, interlaced_png(1000, 1000), "ok"),
        ("1,000 scans", JPEG, progressive(4096, 4096, 1000, Scans::Empty), "image-too-many-scans"),
        ("65 scans", JPEG, progressive(800, 600, 65, Scans::Empty), "image-too-many-scans"),
        ("64 scans", JPEG, progressive(800, 600, 64, Scans::Empty), "ok"),
        (
            "17 scans of 25 megapixels",
            JPEG,
            progressive(8192, 3000, 17, Scans::Empty),
            "image-too-many-scans",
        ),
        ("16 scans of 25 megapixels", JPEG, progressive(8192, 3000, 16, Scans::Empty), "ok"),
        ("scans that refine everything", JPEG, progressive(1024, 1024, 60, Scans::Refining), "ok"),
        ("a pixel on a large screen", GIF, gif_on_a_screen(8192, 3000), "ok"),
        ("noise", GIF, noisy_gif(1000, 1000), "ok"),
        ("25 megapixels of one colour", WEBP, webp_of_one_colour(8192, 3000), "ok"),
        ("5,000 frames", WEBP, webp_of_frames(5000), "image-too-many-frames"),
    ];
    for (name, media_type, image, expected) in bombs {
        assert_eq!(target.send(name, media_type, image).await, expected, "{name}");
    }
    target.assert_memory_returns().await;
}

fn gigapixels() -> Vec<u8> {
    png(&[ihdr(60_000, 60_000, 8, 6), chunk(b"IDAT", &zeros(1 << 20))])
}

fn with_data_for_one_pixel(inflated: u64) -> Vec<u8> {
    png(&[ihdr(1, 1, 8, 0), chunk(b"IDAT", &zeros(inflated))])
}

#[tokio::test]
async fn an_image_that_is_cut_off_anywhere_is_refused() {
    let target = Target::start().await;
    // Enough detail that the pixels are most of each file.
    let photo = DynamicImage::from(RgbImage::from_fn(320, 240, |x, y| {
        Rgb([x * y, x + y, x ^ y].map(|value| u8::try_from(value % 256).unwrap()))
    }));
    for (media_type, format) in
        [(PNG, ImageFormat::Png), (JPEG, ImageFormat::Jpeg), (WEBP, ImageFormat::WebP)]
    {
        let mut whole = Cursor::new(Vec::new());
        photo.write_to(&mut whole, format).unwrap();
        let whole = whole.into_inner();
        for sixteenth in 1..16 {
            let name = format!("{sixteenth}/16 of {media_type}");
            let cut = whole[..whole.len() * sixteenth / 16].to_vec();
            let code = target.send(&name, media_type, cut).await;
            assert!(["image-truncated", "image-malformed"].contains(&&*code), "{name}: {code}");
        }
        assert_eq!(target.send(media_type, media_type, whole).await, "ok");
    }
    target.assert_memory_returns().await;
}
