//! Depthwise convolution: each channel with a kernel of its own, then bias and activation.

use rayon::prelude::*;

use crate::{
    Kernel,
    conv::{Activation, Finish},
    lanes::{LANES, Lanes, on_lanes},
    map::{Map, Shape},
    multiply::stretches,
    threads::Shared,
};

/// A layer with its weights; its map is padded by half the kernel on every side.
pub struct Depthwise {
    channels: usize,
    /// The kernel's height and width: 3 or 5.
    size: usize,
    stride: (usize, usize),
    /// `[channels / 16][tap][16]`.
    weights: Vec<f32>,
    finish: Finish,
    kernel: Kernel,
}

#[derive(Clone, Copy)]
struct Job<'a> {
    layer: &'a Depthwise,
    source: Map<'a>,
    output: Shape,
    to: Shared,
}

impl Depthwise {
    /// The layer with `weights` `[channels, 1, size, size]` and `bias` `[channels]`.
    ///
    /// # Panics
    /// If weights or bias have another length, if `size` is neither 3 nor 5, or if a stride is neither 1 nor 2.
    #[must_use]
    pub fn new(
        size: usize,
        stride: (usize, usize),
        activation: Activation,
        kernel: Kernel,
        weights: &[f32],
        bias: &[f32],
    ) -> Self {
        let (channels, taps) = (bias.len(), size * size);
        assert!(matches!(size, 3 | 5), "a depthwise kernel of {size}x{size}");
        assert!((1..=2).contains(&stride.0) && (1..=2).contains(&stride.1), "stride {stride:?}");
        assert_eq!(weights.len(), channels * taps, "weights of {channels} channels");
        let mut lines = vec![0.0; channels.div_ceil(LANES) * taps * LANES];
        for (channel, kernel) in weights.chunks_exact(taps).enumerate() {
            for (tap, &weight) in kernel.iter().enumerate() {
                lines[(channel / LANES * taps + tap) * LANES + channel % LANES] = weight;
            }
        }
        let finish = Finish::new(activation, bias, channels);
        Self { channels, size, stride, weights: lines, finish, kernel }
    }

    /// How many channels it takes and gives.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The shape of the output for a source of `shape`.
    #[must_use]
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let height = (shape.height - 1) / self.stride.0 + 1;
        let width = (shape.width - 1) / self.stride.1 + 1;
        Shape { height, width, ..shape }
    }

    /// Writes the whole of `output`.
    ///
    /// # Panics
    /// If the source has other channels, or the output another size than [`Depthwise::output_shape`].
    pub fn run(&self, source: Map<'_>, output: &mut [f32]) {
        let shape = source.shape();
        assert_eq!(shape.channels, self.channels, "channels of the source");
        let to = self.output_shape(shape);
        assert_eq!(output.len(), to.blocked_len(), "values of the output {to:?}");
        let job = Job { layer: self, source, output: to, to: Shared::new(output) };
        let lines = to.batch * to.blocks() * to.height;
        (0..lines).into_par_iter().with_min_len(8).for_each(|line| {
            // SAFETY: the kernel is one of this processor; each task writes its own line.
            unsafe { on_lanes!(self.kernel, line_of(job: Job<'_>, line: usize)) };
        });
    }
}

/// # Safety
/// The contract of [`Lanes`]; nobody else writes the line.
#[inline(always)]
unsafe fn line_of<L: Lanes>(job: Job<'_>, line: usize) {
    // SAFETY: the caller's.
    unsafe {
        match (job.layer.size, job.layer.stride.1) {
            (3, 1) => columns::<L, 3, 1>(job, line),
            (3, _) => columns::<L, 3, 2>(job, line),
            (_, 1) => columns::<L, 5, 1>(job, line),
            (_, _) => columns::<L, 5, 2>(job, line),
        }
    }
}

/// # Safety
/// As [`line_of`]; `SIZE` and `STEP` are the layer's.
#[inline(always)]
unsafe fn columns<L: Lanes, const SIZE: usize, const STEP: usize>(job: Job<'_>, line: usize) {
    let width = job.output.width;
    // The columns whose taps all lie inside the map.
    let first = (SIZE / 2).div_ceil(STEP).min(width);
    let last = match (job.source.shape().width + SIZE / 2).checked_sub(SIZE) {
        Some(room) => (room / STEP + 1).clamp(first, width),
        None => first,
    };
    // SAFETY: the caller's.
    unsafe {
        for x in (0..first).chain(last..width) {
            pixels::<L, SIZE, STEP, 1>(job, line, x);
        }
        let most = if L::ROWS >= 8 { 8 } else { 4 };
        for (start, count) in stretches(last - first, most) {
            let x = first + start;
            match count {
                8 => pixels::<L, SIZE, STEP, 8>(job, line, x),
                7 => pixels::<L, SIZE, STEP, 7>(job, line, x),
                6 => pixels::<L, SIZE, STEP, 6>(job, line, x),
                5 => pixels::<L, SIZE, STEP, 5>(job, line, x),
                4 => pixels::<L, SIZE, STEP, 4>(job, line, x),
                3 => pixels::<L, SIZE, STEP, 3>(job, line, x),
                2 => pixels::<L, SIZE, STEP, 2>(job, line, x),
                1 => pixels::<L, SIZE, STEP, 1>(job, line, x),
                _ => {}
            }
        }
    }
}

/// `T` pixels of a line, from column `x` on; where `T` is more than 1, none of their taps lies outside the map's columns.
///
/// # Safety
/// As [`columns`].
#[inline(always)]
unsafe fn pixels<L: Lanes, const SIZE: usize, const STEP: usize, const T: usize>(
    job: Job<'_>,
    line: usize,
    x: usize,
) {
    let from = job.source.shape();
    let (block, y) = (line / job.output.height, line % job.output.height);
    let kind = block % from.blocks();
    let weights = &job.layer.weights[kind * SIZE * SIZE * LANES..][..SIZE * SIZE * LANES];
    let values = &job.source.values()[block * from.block_len()..][..from.block_len()];
    let left = x * STEP;
    let taps = if T == 1 {
        let first = (SIZE / 2).saturating_sub(left);
        first..SIZE.min((from.width + SIZE / 2).saturating_sub(left))
    } else {
        0..SIZE
    };
    // SAFETY: rows are checked, and so are the columns of a single pixel; those of several are inside by the caller's
    // word. What is written is the task's own line.
    unsafe {
        let mut sums = [L::splat(0.0); T];
        for row in 0..SIZE {
            let Some(source_row) = (y * job.layer.stride.0 + row).checked_sub(SIZE / 2) else {
                continue;
            };
            if source_row >= from.height {
                continue;
            }
            for column in taps.clone() {
                let weight = L::load(weights.as_ptr().add((row * SIZE + column) * LANES));
                let start = source_row * from.width + left + column - SIZE / 2;
                let start = values.as_ptr().add(start * LANES);
                for (t, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(start.add(t * STEP * LANES)).mul_add(weight, *sum);
                }
            }
        }
        for (t, sum) in sums.into_iter().enumerate() {
            let value = job.layer.finish.apply(kind, sum, None);
            value.store(job.to.at((line * job.output.width + x + t) * LANES, LANES));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::map::{block, unblock};

    /// The textbook's sums, on planar maps.
    fn expected(
        shape: Shape,
        size: usize,
        stride: (usize, usize),
        weights: &[f32],
        bias: &[f32],
        values: &[f32],
    ) -> Vec<f32> {
        let (height, width) = ((shape.height - 1) / stride.0 + 1, (shape.width - 1) / stride.1 + 1);
        let mut output = Vec::new();
        for plane in 0..shape.batch * shape.channels {
            let channel = plane % shape.channels;
            for y in 0..height {
                for x in 0..width {
                    let mut sum = bias[channel];
                    for (tap, weight) in
                        weights[channel * size * size..][..size * size].iter().enumerate()
                    {
                        let row = (y * stride.0 + tap / size).wrapping_sub(size / 2);
                        let column = (x * stride.1 + tap % size).wrapping_sub(size / 2);
                        if row < shape.height && column < shape.width {
                            sum += weight
                                * values[(plane * shape.height + row) * shape.width + column];
                        }
                    }
                    output.push(sum.max(0.0));
                }
            }
        }
        output
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_textbooks_sums(
            (batch, channels, height, width) in (1_usize..3, 1_usize..36, 1_usize..9, 1_usize..24),
            size in prop::sample::select(vec![3_usize, 5]),
            stride in (1_usize..3, 1_usize..3),
            seed in any::<u32>(),
        ) {
            let mut state = seed | 1;
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count).map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    f32::from(i8::try_from(state & 63).unwrap()) / 32.0 - 1.0
                }).collect()
            };
            let shape = Shape { batch, channels, height, width };
            let (weights, bias, values) = (draw(channels * size * size), draw(channels), draw(shape.planar_len()));
            let expected = expected(shape, size, stride, &weights, &bias, &values);
            let mut blocked = vec![0.0; shape.blocked_len()];
            block(shape, &values, &mut blocked);
            for kernel in Kernel::all() {
                let layer = Depthwise::new(size, stride, Activation::Relu, kernel, &weights, &bias);
                let to = layer.output_shape(shape);
                let mut output = vec![f32::NAN; to.blocked_len()];
                layer.run(Map::new(shape, &blocked), &mut output);
                let mut planar = vec![0.0; to.planar_len()];
                unblock(to, &output, &mut planar);
                for (ours, theirs) in planar.iter().zip(&expected) {
                    prop_assert!((ours - theirs).abs() < 1e-4, "{kernel}: {ours} {theirs}");
                }
            }
        }
    }
}
