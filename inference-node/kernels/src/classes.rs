//! The likeliest of many classes, and how likely it is, without writing down all the others' probabilities.

use rayon::prelude::*;

use crate::{
    Kernel,
    exponential::exp,
    lanes::{LANES, Lanes, on_lanes},
    map::Map,
};

/// The likeliest class of one pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// Which; the first of several that are equally likely.
    pub class: usize,
    /// Its share of the softmax over all classes.
    pub probability: f32,
}

/// For each pixel, row by row and image by image, the likeliest of the classes whose logits are its channels.
#[must_use]
pub fn likeliest(kernel: Kernel, logits: Map<'_>) -> Vec<Best> {
    let shape = logits.shape();
    let mut best = vec![Best { class: 0, probability: 0.0 }; shape.batch * shape.pixels()];
    best.par_iter_mut().enumerate().with_min_len(8).for_each(|(pixel, best)| {
        // SAFETY: the kernel is one of this processor.
        unsafe { on_lanes!(kernel, find(logits: Map<'_>, pixel: usize, best: &mut Best)) };
    });
    best
}

/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
unsafe fn find<L: Lanes>(logits: Map<'_>, pixel: usize, found: &mut Best) {
    let shape = logits.shape();
    let (image, pixel) = (pixel / shape.pixels(), pixel % shape.pixels());
    let start = image * shape.blocks() * shape.block_len() + pixel * LANES;
    let line = |block: usize| -> &[f32; LANES] {
        logits.values()[start + block * shape.block_len()..]
            .first_chunk()
            .expect("a line has 16 values")
    };
    // The last block may have lanes that are no classes.
    let whole = shape.channels / LANES;
    let rest = shape.channels % LANES;

    let mut most = [f32::NEG_INFINITY; LANES];
    let mut blocks = [0_u32; LANES];
    for block in 0..whole {
        #[expect(clippy::cast_possible_truncation, reason = "a map has fewer channels")]
        let number = block as u32;
        for ((most, at), &value) in most.iter_mut().zip(&mut blocks).zip(line(block)) {
            let is_more = value > *most;
            *most = if is_more { value } else { *most };
            *at = if is_more { number } else { *at };
        }
    }
    let mut best = (f32::NEG_INFINITY, usize::MAX);
    for (lane, (&value, &block)) in most.iter().zip(&blocks).enumerate() {
        let class = block as usize * LANES + lane;
        if value > best.0 || (value >= best.0 && class < best.1) {
            best = (value, class);
        }
    }
    for (lane, &value) in line_rest(line, whole, rest).iter().enumerate() {
        if value > best.0 {
            best = (value, whole * LANES + lane);
        }
    }

    let (most, class) = best;
    let mut sums = [0.0; LANES];
    for block in 0..whole {
        for (sum, &value) in sums.iter_mut().zip(line(block)) {
            *sum += exp(value - most);
        }
    }
    let rest: f32 = line_rest(line, whole, rest).iter().map(|&value| exp(value - most)).sum();
    *found = Best { class, probability: 1.0 / (sums.iter().sum::<f32>() + rest) };
}

/// The classes in the block after the whole ones, if there is such a block.
#[inline(always)]
fn line_rest<'a>(line: impl Fn(usize) -> &'a [f32; LANES], whole: usize, rest: usize) -> &'a [f32] {
    if rest == 0 { &[] } else { &line(whole)[..rest] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{Shape, block};

    #[test]
    fn the_likeliest_class_and_its_share_of_the_softmax_are_found() {
        for channels in [1, 5, 16, 33, 100] {
            let shape = Shape { batch: 2, channels, height: 1, width: 7 };
            // Negative, so that a lane without a class would win if it were looked at.
            let values: Vec<f32> = (0..shape.planar_len())
                .map(|index| -1.0 - f32::from(u8::try_from(index * 7919 % 101).unwrap()) / 10.0)
                .collect();
            let mut blocked = vec![0.0; shape.blocked_len()];
            block(shape, &values, &mut blocked);
            for kernel in Kernel::all() {
                let best = likeliest(kernel, Map::new(shape, &blocked));
                for (pixel, best) in best.iter().enumerate() {
                    let (image, x) = (pixel / 7, pixel % 7);
                    let logits: Vec<f32> = (0..channels)
                        .map(|channel| values[(image * channels + channel) * 7 + x])
                        .collect();
                    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let total: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
                    assert_eq!(
                        Some(best.class),
                        logits.iter().position(|logit| logit.to_bits() == most.to_bits()),
                        "{kernel}"
                    );
                    assert!((best.probability - 1.0 / total).abs() < 1e-6, "{kernel}");
                }
            }
        }
    }
}
