//! The inner loop of every convolution: rows of 16-channel lines times weights, with all sums in registers.

use crate::lanes::{LANES, Lanes};

/// A stretch of channels that is added to the sums.
///
/// Lines of 16 channels stand `block` values apart in the input; the weights are `[channels][16]`, and those of the
/// next 16 outputs stand `panel` values further on.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) input: *const f32,
    pub(crate) weights: *const f32,
    pub(crate) channels: usize,
}

/// Takes the sums of a row. A trait and no closure, because only a method can be told to be inlined.
pub(crate) trait Sink<L, const N: usize> {
    /// `sums` are those of row `row` of the rows asked for, one of each block of outputs.
    ///
    /// # Safety
    /// The contract of [`Lanes`].
    unsafe fn take(&self, row: usize, sums: [L; N]);
}

/// Gives `sink` each of `count` rows: the sums over all `runs`, for `N` blocks of outputs.
///
/// Row `t` reads its input `t * STEP` lines after the run's `first` one. `count` is at most [`Lanes::ROWS`].
///
/// # Safety
/// The contract of [`Lanes`]; every run's input and weights are as long as `count`, `block` and `panel` make them.
#[inline(always)]
pub(crate) unsafe fn rows<L: Lanes, const N: usize, const STEP: usize>(
    (first, count): (usize, usize),
    runs: &[Run],
    block: usize,
    panel: usize,
    sink: &impl Sink<L, N>,
) {
    macro_rules! of {
        ($($count:literal)*) => {
            match count {
                // SAFETY: the caller's, handed on.
                $($count if const { $count <= L::ROWS } => unsafe {
                    sums::<L, $count, N, STEP>(first * STEP * LANES, runs, block, panel, sink);
                },)*
                _ => unreachable!("rows are split by `Lanes::ROWS`"),
            }
        };
    }
    of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn sums<L: Lanes, const T: usize, const N: usize, const STEP: usize>(
    start: usize,
    runs: &[Run],
    block: usize,
    panel: usize,
    sink: &impl Sink<L, N>,
) {
    // SAFETY: the caller's: lanes are there, and runs are as long as they say.
    unsafe {
        let mut sums = [[L::splat(0.0); N]; T];
        for &Run { input, mut weights, channels } in runs {
            let mut input = input.wrapping_add(start);
            let mut left = channels;
            while left > 0 {
                let here = left.min(LANES);
                for channel in 0..here {
                    let line = weights.add(channel * LANES);
                    let mut factors = [L::splat(0.0); N];
                    for (n, factors) in factors.iter_mut().enumerate() {
                        *factors = L::load(line.add(n * panel));
                    }
                    for (t, sums) in sums.iter_mut().enumerate() {
                        let value = L::splat(*input.add(t * STEP * LANES + channel));
                        for (sum, factors) in sums.iter_mut().zip(factors) {
                            *sum = value.mul_add(factors, *sum);
                        }
                    }
                }
                left -= here;
                input = input.wrapping_add(block);
                weights = weights.wrapping_add(LANES * LANES);
            }
        }
        for (t, sums) in sums.into_iter().enumerate() {
            sink.take(t, sums);
        }
    }
}

/// Splits `count` rows into stretches of at most `most`, as even as they go: `(start, length)`.
pub(crate) fn stretches(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most).max(1);
    let (length, longer) = (count / parts, count % parts);
    (0..parts).map(move |part| {
        let start = part * length + part.min(longer);
        (start, length + usize::from(part < longer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_all_rows_once_and_evenly() {
        for count in 0..100 {
            let mut next = 0;
            for (start, length) in stretches(count, 14) {
                assert_eq!(start, next);
                assert!(length <= 14 && (count == 0 || length * 2 > 14.min(count) - 1));
                next = start + length;
            }
            assert_eq!(next, count);
        }
    }
}
