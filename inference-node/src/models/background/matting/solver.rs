//! Conjugate gradients, with a preconditioner.

use std::time::Instant;

use super::{laplacian::Laplacian, preconditioner::Factor};

/// What may be left of the right side, relative to it.
const TOLERANCE: f64 = 1e-6;
/// How many steps are made between two looks at the clock.
const STEPS_PER_LOOK: usize = 16;

/// Solves `system`, in so many steps and until then, or not at all.
pub(super) fn solve(system: &Laplacian, steps: usize, until: Instant) -> Option<Vec<f64>> {
    let count = system.right.len();
    let mut solution = vec![0.0; count];
    let goal = TOLERANCE * norm(&system.right);
    if goal == 0.0 {
        return Some(solution);
    }
    let factor = Factor::of(system)?;
    let mut rest = system.right.clone();
    let mut nearer = vec![0.0; count];
    factor.solve(&rest, &mut nearer);
    let mut direction = nearer.clone();
    let mut product = vec![0.0; count];
    let mut before = dot(&rest, &nearer);
    for step in 0..steps {
        if step % STEPS_PER_LOOK == 0 && Instant::now() > until {
            return None;
        }
        system.times(&direction, &mut product);
        let along = before / dot(&direction, &product);
        add(&mut solution, along, &direction);
        add(&mut rest, -along, &product);
        if norm(&rest) <= goal {
            return Some(solution);
        }
        factor.solve(&rest, &mut nearer);
        let after = dot(&rest, &nearer);
        let turn = after / before;
        for (direction, nearer) in direction.iter_mut().zip(&nearer) {
            *direction = nearer + turn * *direction;
        }
        before = after;
    }
    None
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

/// Adds so much of `other`.
fn add(values: &mut [f64], much: f64, other: &[f64]) {
    for (value, other) in values.iter_mut().zip(other) {
        *value += much * other;
    }
}
