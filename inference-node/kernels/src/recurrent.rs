//! A [long short-term memory](https://doi.org/10.1162/neco.1997.9.8.1735) that reads a line in both directions.
//!
//! What it takes from the line itself is a convolution of 1x1, done before for all steps at once; here is only what
//! each step takes from the one before.

use rayon::prelude::*;

use crate::{
    Kernel,
    exponential::{sigmoid, tanh},
    lanes::{LANES, Lanes, on_lanes},
    map::{Map, Shape},
    threads::Shared,
};

/// Gates of a cell: input, forget, cell, output.
const GATES: usize = 4;
/// Blocks of gates whose sums are in registers at once.
const TOGETHER: usize = 4;

/// Both directions' weights.
pub struct Lstm {
    hidden: usize,
    /// `[direction][hidden][4 * hidden]`.
    weights: Vec<f32>,
    kernel: Kernel,
}

#[derive(Clone, Copy)]
struct Job<'a> {
    lstm: &'a Lstm,
    gates: Map<'a>,
    to: Shared,
}

impl Lstm {
    /// The cell with `hidden` units and the recurrent weights `[4 * hidden, hidden]` of each direction, gates in the
    /// order input, forget, cell, output.
    ///
    /// # Panics
    /// If there are not so many weights, or if `hidden` is not a multiple of 16.
    #[must_use]
    pub fn new(hidden: usize, kernel: Kernel, forward: &[f32], backward: &[f32]) -> Self {
        assert!(hidden > 0 && hidden.is_multiple_of(LANES), "{hidden} hidden units");
        let mut weights = Vec::with_capacity(2 * GATES * hidden * hidden);
        for direction in [forward, backward] {
            assert_eq!(direction.len(), GATES * hidden * hidden, "recurrent weights");
            for unit in 0..hidden {
                weights.extend((0..GATES * hidden).map(|gate| direction[gate * hidden + unit]));
            }
        }
        Self { hidden, weights, kernel }
    }

    /// How many units each direction has.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Writes the whole of `output`, `2 * hidden` channels of one row: forward, then backward.
    ///
    /// `gates` has `2 * 4 * hidden` channels: what each direction's gates take from the line, bias included.
    ///
    /// # Panics
    /// If `gates` or `output` has another shape.
    pub fn run(&self, gates: Map<'_>, output: &mut [f32]) {
        let shape = gates.shape();
        assert_eq!(
            (shape.channels, shape.height),
            (2 * GATES * self.hidden, 1),
            "the gates' shape"
        );
        let to = Shape { channels: 2 * self.hidden, ..shape };
        assert_eq!(output.len(), to.blocked_len(), "values of the output {to:?}");
        let job = Job { lstm: self, gates, to: Shared::new(output) };
        (0..2 * shape.batch).into_par_iter().for_each(|line| {
            // SAFETY: the kernel is one of this processor; each task writes its own direction of its own image.
            unsafe { on_lanes!(self.kernel, line_of(job: Job<'_>, line: usize)) };
        });
    }
}

/// # Safety
/// The contract of [`Lanes`]; nobody else writes this direction of this image.
#[inline(always)]
unsafe fn line_of<L: Lanes>(job: Job<'_>, line: usize) {
    let (image, direction) = (line / 2, line % 2);
    let hidden = job.lstm.hidden;
    let (units, steps) = (hidden / LANES, job.gates.shape().width);
    let block_len = steps * LANES;
    let gates = &job.gates.values()[(image * 2 + direction) * GATES * units * block_len..];
    let weights =
        &job.lstm.weights[direction * hidden * GATES * hidden..][..hidden * GATES * hidden];
    let output = (image * 2 + direction) * units * block_len;

    let (mut state, mut cell) = (vec![0.0_f32; hidden], vec![0.0_f32; hidden]);
    let mut sums = vec![0.0_f32; GATES * hidden];
    for step in 0..steps {
        let step = if direction == 0 { step } else { steps - 1 - step };
        for first in (0..GATES * units).step_by(TOGETHER) {
            // SAFETY: `GATES * units` is a multiple of `TOGETHER`, so blocks, weights and sums are inside their slices.
            unsafe {
                let mut together = [L::splat(0.0); TOGETHER];
                for (n, sum) in together.iter_mut().enumerate() {
                    *sum =
                        L::load(gates[(first + n) * block_len + step * LANES..][..LANES].as_ptr());
                }
                for (unit, &value) in state.iter().enumerate() {
                    let value = L::splat(value);
                    let line = weights.as_ptr().add(unit * GATES * hidden + first * LANES);
                    for (n, sum) in together.iter_mut().enumerate() {
                        *sum = value.mul_add(L::load(line.add(n * LANES)), *sum);
                    }
                }
                for (n, sum) in together.into_iter().enumerate() {
                    sum.store(sums[(first + n) * LANES..][..LANES].as_mut_ptr());
                }
            }
        }
        let (input, rest) = sums.split_at(hidden);
        let (forget, rest) = rest.split_at(hidden);
        let (new, out) = rest.split_at(hidden);
        for unit in 0..hidden {
            cell[unit] =
                sigmoid(forget[unit]) * cell[unit] + sigmoid(input[unit]) * tanh(new[unit]);
            state[unit] = sigmoid(out[unit]) * tanh(cell[unit]);
        }
        for (unit, values) in state.chunks_exact(LANES).enumerate() {
            let to = job.to.at(output + unit * block_len + step * LANES, LANES);
            // SAFETY: the line is this task's own, and `values` are 16.
            unsafe { L::load(values.as_ptr()).store(to) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{block, unblock};

    /// Numbers between -0.5 and 0.5 that follow no pattern.
    fn numbers(count: usize, salt: usize) -> Vec<f32> {
        let number = |index| u16::try_from((index * 7919 + salt * 104_729) % 997).unwrap();
        (0..count).map(|index| f32::from(number(index)) / 997.0 - 0.5).collect()
    }

    #[test]
    fn every_kernel_gives_what_the_definition_gives_step_by_step() {
        const HIDDEN: usize = 32;
        let shape = Shape { batch: 3, channels: 8 * HIDDEN, height: 1, width: 9 };
        let weights = [numbers(4 * HIDDEN * HIDDEN, 1), numbers(4 * HIDDEN * HIDDEN, 2)];
        let gates = numbers(shape.planar_len(), 3);
        let to = Shape { channels: 2 * HIDDEN, ..shape };
        let mut expected = vec![0.0; to.planar_len()];
        let gate = |x: f32| 1.0 / (1.0 + (-x).exp());
        for (image, direction) in (0..3).flat_map(|image| [(image, 0), (image, 1)]) {
            let (mut state, mut cell) = ([0.0_f32; HIDDEN], [0.0_f32; HIDDEN]);
            for step in 0..9 {
                let step = if direction == 0 { step } else { 8 - step };
                let sum = |row: usize| {
                    let own = gates[((image * 2 + direction) * 4 * HIDDEN + row) * 9 + step];
                    let weights = &weights[direction][row * HIDDEN..][..HIDDEN];
                    own + weights
                        .iter()
                        .zip(&state)
                        .map(|(weight, value)| weight * value)
                        .sum::<f32>()
                };
                let sums: Vec<f32> = (0..4 * HIDDEN).map(sum).collect();
                for unit in 0..HIDDEN {
                    let [input, forget, new, out] =
                        [0, 1, 2, 3].map(|gate| sums[gate * HIDDEN + unit]);
                    cell[unit] = gate(forget) * cell[unit] + gate(input) * new.tanh();
                    state[unit] = gate(out) * cell[unit].tanh();
                    expected[((image * 2 + direction) * HIDDEN + unit) * 9 + step] = state[unit];
                }
            }
        }
        let mut blocked = vec![0.0; shape.blocked_len()];
        block(shape, &gates, &mut blocked);
        for kernel in Kernel::all() {
            let mut output = vec![f32::NAN; to.blocked_len()];
            Lstm::new(HIDDEN, kernel, &weights[0], &weights[1])
                .run(Map::new(shape, &blocked), &mut output);
            let mut planar = vec![0.0; to.planar_len()];
            unblock(to, &output, &mut planar);
            for (ours, theirs) in planar.iter().zip(&expected) {
                assert!((ours - theirs).abs() < 1e-5, "{kernel}: {ours} {theirs}");
            }
        }
    }
}
