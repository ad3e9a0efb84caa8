//! Blocked maps: `[batch, channels / 16, height, width, 16]`.

use rayon::prelude::*;

use crate::lanes::LANES;

/// What a map holds, as the network counts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Channels; the last block's other lanes are zero.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Blocks of 16 channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Pixels of one image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values of a blocked map, padding lanes included.
    #[must_use]
    pub fn blocked_len(&self) -> usize {
        self.batch * self.blocks() * self.pixels() * LANES
    }

    /// Values of a planar map, `[batch, channels, height, width]`.
    #[must_use]
    pub fn planar_len(&self) -> usize {
        self.batch * self.channels * self.pixels()
    }

    /// Values from one block of channels to the next.
    pub(crate) fn block_len(&self) -> usize {
        self.pixels() * LANES
    }
}

/// A blocked map that is read.
#[derive(Clone, Copy)]
pub struct Map<'a> {
    shape: Shape,
    values: &'a [f32],
}

impl<'a> Map<'a> {
    /// `values` as a map.
    ///
    /// # Panics
    /// If their number is not the shape's.
    #[must_use]
    pub fn new(shape: Shape, values: &'a [f32]) -> Self {
        assert_eq!(values.len(), shape.blocked_len(), "values of a blocked map {shape:?}");
        Self { shape, values }
    }

    /// What it holds.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its values.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }
}

/// Blocks a planar map: `[B, C, H, W]` to `[B, C / 16, H, W, 16]`.
///
/// # Panics
/// If a slice is not as long as `shape` says.
pub fn block(shape: Shape, planar: &[f32], blocked: &mut [f32]) {
    assert_eq!(planar.len(), shape.planar_len(), "values of a planar map {shape:?}");
    assert_eq!(blocked.len(), shape.blocked_len(), "values of a blocked map {shape:?}");
    let rows = blocked.par_chunks_exact_mut(shape.width * LANES).enumerate();
    rows.with_min_len(8).for_each(|(row, pixels)| {
        let (block, y) = (row / shape.height, row % shape.height);
        let (image, first) = (block / shape.blocks(), block % shape.blocks() * LANES);
        let mut planes = [&[][..]; LANES];
        for (channel, plane) in (first..shape.channels).zip(&mut planes) {
            let start = ((image * shape.channels + channel) * shape.height + y) * shape.width;
            *plane = &planar[start..start + shape.width];
        }
        for (x, pixel) in pixels.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *pixel = planes.map(|plane| plane.get(x).copied().unwrap_or(0.0));
        }
    });
}

/// Writes the whole of `output`: of image `image` of `map` the columns from `first` on, as many as `output` has room for.
///
/// # Panics
/// If the map has no such image or columns, or if `output` has no whole number of columns.
pub fn columns(map: Map<'_>, image: usize, first: usize, output: &mut [f32]) {
    let shape = map.shape();
    let row_len = shape.width * LANES;
    let image_len = shape.blocks() * shape.block_len();
    let rows = map.values()[image * image_len..][..image_len].chunks_exact(row_len);
    assert_eq!(output.len() % (rows.len() * LANES), 0, "whole columns of {} rows", rows.len());
    let part_len = output.len() / rows.len();
    for (part, row) in output.chunks_exact_mut(part_len).zip(rows) {
        part.copy_from_slice(&row[first * LANES..][..part_len]);
    }
}

/// Writes the whole of `output`: the bands of a map, one below the other. Each but the first begins with one row that is
/// left out.
///
/// # Panics
/// If the bands differ in more than their height, or if `output` is not as long as they are.
pub fn stack(bands: &[Map<'_>], output: &mut [f32]) {
    let Some(first) = bands.first() else { return };
    let Shape { batch, width, .. } = first.shape();
    let (planes, row_len) = (batch * first.shape().blocks(), width * LANES);
    let height = bands.iter().map(|band| band.shape().height).sum::<usize>() + 1 - bands.len();
    assert_eq!(output.len(), planes * height * row_len, "{height} rows of {:?}", first.shape());
    for (plane, mut below) in output.chunks_exact_mut(height * row_len).enumerate() {
        for (number, band) in bands.iter().enumerate() {
            let shape = band.shape();
            let expected = Shape { height: shape.height, ..first.shape() };
            assert_eq!(shape, expected, "bands of one map");
            let rows = &band.values()[plane * shape.block_len()..][..shape.block_len()];
            let rows = if number == 0 { rows } else { &rows[row_len..] };
            let (here, rest) = below.split_at_mut(rows.len());
            here.copy_from_slice(rows);
            below = rest;
        }
    }
}

/// The reverse of [`block`].
///
/// # Panics
/// If a slice is not as long as `shape` says.
pub fn unblock(shape: Shape, blocked: &[f32], planar: &mut [f32]) {
    assert_eq!(planar.len(), shape.planar_len(), "values of a planar map {shape:?}");
    assert_eq!(blocked.len(), shape.blocked_len(), "values of a blocked map {shape:?}");
    for (plane, block, lane) in lanes_of(shape) {
        let plane = &mut planar[plane * shape.pixels()..][..shape.pixels()];
        let lines = blocked[block * shape.block_len()..][..shape.block_len()].chunks_exact(LANES);
        for (line, value) in lines.zip(plane) {
            *value = line[lane];
        }
    }
}

/// Each plane of a planar map, with the block and the lane that hold it in a blocked one.
fn lanes_of(shape: Shape) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..shape.batch * shape.channels).map(move |plane| {
        let (image, channel) = (plane / shape.channels, plane % shape.channels);
        (plane, image * shape.blocks() + channel / LANES, channel % LANES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers, which are exact")]
    fn a_blocked_map_holds_each_value_once_and_zeros_beside() {
        let shape = Shape { batch: 2, channels: 19, height: 3, width: 5 };
        let planar: Vec<f32> =
            (1..=u16::try_from(shape.planar_len()).unwrap()).map(f32::from).collect();
        let mut blocked = vec![f32::NAN; shape.blocked_len()];
        block(shape, &planar, &mut blocked);
        // Image 1, channel 17, row 2, column 3.
        assert_eq!(
            blocked[(((2 + 1) * 3 + 2) * 5 + 3) * 16 + 1],
            planar[((19 + 17) * 3 + 2) * 5 + 3]
        );
        let total = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
        assert_eq!(total(&blocked), total(&planar));
        let mut back = vec![0.0; shape.planar_len()];
        unblock(shape, &blocked, &mut back);
        assert_eq!(back, planar);
    }

    #[test]
    fn columns_of_one_image_are_those_of_all_its_rows_and_channels() {
        let shape = Shape { batch: 2, channels: 17, height: 2, width: 5 };
        let planar: Vec<f32> = (0..340_u16).map(f32::from).collect();
        let mut blocked = vec![0.0; shape.blocked_len()];
        block(shape, &planar, &mut blocked);
        let part = Shape { batch: 1, width: 2, ..shape };
        let mut output = vec![f32::NAN; part.blocked_len()];
        columns(Map::new(shape, &blocked), 1, 3, &mut output);
        let mut back = vec![f32::NAN; part.planar_len()];
        unblock(part, &output, &mut back);
        let expected: Vec<f32> =
            planar[170..].chunks(5).flat_map(|row| row[3..].to_vec()).collect();
        assert_eq!(back, expected);
    }

    #[test]
    fn a_map_in_bands_is_whole_again() {
        let shape = Shape { batch: 2, channels: 17, height: 5, width: 3 };
        let whole: Vec<f32> =
            (0..u16::try_from(shape.blocked_len()).unwrap()).map(f32::from).collect();
        // Each begins with the row that the one above ends with.
        let bands = [(0, 2), (1, 3), (3, 2)].map(|(first, height)| {
            let part = Shape { height, ..shape };
            let planes = whole.chunks_exact(shape.block_len());
            let rows = planes.flat_map(|plane| plane[first * 48..][..part.block_len()].to_vec());
            (part, rows.collect::<Vec<f32>>())
        });
        let bands: Vec<_> = bands.iter().map(|(shape, rows)| Map::new(*shape, rows)).collect();
        let mut output = vec![f32::NAN; whole.len()];
        stack(&bands, &mut output);
        assert_eq!(output, whole);
    }
}
