//! Alpha matting: how much of each pixel near an edge is foreground, and of which colour.
//!
//! The network only says about where an edge is. Within a band around it the closed form of
//! [Levin, Lischinski and Weiss](https://doi.org/10.1109/TPAMI.2007.1177) finds alpha, and the multi-level method of
//! [Germer et al.](https://arxiv.org/abs/2006.14970) the colours. Both agree with `PyMatting` 1.1.16, and the band with
//! rembg 2.0.86: `tests/matting_parity.rs` compares them on photos.

mod band;
mod colours;
mod laplacian;
mod preconditioner;
mod solver;

use std::time::{Duration, Instant};

use image::{GrayImage, RgbImage, Rgba, RgbaImage};

pub use self::band::Thresholds;
use self::{band::Band, laplacian::Laplacian};

/// The most pixels of an image.
pub const PIXELS_MAX: u64 = 1 << 20;
/// The most pixels of a band: each takes 200 bytes.
pub const BAND_MAX: usize = 400_000;
/// How long it may take.
pub const TIME_MAX: Duration = Duration::from_secs(20);
/// The most steps of the solver.
const STEPS_MAX: usize = 2000;

/// Why there is no matte.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MattingError {
    /// The image has too many pixels.
    #[error("alpha matting takes images of at most {PIXELS_MAX} pixels, got {0}")]
    TooLarge(u64),
    /// Too many pixels are neither clearly foreground nor clearly background.
    #[error(
        "alpha matting takes at most {BAND_MAX} pixels that are neither clearly foreground nor clearly background, \
         got {0}: set the thresholds closer to each other, or erode less"
    )]
    TooUnclear(usize),
    /// It took too long, or too many steps.
    #[error("alpha matting found no matte for this image in its time")]
    TooHard,
}

/// The image through a matte that is refined from `matte`, in RGBA. `None` where the matte is clear about nothing, or
/// about everything being one of the two: then it is as good as it gets.
pub fn cut_out(
    image: &RgbImage,
    matte: &GrayImage,
    thresholds: Thresholds,
) -> Result<Option<RgbaImage>, MattingError> {
    let (width, height) = image.dimensions();
    check_size((width, height))?;
    let until = Instant::now() + TIME_MAX;
    let band = Band::around(matte, thresholds);
    if !band.has_both_sides() {
        return Ok(None);
    }
    let alpha = solve(image, &band, until)?;
    let colours = colours::foreground(image, &alpha, until).ok_or(MattingError::TooHard)?;
    let mut cutout = RgbaImage::new(width, height);
    for ((pixel, alpha), [red, green, blue]) in cutout.pixels_mut().zip(&alpha).zip(colours) {
        *pixel = Rgba([red, green, blue, *alpha].map(byte));
    }
    Ok(Some(cutout))
}

/// Whether an image is small enough, before anything is spent on it.
pub fn check_size((width, height): (u32, u32)) -> Result<(), MattingError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= PIXELS_MAX { Ok(()) } else { Err(MattingError::TooLarge(pixels)) }
}

/// The alpha of every pixel, from 0 to 1.
fn solve(image: &RgbImage, band: &Band, until: Instant) -> Result<Vec<f32>, MattingError> {
    if band.unknown.len() > BAND_MAX {
        return Err(MattingError::TooUnclear(band.unknown.len()));
    }
    let system = Laplacian::of(image, band);
    let solution = solver::solve(&system, STEPS_MAX, until).ok_or(MattingError::TooHard)?;
    let mut alpha = band.known.clone();
    for (&pixel, value) in band.unknown.iter().zip(solution) {
        #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
        let value = value.clamp(0.0, 1.0) as f32;
        alpha[pixel] = value;
    }
    Ok(alpha)
}

/// Cut off, not rounded, as in the original.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
fn byte(value: f32) -> u8 {
    (value * 255.0).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};

    use super::*;

    const USUAL: Thresholds = Thresholds { foreground: 240, background: 10, erosion: 10 };

    /// Red on the left of column 40 and blue on the right, with a linear mix over ten columns.
    fn edge() -> (RgbImage, GrayImage) {
        let share = |x: u32| (f64::from(x) - 35.0).clamp(0.0, 10.0) / 10.0;
        let image = RgbImage::from_fn(80, 40, |x, _| {
            let blue = share(x);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a byte")]
            let mix = |share: f64| (share * 200.0) as u8;
            Rgb([mix(1.0 - blue), 20, mix(blue)])
        });
        let matte = GrayImage::from_fn(80, 40, |x, _| Luma([if x < 40 { 255 } else { 0 }]));
        (image, matte)
    }

    #[test]
    fn a_blurred_edge_is_unmixed() {
        let (image, matte) = edge();
        let cutout = cut_out(&image, &matte, USUAL).unwrap().unwrap();
        for x in 0..80 {
            let expected = 255.0 * (1.0 - (f64::from(x) - 35.0).clamp(0.0, 10.0) / 10.0);
            let alpha = f64::from(cutout.get_pixel(x, 20).0[3]);
            assert!((alpha - expected).abs() < 6.0, "column {x}: {alpha}, not {expected}");
        }
        // What is half transparent keeps the colour of the foreground, and nothing of the background's.
        let [red, _, blue, _] = cutout.get_pixel(40, 20).0;
        assert!(red > 170 && blue < 40, "{red}, {blue}");
    }

    #[test]
    fn what_is_clear_stays_as_it_is() {
        let (image, matte) = edge();
        let cutout = cut_out(&image, &matte, USUAL).unwrap().unwrap();
        assert_eq!(cutout.get_pixel(20, 20).0[3], 255);
        assert_eq!(cutout.get_pixel(60, 20).0[3], 0);
    }

    #[test]
    fn without_two_sides_there_is_nothing_to_find() {
        let (image, _) = edge();
        for value in [0, 128, 255] {
            let flat = GrayImage::from_pixel(80, 40, Luma([value]));
            assert_eq!(cut_out(&image, &flat, USUAL), Ok(None), "{value}");
        }
        let tiny = RgbImage::new(1, 1);
        assert_eq!(cut_out(&tiny, &GrayImage::new(1, 1), USUAL), Ok(None));
    }

    #[test]
    fn what_would_cost_too_much_is_not_begun() {
        let large = (RgbImage::new(1025, 1024), GrayImage::new(1025, 1024));
        let refused = cut_out(&large.0, &large.1, USUAL);
        assert_eq!(refused, Err(MattingError::TooLarge(1025 * 1024)));
        let unclear = GrayImage::from_fn(1000, 1000, |x, _| {
            Luma([match x {
                0..50 => 255,
                50..100 => 0,
                _ => 100,
            }])
        });
        let refused = cut_out(&RgbImage::new(1000, 1000), &unclear, USUAL);
        assert!(matches!(refused, Err(MattingError::TooUnclear(900_000..))), "{refused:?}");
    }
}
