//! What generated photos show.

use image::{Rgba, RgbaImage};

use super::Random;

/// What is on a photo.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// White paper.
    Blank,
    /// White paper with dark strokes on lines.
    Text,
    /// From one colour to another, with transparency that grows.
    Gradient,
    /// Every pixel at random: the worst that a codec can be given.
    Noise,
    /// Soft shapes with the grain of a sensor.
    Scene,
}

impl Subject {
    pub(super) fn any(random: &mut Random) -> Self {
        [Self::Blank, Self::Text, Self::Gradient, Self::Noise, Self::Scene]
            [usize::try_from(random.below(5)).expect("below 5")]
    }
}

/// Draws it.
pub(super) fn draw(subject: Subject, width: u32, height: u32, random: &mut Random) -> RgbaImage {
    match subject {
        Subject::Blank => RgbaImage::from_pixel(width, height, PAPER),
        Subject::Text => text(width, height, random),
        Subject::Gradient => gradient(width, height, random),
        Subject::Noise => RgbaImage::from_fn(width, height, |_, _| {
            let [r, g, b, a, ..] = random.next().to_le_bytes();
            Rgba([r, g, b, a])
        }),
        Subject::Scene => scene(width, height, random),
    }
}

const PAPER: Rgba<u8> = Rgba([255; 4]);
const INK: Rgba<u8> = Rgba([20, 20, 30, 255]);

/// Lines of 12 pixels, 8 of them letters; one place in six is a space.
fn text(width: u32, height: u32, random: &mut Random) -> RgbaImage {
    let mut page = RgbaImage::from_pixel(width, height, PAPER);
    for line in (0..height).step_by(12) {
        for letter in (0..width).step_by(6) {
            if random.one_in(6) {
                continue;
            }
            let strokes = random.next();
            for (at, y) in (line..height.min(line + 8)).enumerate() {
                for (bit, x) in (letter..width.min(letter + 5)).enumerate() {
                    if strokes >> (at * 5 + bit) & 1 == 1 {
                        page.put_pixel(x, y, INK);
                    }
                }
            }
        }
    }
    page
}

fn gradient(width: u32, height: u32, random: &mut Random) -> RgbaImage {
    let from = [random.byte(), random.byte(), random.byte(), 255];
    let to = [random.byte(), random.byte(), random.byte(), random.byte()];
    let far = u64::from(width) + u64::from(height);
    RgbaImage::from_fn(width, height, |x, y| {
        let near = u64::from(x) + u64::from(y);
        Rgba([0, 1, 2, 3].map(|channel| {
            let mixed = u64::from(from[channel]) * (far - near) + u64::from(to[channel]) * near;
            u8::try_from(mixed / far).expect("between two bytes")
        }))
    })
}

/// Discs on a plain ground, the later before the earlier, and two bits of grain.
fn scene(width: u32, height: u32, random: &mut Random) -> RgbaImage {
    let ground = [random.byte(), random.byte(), random.byte()];
    let disc = |random: &mut Random| {
        let centre = (i64::from(random.below(width)), i64::from(random.below(height)));
        let radius = i64::from(1 + random.below(width.max(height)) / 3);
        (centre, radius * radius, [random.byte(), random.byte(), random.byte()])
    };
    let discs: [_; 5] = std::array::from_fn(|_| disc(random));
    RgbaImage::from_fn(width, height, |x, y| {
        let inside = |((cx, cy), square, _): &&((i64, i64), i64, [u8; 3])| {
            let (dx, dy) = (i64::from(x) - cx, i64::from(y) - cy);
            dx * dx + dy * dy <= *square
        };
        let [r, g, b] = discs.iter().rev().find(inside).map_or(ground, |(_, _, colour)| *colour);
        let grain = random.byte() & 3;
        Rgba([r ^ grain, g ^ grain, b ^ grain, 255])
    })
}
