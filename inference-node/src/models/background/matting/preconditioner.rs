//! An incomplete Cholesky factor: nearly the root of a system, in the places that the system itself has.

use super::laplacian::{LATER, Laplacian, NONE, OFFSETS};

/// By how much a diagonal is raised until a factor is found.
const SHIFTS: [f64; 6] = [0.0, 1e-3, 1e-2, 0.1, 0.5, 2.0];

/// A lower triangle, column by column.
pub(super) struct Factor<'a> {
    /// One by what is on the diagonal.
    inverse: Vec<f64>,
    later: Vec<[f64; LATER]>,
    rows: &'a [[u32; LATER]],
}

impl<'a> Factor<'a> {
    /// A factor of `system`; for a system that is none of ours there may be none.
    pub(super) fn of(system: &'a Laplacian) -> Option<Self> {
        SHIFTS.into_iter().find_map(|shift| Self::shifted(system, shift))
    }

    fn shifted(system: &'a Laplacian, shift: f64) -> Option<Self> {
        let places = places();
        let mut diagonal: Vec<f64> =
            system.diagonal.iter().map(|value| value * (1.0 + shift)).collect();
        let (mut later, rows) = (system.later.clone(), &system.rows[..]);
        for row in 0..diagonal.len() {
            let root = Some(diagonal[row]).filter(|value| *value > 1e-12)?.sqrt();
            let mut column = later[row];
            for (value, &other) in column.iter_mut().zip(&rows[row]) {
                *value = if other == NONE { 0.0 } else { *value / root };
            }
            for (first, &other) in rows[row].iter().enumerate() {
                if other == NONE {
                    continue;
                }
                let other = other as usize;
                diagonal[other] -= column[first] * column[first];
                for second in first + 1..LATER {
                    let product = column[first] * column[second];
                    let last = rows[row][second];
                    if last == NONE {
                        continue;
                    }
                    if let Some(place) = places[first][second] {
                        later[other][place] -= product;
                    } else {
                        // What has no place would be lost: the diagonal keeps the sum of its row.
                        diagonal[other] -= product;
                        diagonal[last as usize] -= product;
                    }
                }
            }
            (diagonal[row], later[row]) = (1.0 / root, column);
        }
        Some(Self { inverse: diagonal, later, rows })
    }

    /// Solves for what the factor is nearly the root of.
    pub(super) fn solve(&self, right: &[f64], solution: &mut [f64]) {
        solution.copy_from_slice(right);
        for (row, (column, rows)) in self.later.iter().zip(self.rows).enumerate() {
            solution[row] *= self.inverse[row];
            let value = solution[row];
            for (weight, &other) in column.iter().zip(rows) {
                if other != NONE {
                    solution[other as usize] -= weight * value;
                }
            }
        }
        for (row, (column, rows)) in self.later.iter().zip(self.rows).enumerate().rev() {
            let mut value = solution[row];
            for (weight, &other) in column.iter().zip(rows) {
                if other != NONE {
                    value -= weight * solution[other as usize];
                }
            }
            solution[row] = value * self.inverse[row];
        }
    }
}

/// Where the second of two offsets is, seen from the first; nowhere, if that is too far.
fn places() -> [[Option<usize>; LATER]; LATER] {
    OFFSETS.map(|(x, y)| {
        OFFSETS.map(|(other_x, other_y)| {
            OFFSETS.iter().position(|&offset| offset == (other_x - x, other_y - y))
        })
    })
}
