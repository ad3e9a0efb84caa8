//! The borders of what is set in a mask, outer ones and those of holes.
//!
//! Paper: [Suzuki and Abe, Topological structural analysis of digitized binary images by border following](https://doi.org/10.1016/0734-189X(85)90016-7).

/// A pixel: column and row.
pub(super) type Pixel = [i32; 2];

/// Directions around a pixel, counter-clockwise on a screen, beginning with the right.
const AROUND: [(isize, isize); 8] =
    [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)];
const RIGHT: usize = 0;
const LEFT: usize = 4;

/// What is known of a pixel.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Label {
    Clear,
    /// Set, and on no border yet.
    Set,
    /// On a border.
    Seen,
    /// On a border that has passed to the right of it.
    SeenRight,
}

/// All borders, in the order in which a scan by rows meets them.
pub(super) fn trace(mask: &[bool], width: usize) -> Vec<Vec<Pixel>> {
    let mut field = Field::new(mask, width);
    let mut borders = Vec::new();
    for y in 0..mask.len() / width.max(1) {
        for x in 0..width {
            let at = field.index(x, y);
            let label = field.labels[at];
            if label == Label::Set && field.labels[at - 1] == Label::Clear {
                borders.push(field.follow(at, LEFT));
            } else if matches!(label, Label::Set | Label::Seen)
                && field.labels[at + 1] == Label::Clear
            {
                borders.push(field.follow(at, RIGHT));
            }
        }
    }
    borders
}

/// The mask with a clear pixel on every side.
struct Field {
    labels: Vec<Label>,
    stride: usize,
}

impl Field {
    fn new(mask: &[bool], width: usize) -> Self {
        let stride = width + 2;
        let height = mask.len() / width.max(1);
        let mut labels = vec![Label::Clear; stride * (height + 2)];
        for (index, _) in mask.iter().enumerate().filter(|(_, is_set)| **is_set) {
            labels[(index / width + 1) * stride + index % width + 1] = Label::Set;
        }
        Self { labels, stride }
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride + x + 1
    }

    fn pixel(&self, at: usize) -> Pixel {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "sides of images"
        )]
        [(at % self.stride - 1) as i32, (at / self.stride - 1) as i32]
    }

    fn neighbour(&self, at: usize, direction: usize) -> usize {
        let (dx, dy) = AROUND[direction % 8];
        #[expect(clippy::cast_possible_wrap, reason = "a row is shorter than memory")]
        at.wrapping_add_signed(dx + dy * self.stride as isize)
    }

    fn is_set(&self, at: usize) -> bool {
        self.labels[at] != Label::Clear
    }

    /// The border that begins at `start`, whose neighbour in direction `clear` is clear.
    fn follow(&mut self, start: usize, clear: usize) -> Vec<Pixel> {
        let mut border = vec![self.pixel(start)];
        // Clockwise from the clear one: the pixel that the border will come back from.
        let last = (1..8)
            .map(|turn| (clear + 8 - turn) % 8)
            .find(|&way| self.is_set(self.neighbour(start, way)));
        let Some(last) = last else {
            self.labels[start] = Label::SeenRight;
            return border;
        };
        let last_pixel = self.neighbour(start, last);
        let (mut at, mut from) = (start, last);
        loop {
            // Counter-clockwise from where it came: there is a set one, if need be the one it came from.
            let mut passed_right = false;
            let mut way = from;
            loop {
                way = (way + 1) % 8;
                if self.is_set(self.neighbour(at, way)) {
                    break;
                }
                passed_right |= way == RIGHT;
            }
            if passed_right {
                self.labels[at] = Label::SeenRight;
            } else if self.labels[at] == Label::Set {
                self.labels[at] = Label::Seen;
            }
            let next = self.neighbour(at, way);
            if next == start && at == last_pixel {
                return border;
            }
            at = next;
            from = (way + 4) % 8;
            border.push(self.pixel(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(picture: &str) -> Vec<Vec<Pixel>> {
        let rows: Vec<&str> = picture.split_whitespace().collect();
        let mask: Vec<bool> = rows.concat().chars().map(|pixel| pixel == '#').collect();
        let mut borders = trace(&mask, rows[0].len());
        for border in &mut borders {
            border.sort_unstable();
            border.dedup();
        }
        borders
    }

    #[test]
    fn a_ring_has_an_outer_border_and_one_around_its_hole() {
        let borders = traced("##### #...# #...# #####");
        let outer: Vec<Pixel> = (0..5)
            .flat_map(|x| (0..4).map(move |y| [x, y]))
            .filter(|[x, y]| matches!(x, 0 | 4) || matches!(y, 0 | 3))
            .collect();
        // The corners touch the hole nowhere.
        let inner: Vec<Pixel> = outer
            .iter()
            .copied()
            .filter(|[x, y]| !(matches!(x, 0 | 4) && matches!(y, 0 | 3)))
            .collect();
        assert_eq!(borders, [outer, inner]);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_belong_together() {
        assert_eq!(traced("#.. .#. ..#"), [vec![[0, 0], [1, 1], [2, 2]]]);
    }

    #[test]
    fn a_single_pixel_and_a_filled_edge_are_borders_too() {
        assert_eq!(traced("... .#. ..."), [vec![[1, 1]]]);
        assert_eq!(traced("## ##"), [vec![[0, 0], [0, 1], [1, 0], [1, 1]]]);
        assert!(traced("... ...").is_empty());
    }

    #[test]
    fn every_mask_of_four_by_four_ends_and_covers_each_component() {
        for bits in 0..1_u32 << 16 {
            let mask: Vec<bool> = (0..16).map(|pixel| bits >> pixel & 1 == 1).collect();
            let borders = trace(&mask, 4);
            // In a mask this small, every pixel that is set is on a border.
            for (pixel, _) in mask.iter().enumerate().filter(|(_, is_set)| **is_set) {
                let wanted = [i32::try_from(pixel % 4).unwrap(), i32::try_from(pixel / 4).unwrap()];
                let is_inside =
                    |d: i32| (1..3).contains(&(wanted[0] + d)) && (1..3).contains(&(wanted[1] + d));
                assert!(
                    borders.iter().any(|border| border.contains(&wanted)) || is_inside(0),
                    "{bits:016b}"
                );
            }
        }
    }
}
