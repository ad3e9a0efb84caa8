//! How likely all of a region is text.

use super::rectangle::Quadrilateral;

/// The mean of `values`, a map of `width` columns, over the pixels inside `corners` and on their edges.
pub(super) fn mean_inside(values: &[f32], width: usize, corners: &Quadrilateral) -> f64 {
    let height = values.len() / width.max(1);
    let xs = corners.map(|corner| corner[0]);
    let ys = corners.map(|corner| corner[1]);
    let (left, right) = (within(least(xs).floor(), width), within(most(xs).ceil(), width));
    let (top, bottom) = (within(least(ys).floor(), height), within(most(ys).ceil(), height));
    // Whole pixels of the box around the corners.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "sides of images"
    )]
    let whole = corners.map(|[x, y]| [(x - left as f32) as i32, (y - top as f32) as i32]);

    let mut rows = vec![(i32::MAX, i32::MIN); bottom - top + 1];
    for index in 0..4 {
        edge(whole[index], whole[(index + 1) % 4], &mut rows);
    }
    let last = i32::try_from(right - left).unwrap_or(i32::MAX);
    let (mut sum, mut count) = (0.0, 0_u32);
    for (row, (first, end)) in rows.into_iter().enumerate() {
        let start = (top + row) * width + left;
        for column in first.max(0)..=end.min(last) {
            sum += f64::from(values[start + column.unsigned_abs() as usize]);
            count += 1;
        }
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// Widens each row's stretch to the pixels of the edge from `a` to `b`.
fn edge(a: [i32; 2], b: [i32; 2], rows: &mut [(i32, i32)]) {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let steps = dx.abs().max(dy.abs());
    for step in 0..=steps {
        let along = |from: i32, delta: i32| {
            if steps == 0 {
                return from;
            }
            let share = f64::from(delta) * f64::from(step) / f64::from(steps);
            #[expect(clippy::cast_possible_truncation, reason = "sides of images")]
            let moved = share.round() as i32;
            from + moved
        };
        let (x, y) = (along(a[0], dx), along(a[1], dy));
        if let Some((first, last)) = usize::try_from(y).ok().and_then(|y| rows.get_mut(y)) {
            *first = (*first).min(x);
            *last = (*last).max(x);
        }
    }
}

fn least(values: [f32; 4]) -> f32 {
    values.into_iter().fold(f32::INFINITY, f32::min)
}

fn most(values: [f32; 4]) -> f32 {
    values.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// `value` as an index below `len`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut off at both ends")]
fn within(value: f32, len: usize) -> usize {
    (value.max(0.0) as usize).min(len.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_region_counts_the_pixels_inside_and_on_its_edges() {
        // What OpenCV's fillPoly sets for these corners.
        let filled = "
            ................ .####........... .##########..... .##############. ###############.
            ###############. ##############.. ...###########.. .......#######.. ...........###..
            ................ ................";
        let values: Vec<f32> = filled
            .split_whitespace()
            .flat_map(str::chars)
            .map(|pixel| f32::from(u8::from(pixel == '#')))
            .collect();
        let corners = [[1.0, 1.0], [14.0, 3.0], [13.0, 9.0], [0.0, 6.0]];
        assert!((mean_inside(&values, 16, &corners) - 1.0).abs() < 1e-9);
        let inverse: Vec<f32> = values.iter().map(|value| 1.0 - value).collect();
        assert!(mean_inside(&inverse, 16, &corners) < 1e-9);
    }

    #[test]
    fn what_lies_outside_the_map_does_not_count() {
        let mean =
            mean_inside(&[0.5; 12], 4, &[[-3.0, -3.0], [9.0, -3.0], [9.0, 9.0], [-3.0, 9.0]]);
        assert!((mean - 0.5).abs() < 1e-9);
    }
}
