//! Maxima of 2x2 pixels.

use rayon::prelude::*;

use crate::{
    lanes::LANES,
    map::{Map, Shape},
};

/// The shape of a map of `shape` after [`max_2x2`]: an odd last row or column counts as a whole.
#[must_use]
pub fn halved(shape: Shape) -> Shape {
    Shape { height: shape.height.div_ceil(2), width: shape.width.div_ceil(2), ..shape }
}

/// Writes the whole of `output`: each of its pixels is the largest of 2x2 of `source`.
///
/// # Panics
/// If `output` is not as long as [`halved`] says.
pub fn max_2x2(source: Map<'_>, output: &mut [f32]) {
    let (from, to) = (source.shape(), halved(source.shape()));
    assert_eq!(output.len(), to.blocked_len(), "values of the halved map {to:?}");
    let rows = output.par_chunks_exact_mut(to.width * LANES).enumerate();
    rows.with_min_len(8).for_each(|(index, row)| {
        let (block, y) = (index / to.height, index % to.height * 2);
        let line = |y: usize| {
            let start = block * from.block_len() + y * from.width * LANES;
            &source.values()[start..start + from.width * LANES]
        };
        let (upper, lower) = (line(y), line((y + 1).min(from.height - 1)));
        for (x, pixel) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let (left, right) = (2 * x * LANES, (2 * x + 1).min(from.width - 1) * LANES);
            let four = [&upper[left..], &upper[right..], &lower[left..], &lower[right..]]
                .map(|line| line.first_chunk::<LANES>().expect("a pixel is a whole line"));
            for (lane, value) in pixel.iter_mut().enumerate() {
                let larger = |a: f32, b: f32| if a > b { a } else { b };
                *value = larger(
                    larger(four[0][lane], four[1][lane]),
                    larger(four[2][lane], four[3][lane]),
                );
            }
        }
    });
}
