//! Bilinear resizing with half-pixel centres, as ONNX's `Resize` (`linear`, `half_pixel`) and `PyTorch` without aligned
//! corners do it.

use rayon::prelude::*;

use crate::{
    lanes::LANES,
    map::{Map, Shape},
};

/// Where a row or column of the output lies between two of the source.
#[derive(Clone, Copy)]
struct Between {
    first: usize,
    second: usize,
    /// How far on the way from the first to the second, from 0 to 1.
    share: f32,
}

/// Writes the whole of `output`: the blocked map `source` at `height` and `width`.
///
/// # Panics
/// If `output` has another length than a map of that size.
pub fn bilinear(source: Map<'_>, (height, width): (usize, usize), output: &mut [f32]) {
    let from = source.shape();
    let to = Shape { height, width, ..from };
    assert_eq!(output.len(), to.blocked_len(), "values of the resized map {to:?}");
    let (rows, columns) = (betweens(from.height, height), betweens(from.width, width));
    let lines = output.par_chunks_exact_mut(width * LANES).enumerate();
    lines.with_min_len(8).for_each_init(
        || vec![0.0; from.width * LANES],
        |between, (index, line)| {
            let (block, row) = (index / height, rows[index % height]);
            let source_line = |y: usize| {
                let start = block * from.block_len() + y * from.width * LANES;
                &source.values()[start..start + from.width * LANES]
            };
            mix(source_line(row.first), source_line(row.second), row.share, between);
            for (pixel, column) in line.as_chunks_mut::<LANES>().0.iter_mut().zip(&columns) {
                let first = &between[column.first * LANES..][..LANES];
                let second = &between[column.second * LANES..][..LANES];
                mix(first, second, column.share, pixel);
            }
        },
    );
}

/// A plane and what it counts.
#[derive(Clone, Copy)]
pub struct Weighted<'a> {
    /// Its values, row by row.
    pub plane: &'a [f32],
    /// Its height and width.
    pub size: (usize, usize),
    /// What it is multiplied with.
    pub weight: f32,
}

/// Writes the whole of `output`: all `planes` at `(height, width)`, multiplied with their weights and added up, with
/// `bias`; and of that, the [logistic function](https://en.wikipedia.org/wiki/Logistic_function).
///
/// # Panics
/// If a slice is not as long as its size says.
pub fn sigmoid_of_sum(
    planes: &[Weighted<'_>],
    bias: f32,
    (height, width): (usize, usize),
    output: &mut [f32],
) {
    assert_eq!(output.len(), height * width, "values of a plane of {height}x{width}");
    let planes: Vec<_> = planes
        .iter()
        .map(|plane| {
            assert_eq!(plane.plane.len(), plane.size.0 * plane.size.1, "values of a plane");
            (plane, betweens(plane.size.0, height), betweens(plane.size.1, width))
        })
        .collect();
    output.par_chunks_exact_mut(width).enumerate().with_min_len(16).for_each_init(
        Vec::new,
        |between, (y, line)| {
            line.fill(bias);
            for (Weighted { plane, size, weight }, rows, columns) in &planes {
                let row = |y: usize| &plane[y * size.1..][..size.1];
                between.resize(size.1, 0.0);
                mix(row(rows[y].first), row(rows[y].second), rows[y].share, between);
                for (value, column) in line.iter_mut().zip(columns) {
                    let (first, second) = (between[column.first], between[column.second]);
                    *value += weight * (first + (second - first) * column.share);
                }
            }
            for value in line {
                *value = 1.0 / (1.0 + (-*value).exp());
            }
        },
    );
}

fn mix(first: &[f32], second: &[f32], share: f32, output: &mut [f32]) {
    for ((value, first), second) in output.iter_mut().zip(first).zip(second) {
        *value = first + (second - first) * share;
    }
}

fn betweens(from: usize, to: usize) -> Vec<Between> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sides of images, and never below zero"
    )]
    let between = |index: usize| {
        let position = ((index as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let first = (position as usize).min(from - 1);
        let share = (position - first as f64) as f32;
        Between { first, second: (first + 1).min(from - 1), share }
    };
    (0..to).map(between).collect()
}
