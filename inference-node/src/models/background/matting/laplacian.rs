//! The matting Laplacian of the band: colours within a window of nine pixels lie near a line, and alpha follows it.

use image::RgbImage;

use super::band::Band;

/// What keeps a window of one colour from being infinitely sure of itself.
const EPSILON: f64 = 1e-7;
/// Pixels of a window.
const WINDOW: usize = 9;
/// How many later pixels share a window with one: two rows below, and two pixels to the right.
pub(super) const LATER: usize = 12;
/// Where they are, as columns and rows.
pub(super) const OFFSETS: [(isize, isize); LATER] = [
    (1, 0),
    (2, 0),
    (-2, 1),
    (-1, 1),
    (0, 1),
    (1, 1),
    (2, 1),
    (-2, 2),
    (-1, 2),
    (0, 2),
    (1, 2),
    (2, 2),
];
/// Stands for a pixel that is known, or not there.
pub(super) const NONE: u32 = u32::MAX;

/// A symmetric system of equations with a row for each unknown pixel.
pub(super) struct Laplacian {
    /// What each row has for its own pixel.
    pub(super) diagonal: Vec<f64>,
    /// And for the pixels after it, at [`OFFSETS`].
    pub(super) later: Vec<[f64; LATER]>,
    /// The rows of those.
    pub(super) rows: Vec<[u32; LATER]>,
    /// The right side: what the known foreground says.
    pub(super) right: Vec<f64>,
}

impl Laplacian {
    /// The equations for the unknown pixels of `band`.
    pub(super) fn of(image: &RgbImage, band: &Band) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let count = band.unknown.len();
        let mut row_of = vec![NONE; width * height];
        for (row, &pixel) in band.unknown.iter().enumerate() {
            row_of[pixel] = u32::try_from(row).expect("fewer than there are pixels");
        }
        let mut system = Self {
            diagonal: vec![0.0; count],
            later: vec![[0.0; LATER]; count],
            rows: band.unknown.iter().map(|&pixel| neighbours(pixel, width, &row_of)).collect(),
            right: vec![0.0; count],
        };
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let places = std::array::from_fn(|at| (y + at / 3 - 1) * width + x + at % 3 - 1);
                if places.iter().any(|&pixel| row_of[pixel] != NONE) {
                    system.add(image, &places, &row_of, &band.known);
                }
            }
        }
        system
    }

    /// Adds what the pixels of one window say of each other.
    fn add(&mut self, image: &RgbImage, places: &[usize; WINDOW], row_of: &[u32], known: &[f32]) {
        let values = affinities(places.map(|pixel| {
            let at = pixel * 3;
            [0, 1, 2].map(|channel| f64::from(image.as_raw()[at + channel]) / 255.0)
        }));
        for (i, &pixel) in places.iter().enumerate() {
            let row = row_of[pixel] as usize;
            if row_of[pixel] == NONE {
                continue;
            }
            self.diagonal[row] += values[i][i];
            for (j, &other) in places.iter().enumerate() {
                if row_of[other] == NONE {
                    self.right[row] -= values[i][j] * f64::from(known[other]);
                } else if j > i {
                    self.later[row][offset(i, j)] += values[i][j];
                }
            }
        }
    }

    /// The left side, for these values.
    pub(super) fn times(&self, values: &[f64], product: &mut [f64]) {
        for ((product, value), diagonal) in product.iter_mut().zip(values).zip(&self.diagonal) {
            *product = diagonal * value;
        }
        for (row, (later, rows)) in self.later.iter().zip(&self.rows).enumerate() {
            let (own, mut sum) = (values[row], 0.0);
            for (&weight, &other) in later.iter().zip(rows) {
                if other != NONE {
                    sum += weight * values[other as usize];
                    product[other as usize] += weight * own;
                }
            }
            product[row] += sum;
        }
    }
}

/// The rows of the pixels after one; near the sides of an image, there are fewer.
fn neighbours(pixel: usize, width: usize, row_of: &[u32]) -> [u32; LATER] {
    let x = pixel % width;
    OFFSETS.map(|(right, down)| {
        let column = x.checked_add_signed(right).filter(|&column| column < width);
        let other = column.map(|column| pixel - x + column + down.unsigned_abs() * width);
        other.and_then(|other| row_of.get(other).copied()).unwrap_or(NONE)
    })
}

/// The place in [`OFFSETS`] of pixel `j` of a window, seen from pixel `i` before it.
fn offset(i: usize, j: usize) -> usize {
    match j / 3 - i / 3 {
        0 => j - i - 1,
        down => 5 * down - 1 + j % 3 - i % 3,
    }
}

/// What each two pixels of a window say of each other.
fn affinities(mut colours: [[f64; 3]; WINDOW]) -> [[f64; WINDOW]; WINDOW] {
    const SHARE: f64 = 1.0 / 9.0;
    for channel in 0..3 {
        let mean = colours.iter().map(|colour| colour[channel]).sum::<f64>() * SHARE;
        for colour in &mut colours {
            colour[channel] -= mean;
        }
    }
    let covariance = |a: usize, b: usize| {
        let sum: f64 = colours.iter().map(|colour| colour[a] * colour[b]).sum();
        (sum + if a == b { EPSILON } else { 0.0 }) * SHARE
    };
    let inverse = inverted([
        covariance(0, 0),
        covariance(0, 1),
        covariance(0, 2),
        covariance(1, 1),
        covariance(1, 2),
        covariance(2, 2),
    ]);
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let weighed = colours.map(|colour| inverse.map(|row| dot(row, colour)));
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let own = if i == j { 1.0 } else { 0.0 };
            own - (1.0 + dot(weighed[i], colours[j])) * SHARE
        })
    })
}

/// The inverse of a symmetric matrix, of which the upper half is given.
fn inverted([xx, xy, xz, yy, yz, zz]: [f64; 6]) -> [[f64; 3]; 3] {
    let minors = [yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy];
    let share = 1.0 / (xx * minors[0] + xy * minors[1] + xz * minors[2]);
    let first = minors.map(|minor| minor * share);
    let last = [xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy].map(|minor| minor * share);
    [first, [first[1], last[0], last[1]], [first[2], last[1], last[2]]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_found_where_they_are() {
        for i in 0..WINDOW {
            for j in i + 1..WINDOW {
                let (x, y) = (signed(j % 3) - signed(i % 3), signed(j / 3) - signed(i / 3));
                assert_eq!(OFFSETS[offset(i, j)], (x, y), "{i}, {j}");
            }
        }
    }

    fn signed(value: usize) -> isize {
        isize::try_from(value).unwrap()
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let inverse = inverted([2.0, 0.5, -0.25, 3.0, 0.75, 1.5]);
        let rows = [[2.0, 0.5, -0.25], [0.5, 3.0, 0.75], [-0.25, 0.75, 1.5]];
        for (i, row) in rows.into_iter().enumerate() {
            // Symmetric, so its rows are its columns.
            for (j, column) in inverse.iter().enumerate() {
                let sum: f64 = row.iter().zip(column).map(|(a, b)| a * b).sum();
                assert!((sum - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12, "{i}, {j}: {sum}");
            }
        }
    }

    #[test]
    fn a_window_says_nothing_of_what_is_the_same_everywhere() {
        let colours = std::array::from_fn(|at| {
            [0, 1, 2].map(|channel| {
                f64::from(u8::try_from((at * 37 + channel * 91) % 256).unwrap()) / 255.0
            })
        });
        for row in affinities(colours) {
            assert!(row.iter().sum::<f64>().abs() < 1e-9, "{row:?}");
        }
    }
}
