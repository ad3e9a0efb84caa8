//! A line widened on all sides, with round corners.

use std::f64::consts::PI;

use super::{borders::Pixel, rectangle::Quadrilateral};

/// How far a round corner's chords may be from its arc, in pixels.
const ARC_TOLERANCE: f64 = 0.25;

/// Points around `corners` at a distance of `ratio` times their area over their circumference, in whole pixels.
///
/// What [Clipper](https://www.angusj.com/clipper2/Docs/Overview.htm) gives for whole-numbered corners and round joins,
/// as far as the convex hull of the points goes.
pub(super) fn widen(corners: &Quadrilateral, ratio: f64) -> Vec<Pixel> {
    let exact = corners.map(|corner| corner.map(f64::from));
    let edges = || (0..4).map(|index| (exact[index], exact[(index + 1) % 4]));
    let area: f64 = edges().map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0;
    let circumference: f64 = edges().map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum();
    let distance = area * ratio / circumference;

    let mut whole: Vec<[f64; 2]> = exact.iter().map(|corner| corner.map(f64::trunc)).collect();
    whole.dedup();
    if whole.len() > 1 && whole.first() == whole.last() {
        whole.pop();
    }
    if whole.len() < 3 || !distance.is_finite() {
        return Vec::new();
    }
    let around = |index: usize| (whole[index], whole[(index + 1) % whole.len()]);
    let turned: f64 = (0..whole.len()).map(around).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    if turned < 0.0 {
        whole.reverse();
    }

    let chords = (PI / (1.0 - ARC_TOLERANCE / distance).acos()).min(distance * PI);
    let (sin, cos) = (2.0 * PI / chords).sin_cos();
    let normal = |index: usize| {
        let (a, b) = (whole[index], whole[(index + 1) % whole.len()]);
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        [(b[1] - a[1]) / length, (a[0] - b[0]) / length]
    };
    let mut points = Vec::new();
    for (index, corner) in whole.iter().enumerate() {
        let mut push = |normal: [f64; 2]| {
            points
                .push(rounded(corner[0] + normal[0] * distance, corner[1] + normal[1] * distance));
        };
        let (before, after) = (normal((index + whole.len() - 1) % whole.len()), normal(index));
        let sine = before[0] * after[1] - after[0] * before[1];
        let cosine = before[0] * after[0] + before[1] * after[1];
        if (sine * distance).abs() < 1.0 && cosine > 0.0 {
            push(before);
            continue;
        }
        if sine * distance < 0.0 {
            // A corner that points inwards: the hull passes it by.
            push(before);
            push(after);
            continue;
        }
        let angle = sine.clamp(-1.0, 1.0).atan2(cosine);
        let steps = (chords / (2.0 * PI) * angle.abs()).round().max(1.0);
        let mut step = 0.0;
        let mut normal = before;
        while step < steps {
            push(normal);
            normal = [normal[0] * cos - sin * normal[1], normal[0] * sin + normal[1] * cos];
            step += 1.0;
        }
        push(after);
    }
    // The peer's outline begins at the right end of its upper edge.
    if let Some(first) =
        (0..points.len()).min_by_key(|&index| (points[index][1], -points[index][0]))
    {
        points.rotate_left(first);
    }
    points
}

#[expect(clippy::cast_possible_truncation, reason = "a few pixels outside the map")]
fn rounded(x: f64, y: f64) -> Pixel {
    // Halves away from zero, as Clipper rounds.
    [x.round() as i32, y.round() as i32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_that_clipper_gives() {
        // 49 by 18: 1.260642 * 882 / 134 = 8.3, for which pyclipper 1.4.0 gives these.
        let corners = [[1.9, 2.2], [50.7, 2.0], [50.0, 20.9], [1.0, 20.0]];
        let exact = |corner: [f32; 2]| corner.map(f64::from);
        let (mut area, mut circumference) = (0.0, 0.0);
        for index in 0..4 {
            let (a, b) = (exact(corners[index]), exact(corners[(index + 1) % 4]));
            area += (a[0] * b[1] - b[0] * a[1]) / 2.0;
            circumference += (a[0] - b[0]).hypot(a[1] - b[1]);
        }
        let mut points = widen(&corners, 8.3 * circumference / area);
        let mut expected = vec![
            [54, -5],
            [57, -3],
            [58, 2],
            [58, 20],
            [57, 24],
            [55, 27],
            [50, 28],
            [1, 28],
            [-3, 27],
            [-6, 25],
            [-7, 20],
            [-7, 2],
            [-6, -2],
            [-4, -5],
            [1, -6],
            [50, -6],
        ];
        points.sort_unstable();
        points.dedup();
        expected.sort_unstable();
        assert_eq!(points, expected);
    }

    #[test]
    fn corners_that_fall_together_widen_to_nothing() {
        assert!(widen(&[[1.0, 1.0]; 4], 1.6).is_empty());
        assert!(widen(&[[1.0, 1.0], [9.0, 1.0], [9.0, 1.0], [1.0, 1.0]], 1.6).is_empty());
    }
}
