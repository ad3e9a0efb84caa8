//! Convolution tap by tap.
//!
//! A row of the output is cut where a tap enters or leaves the map, so that every stretch has its own list of taps, and
//! none of them reads padding: of a 3x3 kernel with dilation 8 on a 20x20 map nearly half the taps are outside.

use rayon::prelude::*;

use crate::{
    Kernel,
    conv::{Finish, Geometry, panels},
    lanes::{LANES, Lanes, on_lanes},
    map::{Map, Shape},
    multiply::{self, Run, Sink, stretches},
    threads::Shared,
};

/// Weights `[outputs / 16][tap][inputs][16]`.
pub(crate) struct Direct {
    weights: Vec<f32>,
}

/// Columns of an output row with the same taps.
struct Stretch {
    start: usize,
    end: usize,
    /// Columns of the kernel that lie inside the map.
    taps: Vec<usize>,
}

/// What every task of one run shares.
#[derive(Clone, Copy)]
struct Job<'a> {
    geometry: &'a Geometry,
    finish: &'a Finish,
    weights: &'a [f32],
    sources: &'a [Map<'a>],
    residual: Option<Map<'a>>,
    stretches: &'a [Stretch],
    input: Shape,
    output: Shape,
    to: Shared,
}

/// Some rows of some blocks of one image of the output.
#[derive(Clone, Copy)]
struct Task {
    image: usize,
    block: usize,
    blocks: usize,
    row: usize,
    rows: usize,
}

impl Direct {
    pub(crate) fn new(geometry: &Geometry, weights: &[f32]) -> Self {
        let taps = geometry.size.0 * geometry.size.1;
        Self {
            weights: panels(geometry, weights, taps, |kernel, kept| kept.copy_from_slice(kernel)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what `Conv` holds, and what one call brings")]
    pub(crate) fn run(
        &self,
        geometry: &Geometry,
        finish: &Finish,
        kernel: Kernel,
        sources: &[Map<'_>],
        residual: Option<Map<'_>>,
        output: Shape,
        values: &mut [f32],
    ) {
        let input = sources[0].shape();
        let stretches = columns(geometry, input.width, output.width);
        let job = Job {
            geometry,
            finish,
            weights: &self.weights,
            sources,
            residual,
            stretches: &stretches,
            input,
            output,
            to: Shared::new(values),
        };
        let pairs = output.blocks().div_ceil(2);
        // Weights are read once for all rows of a task, so rows are shared out only where there are too few blocks.
        let parts = (4 * rayon::current_num_threads()).div_ceil(output.batch * pairs);
        let rows = output.height.div_ceil(parts);
        let parts = output.height.div_ceil(rows);
        (0..output.batch * pairs * parts).into_par_iter().for_each(|index| {
            let (image, pair, part) = (index / parts / pairs, index / parts % pairs, index % parts);
            let task = Task {
                image,
                block: pair * 2,
                blocks: (output.blocks() - pair * 2).min(2),
                row: part * rows,
                rows: rows.min(output.height - part * rows),
            };
            // SAFETY: the kernel is one of this processor, and no two tasks have a line in common.
            unsafe { on_lanes!(kernel, run(job: Job<'_>, task: Task)) };
        });
    }
}

/// Cuts the columns of an output row where a tap enters or leaves the map.
fn columns(geometry: &Geometry, input: usize, output: usize) -> Vec<Stretch> {
    let (padding, stride) = (geometry.padding().1, geometry.stride.1);
    let is_inside = |x: usize, tap: usize| {
        let column = x * stride + tap * geometry.dilation;
        column >= padding && column - padding < input
    };
    let mut stretches: Vec<Stretch> = Vec::new();
    for x in 0..output {
        let taps: Vec<_> = (0..geometry.size.1).filter(|&tap| is_inside(x, tap)).collect();
        match stretches.last_mut() {
            Some(last) if last.taps == taps => last.end = x + 1,
            _ => stretches.push(Stretch { start: x, end: x + 1, taps }),
        }
    }
    stretches
}

/// # Safety
/// The contract of [`Lanes`]; nobody else writes the task's lines.
#[inline(always)]
unsafe fn run<L: Lanes>(job: Job<'_>, task: Task) {
    // SAFETY: the caller's.
    unsafe {
        match (task.blocks, job.geometry.stride.1) {
            (1, 1) => lines::<L, 1, 1>(job, task),
            (1, _) => lines::<L, 1, 2>(job, task),
            (_, 1) => lines::<L, 2, 1>(job, task),
            (_, _) => lines::<L, 2, 2>(job, task),
        }
    }
}

/// # Safety
/// As [`run`].
#[inline(always)]
unsafe fn lines<L: Lanes, const N: usize, const STEP: usize>(job: Job<'_>, task: Task) {
    let size = job.geometry.size;
    let mut runs = Vec::with_capacity(job.sources.len() * size.0 * size.1);
    for y in task.row..task.row + task.rows {
        for stretch in job.stretches {
            runs.clear();
            runs_of(job, task, y, stretch, &mut runs);
            for (first, count) in stretches(stretch.end - stretch.start, L::ROWS) {
                let pixel = y * job.output.width + stretch.start + first;
                // SAFETY: a stretch's taps lie inside the map for all of its columns, so every line that a run reads is
                // one of its source; the lines written are the task's own.
                unsafe {
                    let (block, panel) = (job.input.block_len(), panel(job.geometry));
                    let sink = Pixels { job, task, pixel };
                    multiply::rows::<L, N, STEP>((first, count), &runs, block, panel, &sink);
                }
            }
        }
    }
}

/// Where the sums of one row go, from a pixel on.
struct Pixels<'a> {
    job: Job<'a>,
    task: Task,
    pixel: usize,
}

impl<L: Lanes, const N: usize> Sink<L, N> for Pixels<'_> {
    #[inline(always)]
    unsafe fn take(&self, row: usize, sums: [L; N]) {
        let Self { job, task, pixel } = self;
        for (n, sum) in sums.into_iter().enumerate() {
            let block = task.image * job.output.blocks() + task.block + n;
            let at = block * job.output.block_len() + (pixel + row) * LANES;
            let residual = job.residual.map(|map| map.values().as_ptr().wrapping_add(at));
            // SAFETY: the caller's; the line is the task's own, and the residual is as large as the output.
            unsafe { job.finish.apply(task.block + n, sum, residual).store(job.to.at(at, LANES)) };
        }
    }
}

/// Values of all weights of 16 outputs.
fn panel(geometry: &Geometry) -> usize {
    geometry.size.0 * geometry.size.1 * geometry.inputs * LANES
}

/// What is added up for the first column of `stretch` in row `y` of the output.
fn runs_of(job: Job<'_>, task: Task, y: usize, stretch: &Stretch, runs: &mut Vec<Run>) {
    let Geometry { inputs, size, stride, dilation, .. } = *job.geometry;
    let padding = job.geometry.padding();
    let mut channel = 0;
    for source in job.sources {
        let channels = source.shape().channels;
        let image = task.image * source.shape().blocks() * job.input.block_len();
        for row in 0..size.0 {
            let Some(line) = (y * stride.0 + row * dilation).checked_sub(padding.0) else {
                continue;
            };
            if line >= job.input.height {
                continue;
            }
            for &column in &stretch.taps {
                let x = stretch.start * stride.1 + column * dilation - padding.1;
                let pixel = line * job.input.width + x;
                let tap = row * size.1 + column;
                let weights = task.block * panel(job.geometry) + (tap * inputs + channel) * LANES;
                runs.push(Run {
                    input: source.values()[image + pixel * LANES..].as_ptr(),
                    weights: job.weights[weights..].as_ptr(),
                    channels,
                });
            }
        }
        channel += channels;
    }
}
