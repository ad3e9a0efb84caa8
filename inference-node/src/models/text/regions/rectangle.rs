//! The rectangle of least area around some pixels, at any angle.

use std::f64::consts::PI;

use super::borders::Pixel;

/// Four corners, each `[x, y]`.
pub type Quadrilateral = [[f32; 2]; 4];

/// The corners of the rectangle (top left, top right, bottom right, bottom left, as far as these words fit) and its
/// shorter side; `None` if there is nothing to go around.
///
/// Corners are cut down to whole pixels later, so that a millionth decides. The arithmetic is therefore that of the
/// peer: `f32`, the same order of steps, and the hull from the first of the `pixels` on.
pub(super) fn least_rectangle(pixels: &[Pixel]) -> Option<(Quadrilateral, f32)> {
    let hull = convex_hull(pixels);
    if hull.len() < 3 {
        // A rectangle of no width.
        let (first, last) = (*hull.first()?, *hull.last()?);
        return Some((in_order([first, last, last, first]), 0.0));
    }
    let rectangle = Calipers::around(&hull)?.turn();
    let side = rectangle.width.min(rectangle.height);
    Some((in_order(rectangle.corners()), side))
}

/// Two pairs of parallel lines that turn around a hull (Toussaint, *Solving geometric problems with the rotating
/// calipers*, 1983).
struct Calipers<'a> {
    hull: &'a [Point],
    /// From each corner of the hull to the next, and one over the length of that.
    edges: Vec<(Point, f32)>,
    /// The direction of the first line; the others follow by quarter turns.
    base: Point,
    /// The corner that each line leans on.
    supports: [usize; 4],
}

/// Sides and middle, and by how much it is turned, in degrees.
struct Rectangle {
    middle: Point,
    width: f32,
    height: f32,
    angle: f32,
}

type Point = [f32; 2];

impl<'a> Calipers<'a> {
    /// Level at first; `None` if the hull has no area.
    fn around(hull: &'a [Point]) -> Option<Self> {
        let edges: Vec<_> = (0..hull.len())
            .map(|index| {
                let (from, to) = (hull[index], hull[(index + 1) % hull.len()]);
                let edge = [to[0] - from[0], to[1] - from[1]];
                let [x, y] = edge.map(f64::from);
                (edge, narrow(1.0 / (x * x + y * y).sqrt()))
            })
            .collect();
        let turns = (0..hull.len()).map(|index| {
            let [before, after] = [(index + hull.len() - 1) % hull.len(), index]
                .map(|edge| edges[edge].0.map(f64::from));
            before[0] * after[1] - before[1] * after[0]
        });
        let sense = turns.into_iter().find(|turn| *turn != 0.0)?;
        let first_most = |measure: fn(&Point) -> f32| {
            (1..hull.len()).fold(0, |most, index| {
                if measure(&hull[index]) > measure(&hull[most]) { index } else { most }
            })
        };
        let supports = [
            first_most(|p| -p[1]),
            first_most(|p| p[0]),
            first_most(|p| p[1]),
            first_most(|p| -p[0]),
        ];
        Some(Self { hull, edges, base: [narrow(sense.signum()), 0.0], supports })
    }

    /// Once past every edge; of rectangles of the same area the last.
    fn turn(mut self) -> Rectangle {
        let (mut least, mut best) = (f32::INFINITY, None);
        for _ in 0..self.hull.len() {
            let cosine = |side: usize| {
                let (edge, scale) = self.edges[self.supports[side]];
                dot(quarter_turns(self.base, side), edge) * scale
            };
            let side =
                (1..4).fold(0, |most, side| if cosine(side) > cosine(most) { side } else { most });
            let ([x, y], scale) = self.edges[self.supports[side]];
            self.base = quarter_turns([x * scale, y * scale], 4 - side);
            self.supports[side] = (self.supports[side] + 1) % self.hull.len();

            let [width, height] = self.sides();
            if width * height <= least {
                (least, best) = (width * height, Some(self.rectangle()));
            }
        }
        best.unwrap_or_else(|| self.rectangle())
    }

    fn sides(&self) -> [f32; 2] {
        let between = |to: usize, from: usize| {
            let (to, from) = (self.hull[self.supports[to]], self.hull[self.supports[from]]);
            [to[0] - from[0], to[1] - from[1]]
        };
        [dot(between(1, 3), self.base), dot(between(2, 0), quarter_turns(self.base, 1))]
    }

    fn rectangle(&self) -> Rectangle {
        let [width, height] = self.sides();
        let [a, b] = self.base;
        // Where two of the lines meet.
        let along = dot(self.base, self.hull[self.supports[3]]);
        let across = dot(quarter_turns(self.base, 1), self.hull[self.supports[0]]);
        let scale = 1.0 / (a * a + b * b);
        let corner = [(along * a - across * b) * scale, (a * across + b * along) * scale];

        let (first, second) = ([a * width, b * width], [-b * height, a * height]);
        let length = |[x, y]: Point| {
            narrow((f64::from(x) * f64::from(x) + f64::from(y) * f64::from(y)).sqrt())
        };
        let angle = narrow(f64::from(first[1]).atan2(f64::from(first[0])));
        Rectangle {
            middle: [0, 1].map(|axis| corner[axis] + (first[axis] + second[axis]) * 0.5),
            width: length(first),
            height: length(second),
            angle: narrow(f64::from(angle) * 180.0 / PI),
        }
    }
}

impl Rectangle {
    fn corners(&self) -> Quadrilateral {
        let (sin, cos) = (f64::from(self.angle) * PI / 180.0).sin_cos();
        let (a, b) = (narrow(sin) * 0.5, narrow(cos) * 0.5);
        let Self { middle: [x, y], width, height, .. } = *self;
        let first = [x - a * height - b * width, y + b * height - a * width];
        let second = [x + a * height - b * width, y - b * height - a * width];
        let opposite = |corner: Point| [2.0 * x - corner[0], 2.0 * y - corner[1]];
        [first, second, opposite(first), opposite(second)]
    }
}

fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

fn quarter_turns([x, y]: Point, turns: usize) -> Point {
    match turns % 4 {
        0 => [x, y],
        1 => [-y, x],
        2 => [-x, -y],
        _ => [y, -x],
    }
}

/// The corners of the convex hull, without those on a straight edge, counter-clockwise on a screen and from the first of
/// the `pixels` on, if that is one; by Andrew's monotone chain.
fn convex_hull(pixels: &[Pixel]) -> Vec<Point> {
    let mut sorted = pixels.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    #[expect(clippy::cast_precision_loss, reason = "sides of images")]
    let exact = |pixel: Pixel| pixel.map(|value| value as f32);
    if sorted.len() < 3 {
        return sorted.into_iter().map(exact).collect();
    }
    let turn = |a: Pixel, b: Pixel, c: Pixel| {
        let [a, b, c] = [a, b, c].map(|pixel| pixel.map(i64::from));
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    };
    let half = |pixels: &mut dyn Iterator<Item = Pixel>| {
        let mut chain: Vec<Pixel> = Vec::new();
        for pixel in pixels {
            while let [.., a, b] = chain[..] {
                if turn(a, b, pixel) > 0 {
                    break;
                }
                chain.pop();
            }
            chain.push(pixel);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut sorted.iter().copied());
    hull.extend(half(&mut sorted.iter().rev().copied()));
    hull.reverse();
    let first = hull.iter().position(|corner| Some(corner) == pixels.first());
    hull.rotate_left(first.unwrap_or_default());
    hull.into_iter().map(exact).collect()
}

/// Of the two corners to the left the upper one first, then the two to the right, then the lower one.
fn in_order(mut corners: Quadrilateral) -> Quadrilateral {
    corners.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let [a, b, c, d] = corners;
    let (top_left, bottom_left) = if b[1] > a[1] { (a, b) } else { (b, a) };
    let (top_right, bottom_right) = if d[1] > c[1] { (c, d) } else { (d, c) };
    [top_left, top_right, bottom_right, bottom_left]
}

#[expect(clippy::cast_possible_truncation, reason = "the peer computes in f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(ours: Quadrilateral, expected: Quadrilateral) {
        for (ours, expected) in ours.iter().flatten().zip(expected.iter().flatten()) {
            assert!((ours - expected).abs() < 1e-4, "{ours} {expected}");
        }
    }

    #[test]
    fn an_upright_rectangle_is_its_own() {
        let pixels = [[2, 3], [9, 3], [9, 6], [2, 6], [5, 4]];
        let (corners, side) = least_rectangle(&pixels).unwrap();
        assert_close(corners, [[2.0, 3.0], [9.0, 3.0], [9.0, 6.0], [2.0, 6.0]]);
        assert!((side - 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_turned_rectangle_is_found_at_its_angle() {
        // Sides along (4, 3) and (-3, 4): 10 by 5.
        let pixels = [[10, 10], [18, 16], [15, 20], [7, 14]];
        let (corners, side) = least_rectangle(&pixels).unwrap();
        assert_close(corners, [[10.0, 10.0], [18.0, 16.0], [15.0, 20.0], [7.0, 14.0]]);
        assert!((side - 5.0).abs() < 1e-5);
    }

    // What OpenCV 4.14 gives: one over the length of an edge is rounded, and with it all that follows.
    #[test]
    fn rounding_is_that_of_the_peer() {
        let (corners, side) =
            least_rectangle(&[[36, 155], [36, 173], [256, 173], [256, 157], [247, 155]]).unwrap();
        let (right, top, bottom) = (255.999_97_f32, 154.999_98_f32, 172.999_98_f32);
        assert_eq!(corners, [[36.0, top], [right, top], [right, bottom], [36.0, bottom]]);
        assert_eq!(side.to_bits(), 17.999_996_f32.to_bits());
    }

    #[test]
    fn points_and_straight_lines_have_no_width() {
        assert!(least_rectangle(&[]).is_none());
        for pixels in [&[[3, 3]][..], &[[3, 3], [4, 4], [5, 5]], &[[0, 0], [0, 7]]] {
            let (_, side) = least_rectangle(pixels).unwrap();
            assert!(side < 1e-6, "{pixels:?}");
        }
    }
}
