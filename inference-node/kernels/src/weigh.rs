//! Weighted sums of rows of bytes, in fixed point: what resizing an image is made of.

use crate::kernel::{Kernel, Set};

/// Weights are multiples of 2^-22, so that a sum of bytes fits 32 bits with two to spare.
pub const FRACTION_BITS: u32 = 32 - 8 - 2;

/// Writes the whole of `output`: the first rows of `source`, each as long as `output` and multiplied with its weight,
/// added up, as the nearest bytes. On every kernel the result is the same.
///
/// # Panics
/// If there are fewer rows than weights.
pub fn rows(kernel: Kernel, source: &[u8], weights: &[i32], output: &mut [u8]) {
    assert!(source.len() >= output.len() * weights.len(), "a row for each of the weights");
    match kernel.set() {
        // SAFETY: the kernel exists only where AVX2 does, which every processor with AVX-512 has too.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 | Set::Avx2 => unsafe { avx2(source, weights, output) },
        _ => portable(source, weights, output),
    }
}

/// The same, with the multiplication of eight 32-bit numbers that plain x86-64 lacks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(source: &[u8], weights: &[i32], output: &mut [u8]) {
    portable(source, weights, output);
}

#[inline(always)]
fn portable(source: &[u8], weights: &[i32], output: &mut [u8]) {
    let done = columns::<64>(source, weights, output, 0);
    let done = columns::<16>(source, weights, output, done);
    columns::<1>(source, weights, output, done);
}

/// Writes `N` bytes at a time, whose sums stay in registers, as long as there are so many after `begin`; the rest begins
/// where it says.
#[inline(always)]
fn columns<const N: usize>(
    source: &[u8],
    weights: &[i32],
    output: &mut [u8],
    begin: usize,
) -> usize {
    let row = output.len();
    let mut at = begin;
    for output in output[begin..].as_chunks_mut::<N>().0 {
        let mut sums = [1 << (FRACTION_BITS - 1); N];
        for (values, weight) in source.chunks_exact(row).zip(weights) {
            let Some(values) = values[at..].first_chunk::<N>() else { break };
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += i32::from(value) * weight;
            }
        }
        *output = sums.map(|sum| (sum >> FRACTION_BITS).clamp(0, 255).to_le_bytes()[0]);
        at += N;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the definition says, in 64 bits.
    fn expected(source: &[u8], weights: &[i32], row: usize) -> Vec<u8> {
        let sum = |x: usize| {
            let products = weights.iter().zip(source.chunks_exact(row));
            let sum: i64 =
                products.map(|(weight, row)| i64::from(row[x]) * i64::from(*weight)).sum();
            let nearest = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
            u8::try_from(nearest.clamp(0, 255)).unwrap()
        };
        (0..row).map(sum).collect()
    }

    proptest! {
        #[test]
        fn every_kernel_sums_as_the_definition_says(
            row in 1_usize..200,
            shares in prop::collection::vec(-0.3_f64..1.0, 1..12),
            seed in any::<u64>(),
        ) {
            // As a filter's: they add up to 1, and some are negative.
            let total: f64 = shares.iter().map(|share| share.abs()).sum::<f64>().max(1.0);
            #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
            let weight = |share: &f64| (share / total * f64::from(1 << FRACTION_BITS)) as i32;
            let weights: Vec<_> = shares.iter().map(weight).collect();
            let mut state = seed;
            let source: Vec<u8> = (0..row * weights.len())
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    state.to_be_bytes()[0]
                })
                .collect();
            for kernel in Kernel::all() {
                let mut output = vec![7; row];
                rows(kernel, &source, &weights, &mut output);
                prop_assert_eq!(&output, &expected(&source, &weights, row), "{}", kernel);
            }
        }
    }
}
