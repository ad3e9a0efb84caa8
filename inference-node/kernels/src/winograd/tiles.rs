//! How a map is cut into tiles.

use crate::map::Shape;

/// The height and width of a tile of the output.
pub(super) const OUT: usize = 4;

/// 4x4 outputs: every d-th pixel from this one on, where d is the layer's dilation.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
}

/// The tiles of a map. With dilation d, each of the d * d maps of every d-th pixel is tiled by itself.
pub(super) fn tiles(shape: Shape, dilation: usize) -> Vec<Tile> {
    let starts = |length: usize| {
        (0..dilation.min(length)).flat_map(move |first| (first..length).step_by(OUT * dilation))
    };
    let mut tiles = Vec::new();
    for image in 0..shape.batch {
        for y in starts(shape.height) {
            tiles.extend(starts(shape.width).map(|x| Tile { image, y, x }));
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_in_one_tile() {
        for (height, width, dilation) in
            [(20, 20, 1), (20, 20, 8), (5, 7, 2), (1, 3, 4), (10, 10, 2)]
        {
            let shape = Shape { batch: 2, channels: 16, height, width };
            let mut seen = vec![0; shape.batch * shape.pixels()];
            for tile in tiles(shape, dilation) {
                for y in (tile.y..height).step_by(dilation).take(OUT) {
                    for x in (tile.x..width).step_by(dilation).take(OUT) {
                        seen[(tile.image * height + y) * width + x] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{height} {width} {dilation}: {seen:?}");
        }
    }
}
