//! Means, gates and other gatherings of whole channels.

use rayon::prelude::*;

use crate::{
    exponential::sigmoid,
    lanes::LANES,
    map::{Map, Shape},
};

/// Channels that are moved together where maps are concatenated that do not fill their blocks.
const EIGHT: usize = LANES / 2;

/// The mean of each channel: a map of one pixel.
#[must_use]
pub fn means(source: Map<'_>) -> Vec<f32> {
    let block_len = source.shape().block_len();
    let mut means = vec![0.0; source.values().len() / block_len * LANES];
    let blocks = source.values().par_chunks_exact(block_len).zip(means.par_chunks_exact_mut(LANES));
    blocks.for_each(|(block, means)| {
        // Several sums, so that none is so long that it loses what is added to it.
        let lines = block.as_chunks::<LANES>().0;
        for part in lines.chunks(256) {
            let mut sums = [0.0_f32; LANES];
            for line in part {
                for (sum, value) in sums.iter_mut().zip(line) {
                    *sum += value;
                }
            }
            for (mean, sum) in means.iter_mut().zip(sums) {
                *mean += sum;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a map has fewer than 2^24 pixels")]
        let pixels = lines.len() as f32;
        for mean in means {
            *mean /= pixels;
        }
    });
    means
}

/// How a gate opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HardSigmoid {
    /// The gate is `slope * x + 1/2`, between 0 and 1.
    pub slope: f32,
    /// What is added to it: 1 where the channel itself is added to what the gate lets through.
    pub offset: f32,
}

/// Writes the whole of `output`: each channel of `source` times its gate, which opens by `gates`, a map of one pixel.
///
/// # Panics
/// If `gates` has other blocks, or `output` another length.
pub fn gate(source: Map<'_>, gates: &[f32], opens: HardSigmoid, output: &mut [f32]) {
    let block_len = source.shape().block_len();
    assert_eq!(gates.len() * block_len, source.values().len() * LANES, "one gate for each channel");
    assert_eq!(output.len(), source.values().len(), "values of the output");
    let blocks =
        source.values().par_chunks_exact(block_len).zip(output.par_chunks_exact_mut(block_len));
    blocks.zip(gates.par_chunks_exact(LANES)).for_each(|((block, output), gates)| {
        let mut factors = [0.0; LANES];
        for (factor, gate) in factors.iter_mut().zip(gates) {
            *factor = (opens.slope * gate + 0.5).clamp(0.0, 1.0) + opens.offset;
        }
        for (to, from) in
            output.as_chunks_mut::<LANES>().0.iter_mut().zip(block.as_chunks::<LANES>().0)
        {
            for ((to, from), factor) in to.iter_mut().zip(from).zip(factors) {
                *to = from * factor;
            }
        }
    });
}

/// Writes the whole of `output`: `large`, and on each of its pixels that of `small` which covers it.
///
/// # Panics
/// If `large` is not twice as high and wide as `small`, or if a length is another.
pub fn add_doubled(large: Map<'_>, small: Map<'_>, output: &mut [f32]) {
    let (shape, half) = (large.shape(), small.shape());
    assert_eq!(
        Shape { height: 2 * half.height, width: 2 * half.width, ..half },
        shape,
        "twice the size"
    );
    assert_eq!(output.len(), shape.blocked_len(), "values of the output {shape:?}");
    let row_len = shape.width * LANES;
    let rows = output.par_chunks_exact_mut(row_len).zip(large.values().par_chunks_exact(row_len));
    rows.enumerate().with_min_len(8).for_each(|(index, (output, large))| {
        let (block, y) = (index / shape.height, index % shape.height);
        let small = &small.values()[block * half.block_len() + y / 2 * half.width * LANES..];
        let pixels = output.as_chunks_mut::<LANES>().0.iter_mut().zip(large.as_chunks::<LANES>().0);
        for (x, (output, large)) in pixels.enumerate() {
            let small = &small[x / 2 * LANES..][..LANES];
            for ((output, large), small) in output.iter_mut().zip(large).zip(small) {
                *output = large + small;
            }
        }
    });
}

/// Writes the whole of `output`: the channels of `sources` one after the other, each map enlarged to `height` and
/// `width` by repeating its pixels.
///
/// # Panics
/// If the sources' channels are no multiples of 8, if a side is no multiple of a source's, or if a length is another.
pub fn concat(sources: &[Map<'_>], (height, width): (usize, usize), output: &mut [f32]) {
    let batch = sources.first().map_or(0, |source| source.shape().batch);
    let channels: usize = sources.iter().map(|source| source.shape().channels).sum();
    let shape = Shape { batch, channels, height, width };
    assert_eq!(output.len(), shape.blocked_len(), "values of the output {shape:?}");
    // Where each eight of the output comes from: the source, and the eight in it.
    let mut eights = Vec::new();
    for source in sources {
        let from = source.shape();
        assert!(from.channels.is_multiple_of(EIGHT) && from.batch == batch, "{from:?}");
        assert!(
            height.is_multiple_of(from.height) && width.is_multiple_of(from.width),
            "{from:?} in {shape:?}"
        );
        eights.extend((0..from.channels / EIGHT).map(|eight| (source, eight)));
    }
    let rows = output.par_chunks_exact_mut(width * LANES).enumerate();
    rows.with_min_len(8).for_each(|(index, row)| {
        let (image, block, y) =
            (index / height / shape.blocks(), index / height % shape.blocks(), index % height);
        row.fill(0.0);
        for (half, &(source, eight)) in eights.iter().skip(2 * block).take(2).enumerate() {
            let from = source.shape();
            let block = image * from.blocks() + eight / 2;
            let start = block * from.block_len() + y / (height / from.height) * from.width * LANES;
            let line = &source.values()[start..start + from.width * LANES];
            let repeats = width / from.width;
            for (pixels, value) in
                row.chunks_exact_mut(repeats * LANES).zip(line.chunks_exact(LANES))
            {
                let value = &value[eight % 2 * EIGHT..][..EIGHT];
                for pixel in pixels.chunks_exact_mut(LANES) {
                    pixel[half * EIGHT..][..EIGHT].copy_from_slice(value);
                }
            }
        }
    });
}

/// Writes the whole of `output`, planar and four times as high and wide: the 16 channels of a pixel of `source` become
/// 4x4 probabilities.
///
/// # Panics
/// If `source` has not 16 channels, or if `output` has another length.
pub fn spread_4x4(source: Map<'_>, output: &mut [f32]) {
    let shape = source.shape();
    assert_eq!(shape.channels, LANES, "channels of the source");
    assert_eq!(output.len(), source.values().len(), "values of the output");
    let row_len = shape.width * LANES;
    let rows = output.par_chunks_exact_mut(row_len).zip(source.values().par_chunks_exact(row_len));
    rows.with_min_len(4).for_each(|(four, row)| {
        for (line, output) in four.chunks_exact_mut(4 * shape.width).enumerate() {
            for (output, pixel) in
                output.as_chunks_mut::<4>().0.iter_mut().zip(row.as_chunks::<LANES>().0)
            {
                for (output, &value) in output.iter_mut().zip(&pixel[4 * line..]) {
                    *output = sigmoid(value);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{block, unblock};

    fn blocked(shape: Shape, planar: &[f32]) -> Vec<f32> {
        let mut blocked = vec![0.0; shape.blocked_len()];
        block(shape, planar, &mut blocked);
        blocked
    }

    fn planar(shape: Shape, blocked: &[f32]) -> Vec<f32> {
        let mut planar = vec![0.0; shape.planar_len()];
        unblock(shape, blocked, &mut planar);
        planar
    }

    fn counting(shape: Shape) -> Vec<f32> {
        (0..u16::try_from(shape.planar_len()).unwrap()).map(f32::from).collect()
    }

    #[test]
    fn a_gate_lets_through_its_share_of_each_channel() {
        let shape = Shape { batch: 1, channels: 2, height: 1, width: 2 };
        let values = blocked(shape, &[1.0, 3.0, 10.0, 20.0]);
        let source = Map::new(shape, &values);
        let means = means(source);
        assert_eq!(means[..2], [2.0, 15.0]);
        let mut output = vec![0.0; shape.blocked_len()];
        // 0.1 * 2 + 0.5 = 0.7, and 0.1 * 15 + 0.5 is more than 1.
        gate(source, &means, HardSigmoid { slope: 0.1, offset: 0.0 }, &mut output);
        for (ours, expected) in planar(shape, &output).iter().zip([0.7, 2.1, 10.0, 20.0]) {
            assert!((ours - expected).abs() < 1e-6, "{ours} {expected}");
        }
        gate(source, &means, HardSigmoid { slope: 0.1, offset: 1.0 }, &mut output);
        assert!((planar(shape, &output)[0] - 1.7).abs() < 1e-6);
    }

    #[test]
    fn a_small_map_is_added_to_the_four_pixels_that_each_of_its_pixels_covers() {
        let shape = Shape { batch: 2, channels: 1, height: 2, width: 4 };
        let half = Shape { batch: 2, channels: 1, height: 1, width: 2 };
        let (large, small) = (blocked(shape, &[0.5; 16]), blocked(half, &[1.0, 2.0, 3.0, 4.0]));
        let mut output = vec![0.0; shape.blocked_len()];
        add_doubled(Map::new(shape, &large), Map::new(half, &small), &mut output);
        let first = [1.5, 1.5, 2.5, 2.5];
        let second = [3.5, 3.5, 4.5, 4.5];
        assert_eq!(planar(shape, &output), [first, first, second, second].concat());
    }

    #[test]
    fn channels_are_concatenated_across_blocks_and_enlarged() {
        let small = Shape { batch: 2, channels: 24, height: 1, width: 2 };
        let large = Shape { batch: 2, channels: 8, height: 2, width: 4 };
        let (a, b) = (counting(small), counting(large));
        let (blocked_a, blocked_b) = (blocked(small, &a), blocked(large, &b));
        let shape = Shape { channels: 32, ..large };
        let mut output = vec![f32::NAN; shape.blocked_len()];
        concat(&[Map::new(small, &blocked_a), Map::new(large, &blocked_b)], (2, 4), &mut output);
        let output = planar(shape, &output);
        for image in 0..2 {
            for (channel, y, x) in
                (0..32).flat_map(|c| (0..2).flat_map(move |y| (0..4).map(move |x| (c, y, x))))
            {
                let expected = if channel < 24 {
                    a[(image * 24 + channel) * 2 + x / 2]
                } else {
                    b[((image * 8 + channel - 24) * 2 + y) * 4 + x]
                };
                let ours = output[((image * 32 + channel) * 2 + y) * 4 + x];
                assert_eq!(ours.to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn sixteen_channels_become_four_rows_of_four() {
        let shape = Shape { batch: 1, channels: 16, height: 1, width: 2 };
        let values: Vec<f32> = (0..32_u8).map(|index| f32::from(index) / 8.0 - 2.0).collect();
        let mut output = vec![0.0; 32];
        spread_4x4(Map::new(shape, &values), &mut output);
        // Row 1, column 6: the second pixel's channel 6, which is value 22.
        assert!((output[8 + 6] - 1.0 / (1.0 + (2.0_f32 - 22.0 / 8.0).exp())).abs() < 1e-6);
    }
}
