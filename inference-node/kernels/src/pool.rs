//! Maxima of 2x2 pixels.

use rayon::prelude::*;

use crate::{
    lanes::LANES,
    map::{Map, Shape},
};

/// The shape of a map of `shape` after [`max_2x2`]: an odd last row or column is left out.
#[must_use]
pub fn halved(shape: Shape) -> Shape {
    Shape { height: shape.height / 2, width: shape.width / 2, ..shape }
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
        let (upper, lower) = (line(y), line(y + 1));
        for (x, pixel) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let (left, right) = (2 * x * LANES, (2 * x + 1) * LANES);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{block, unblock};

    #[test]
    fn each_pixel_is_the_largest_of_four_and_odd_ends_are_left_out() {
        let shape = Shape { batch: 1, channels: 2, height: 3, width: 5 };
        #[rustfmt::skip]
        let planar = [
            1.0, 2.0, -1.0, -2.0, 99.0,
            3.0, 0.0, -4.0, -3.0, 99.0,
            9.0, 9.0, 99.0, 99.0, 99.0,

            0.0, 0.0, 5.0, 6.0, 0.0,
            0.0, 7.0, 8.0, 5.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0_f32,
        ];
        let mut blocked = vec![0.0; shape.blocked_len()];
        block(shape, &planar, &mut blocked);
        let half = halved(shape);
        let mut output = vec![f32::NAN; half.blocked_len()];
        max_2x2(Map::new(shape, &blocked), &mut output);
        let mut planar = vec![f32::NAN; half.planar_len()];
        unblock(half, &output, &mut planar);
        assert_eq!(planar, [3.0, -1.0, 7.0, 8.0]);
    }
}
