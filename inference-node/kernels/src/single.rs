//! 3x3 convolution to one channel: the side outputs of a network.

use rayon::prelude::*;

use crate::{
    Kernel,
    lanes::{LANES, Lanes, on_lanes},
    map::{Map, Shape},
    threads::Shared,
};

/// A layer whose output is one plane per image.
pub struct Single {
    inputs: usize,
    /// `[block][tap][16]`.
    weights: Vec<f32>,
    bias: f32,
    kernel: Kernel,
}

const TAPS: usize = 9;
/// Pixels whose sums are in registers at once.
const PIXELS: usize = 8;

#[derive(Clone, Copy)]
struct Job<'a> {
    layer: &'a Single,
    source: Map<'a>,
    to: Shared,
}

impl Single {
    /// The layer with `weights` `[1, inputs, 3, 3]`.
    ///
    /// # Panics
    /// If there are not so many weights.
    #[must_use]
    pub fn new(inputs: usize, kernel: Kernel, weights: &[f32], bias: f32) -> Self {
        assert_eq!(weights.len(), inputs * TAPS, "weights of 3x3 from {inputs} channels to one");
        let mut lines = vec![0.0; inputs.div_ceil(LANES) * TAPS * LANES];
        for (channel, taps) in weights.chunks_exact(TAPS).enumerate() {
            for (tap, &weight) in taps.iter().enumerate() {
                lines[(channel / LANES * TAPS + tap) * LANES + channel % LANES] = weight;
            }
        }
        Self { inputs, weights: lines, bias, kernel }
    }

    /// Writes the whole of `output`, `[batch, 1, height, width]` and planar.
    ///
    /// # Panics
    /// If the source has other channels, or the output another size.
    pub fn run(&self, source: Map<'_>, output: &mut [f32]) {
        let shape = source.shape();
        assert_eq!(shape.channels, self.inputs, "channels of the source");
        assert_eq!(output.len(), shape.batch * shape.pixels(), "values of the output");
        let job = Job { layer: self, source, to: Shared::new(output) };
        (0..shape.batch * shape.height).into_par_iter().with_min_len(4).for_each(|line| {
            // SAFETY: the kernel is one of this processor; each task writes its line.
            unsafe { on_lanes!(self.kernel, line_of(job: Job<'_>, line: usize)) };
        });
    }
}

/// # Safety
/// The contract of [`Lanes`]; nobody else writes the line.
#[inline(always)]
unsafe fn line_of<L: Lanes>(job: Job<'_>, line: usize) {
    let Shape { height, width, .. } = job.source.shape();
    let (image, y) = (line / height, line % height);
    let mut x = 0;
    while x < width {
        let pixels = PIXELS.min(width - x);
        let is_inside = x > 0 && x + pixels < width;
        // SAFETY: the caller's.
        let sums = unsafe {
            if pixels == PIXELS && is_inside {
                pixels_of::<L, PIXELS>(job, image, y, x)
            } else {
                let mut sums = [0.0; PIXELS];
                for (index, sum) in sums[..pixels].iter_mut().enumerate() {
                    [*sum] = pixels_of::<L, 1>(job, image, y, x + index);
                }
                sums
            }
        };
        for (index, sum) in sums[..pixels].iter().enumerate() {
            // SAFETY: the line is the task's own.
            unsafe { *job.to.at(line * width + x + index, 1) = sum + job.layer.bias };
        }
        x += pixels;
    }
}

/// The sums of `N` neighbouring pixels; more than one only where no tap leaves the map sideways.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
unsafe fn pixels_of<L: Lanes, const N: usize>(
    job: Job<'_>,
    image: usize,
    y: usize,
    x: usize,
) -> [f32; N] {
    let shape = job.source.shape();
    // SAFETY: the caller's; every line that is read lies inside the map, which the conditions say.
    unsafe {
        let mut sums = [L::splat(0.0); N];
        for block in 0..shape.blocks() {
            let plane = job.source.values()[(image * shape.blocks() + block) * shape.block_len()..]
                .as_ptr();
            for tap in 0..TAPS {
                let (row, column) = (y + tap / 3, x + tap % 3);
                if row == 0 || row > shape.height || column == 0 || column > shape.width {
                    continue;
                }
                let weights = L::load(job.layer.weights.as_ptr().add((block * TAPS + tap) * LANES));
                let line = plane.add(((row - 1) * shape.width + column - 1) * LANES);
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(line.add(n * LANES)).mul_add(weights, *sum);
                }
            }
        }
        let mut totals = [0.0; N];
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = sum.sum();
        }
        totals
    }
}
