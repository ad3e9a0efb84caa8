//! The three transforms of F(4x4, 3x3), with the points 0, 1, -1, 2, -2 and infinity.

use super::tiles::Tile;
use crate::{
    lanes::{LANES, Lanes},
    map::Shape,
};

/// Inputs of a tile in each direction.
const IN: usize = 6;
/// Points of a tile.
pub(super) const POINTS: usize = IN * IN;

/// One 3x3 kernel as its 36 points: `G g G'`.
pub(super) fn weights(kernel: &[f32], points: &mut [f32]) {
    const G: [[f64; 3]; IN] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let columns = G.map(|g| {
        [0, 1, 2].map(|x| (0..3).map(|y| g[y] * f64::from(kernel[y * 3 + x])).sum::<f64>())
    });
    for (row, points) in columns.iter().zip(points.chunks_exact_mut(IN)) {
        for (g, point) in G.iter().zip(points) {
            #[expect(clippy::cast_possible_truncation, reason = "the sums are f32 as well")]
            {
                *point = g.iter().zip(row).map(|(g, value)| g * value).sum::<f64>() as f32;
            }
        }
    }
}

/// The 36 points of a tile's inputs in one block of channels, `B' d B`; `store` gets each of them.
///
/// # Safety
/// The contract of [`Lanes`]; `plane` is a block of a map of `shape`.
#[inline(always)]
pub(super) unsafe fn forward<L: Lanes>(
    plane: &[f32],
    shape: Shape,
    tile: &Tile,
    dilation: usize,
    mut store: impl FnMut(usize, L),
) {
    let Shape { height, width, .. } = shape;
    let start = plane.as_ptr();
    let inside = tile.y >= dilation
        && tile.x >= dilation
        && tile.y + 4 * dilation < height
        && tile.x + 4 * dilation < width;
    // SAFETY: the caller's; a pixel is read only if it lies inside the map.
    unsafe {
        let mut half = [[L::splat(0.0); IN]; IN];
        if inside {
            let corner = start.add(((tile.y - dilation) * width + tile.x - dilation) * LANES);
            for j in 0..IN {
                let column = corner.add(j * dilation * LANES);
                let mut values = [L::splat(0.0); IN];
                for (i, value) in values.iter_mut().enumerate() {
                    *value = L::load(column.add(i * dilation * width * LANES));
                }
                for (half, value) in half.iter_mut().zip(points(values)) {
                    half[j] = value;
                }
            }
        } else {
            for j in 0..IN {
                let mut values = [L::splat(0.0); IN];
                // The first is one step above or left of the tile: below zero, which wraps beyond every map.
                let x = (tile.x + j * dilation).wrapping_sub(dilation);
                for (i, value) in values.iter_mut().enumerate() {
                    let y = (tile.y + i * dilation).wrapping_sub(dilation);
                    if x < width && y < height {
                        *value = L::load(start.add((y * width + x) * LANES));
                    }
                }
                for (half, value) in half.iter_mut().zip(points(values)) {
                    half[j] = value;
                }
            }
        }
        for (i, row) in half.into_iter().enumerate() {
            for (j, value) in points(row).into_iter().enumerate() {
                store(i * IN + j, value);
            }
        }
    }
}

/// `B' d` of one column, or row.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
unsafe fn points<L: Lanes>([d0, d1, d2, d3, d4, d5]: [L; IN]) -> [L; IN] {
    // SAFETY: the caller's.
    unsafe {
        let [two, four] = [L::splat(2.0), L::splat(4.0)];
        let [minus_two, minus_four, minus_five] = [L::splat(-2.0), L::splat(-4.0), L::splat(-5.0)];
        let (even, odd) = (d2.mul_add(minus_four, d4), d1.mul_add(minus_four, d3));
        let (wide_even, wide_odd) = (d4.sub(d2), d3.sub(d1));
        [
            d0.mul_add(four, d2.mul_add(minus_five, d4)),
            even.add(odd),
            even.sub(odd),
            wide_odd.mul_add(two, wide_even),
            wide_odd.mul_add(minus_two, wide_even),
            d1.mul_add(four, d3.mul_add(minus_five, d5)),
        ]
    }
}

/// The 4x4 outputs of a tile from its 36 products, `A' m A`.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn inverse<L: Lanes>(load: impl Fn(usize) -> L) -> [[L; 4]; 4] {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[L::splat(0.0); IN]; 4];
        for j in 0..IN {
            let mut values = [L::splat(0.0); IN];
            for (i, value) in values.iter_mut().enumerate() {
                *value = load(i * IN + j);
            }
            for (half, value) in half.iter_mut().zip(outputs(values)) {
                half[j] = value;
            }
        }
        let [a, b, c, d] = half;
        [outputs(a), outputs(b), outputs(c), outputs(d)]
    }
}

/// `A' m` of one column, or row.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
unsafe fn outputs<L: Lanes>([m0, m1, m2, m3, m4, m5]: [L; IN]) -> [L; 4] {
    // SAFETY: the caller's.
    unsafe {
        let (sum, difference) = (m1.add(m2), m1.sub(m2));
        let (wide_sum, wide_difference) = (m3.add(m4), m3.sub(m4));
        [
            m0.add(sum).add(wide_sum),
            wide_difference.mul_add(L::splat(2.0), difference),
            wide_sum.mul_add(L::splat(4.0), sum),
            wide_difference.mul_add(L::splat(8.0), difference).add(m5),
        ]
    }
}
