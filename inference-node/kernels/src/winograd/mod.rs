//! Convolution by F(4x4, 3x3): 36 multiplications for 16 outputs instead of 144.
//!
//! The output is cut into tiles of 4x4. The 6x6 inputs of a tile are transformed into 36 *points*, each point is
//! multiplied with its own matrix of weights, and the products are transformed back.
//!
//! - Lavin, Gray: [Fast Algorithms for Convolutional Neural Networks](https://arxiv.org/abs/1509.09308)
//!
//! A map with many tiles is worked off in blocks of tiles, each by one thread and small enough for its cache. One with
//! few tiles, but weights of megabytes, is transformed as a whole, and then each thread takes other outputs, so that
//! every weight is read once.

mod tiles;
mod transform;

use rayon::prelude::*;

use self::{
    tiles::{Tile, tiles},
    transform::POINTS,
};
use crate::{
    Kernel,
    conv::{Finish, Geometry, panels},
    lanes::{LANES, Lanes, on_lanes},
    map::{Map, Shape},
    multiply::{self, Run, Sink, stretches},
    threads::{Shared, with_scratch},
};

/// Values of points and products that one thread works on: about what its second-level cache holds.
const BLOCK_VALUES: usize = 240_000;
/// The fewest tiles of a block: below that, reading the weights costs more than what the cache saves.
const BLOCK_TILES: usize = 28;
/// A map with fewer tiles is transformed as a whole.
const FEW_TILES: usize = 160;

/// Weights `[outputs / 16][point][inputs][16]`.
pub(crate) struct Winograd {
    weights: Vec<f32>,
}

/// What every task of one run shares.
#[derive(Clone, Copy)]
struct Job<'a> {
    geometry: &'a Geometry,
    finish: &'a Finish,
    weights: &'a [f32],
    sources: &'a [Map<'a>],
    residual: Option<Map<'a>>,
    /// Input and output have one size.
    output: Shape,
    tiles: &'a [Tile],
    to: Shared,
}

/// Where the points, or the products, of `tiles` tiles are: `[point][block][tile][16]`.
///
/// A point is a line longer than its values: at a multiple of 4096 bytes all 36 would share a few lines of the cache.
#[derive(Clone, Copy)]
struct Points {
    start: Shared,
    first: usize,
    tiles: usize,
    blocks: usize,
}

impl Points {
    fn len(tiles: usize, blocks: usize) -> usize {
        POINTS * (blocks * tiles + 1) * LANES
    }

    fn point(&self) -> usize {
        (self.blocks * self.tiles + 1) * LANES
    }

    fn at(&self, point: usize, block: usize, tile: usize) -> *mut f32 {
        let line = block * self.tiles + tile;
        self.start.at(self.first + point * self.point() + line * LANES, LANES)
    }
}

impl Winograd {
    pub(crate) fn new(geometry: &Geometry, weights: &[f32]) -> Self {
        assert!(geometry.size == (3, 3) && geometry.stride == (1, 1), "F(4x4, 3x3): {geometry:?}");
        Self { weights: panels(geometry, weights, POINTS, transform::weights) }
    }

    #[expect(clippy::too_many_arguments, reason = "what `Conv` holds, and what one call brings")]
    pub(crate) fn run(
        &self,
        geometry: &Geometry,
        finish: &Finish,
        kernel: Kernel,
        sources: &[Map<'_>],
        residual: Option<Map<'_>>,
        output: Shape,
        values: &mut [f32],
    ) {
        let tiles = tiles(output, geometry.dilation);
        let to = Shared::new(values);
        let weights = &self.weights;
        let job = Job { geometry, finish, weights, sources, residual, output, tiles: &tiles, to };
        if tiles.len() <= FEW_TILES { whole(job, kernel) } else { in_blocks(job, kernel) }
    }
}

/// All points first, then the outputs shared out among the threads.
fn whole(job: Job<'_>, kernel: Kernel) {
    let (inputs, outputs) = (job.geometry.inputs.div_ceil(LANES), job.output.blocks());
    let (first, tiles) = (0, job.tiles.len());
    with_scratch(Points::len(tiles, inputs), |scratch| {
        let points = Points { start: Shared::new(scratch), first: 0, tiles, blocks: inputs };
        (0..inputs).into_par_iter().with_min_len(4).for_each(|block| {
            // SAFETY: the kernel is one of this processor; each task writes the points of its block.
            unsafe { on_lanes!(kernel, points_of(job: Job<'_>, first: usize, block: usize, points: Points)) };
        });
        let pairs = outputs.div_ceil(2);
        (0..pairs).into_par_iter().for_each(|pair| {
            let (block, blocks) = (pair * 2, (outputs - pair * 2).min(2));
            with_scratch(Points::len(tiles, blocks), |scratch| {
                let products = Points { start: Shared::new(scratch), first: 0, tiles, blocks };
                // SAFETY: the kernel is one of this processor; each task writes the outputs of its blocks.
                unsafe { on_lanes!(kernel, outputs_of(job: Job<'_>, first: usize, block: usize, points: Points, products: Points)) };
            });
        });
    });
}

/// Block after block of tiles, each from its inputs to its outputs.
fn in_blocks(job: Job<'_>, kernel: Kernel) {
    let (inputs, outputs) = (job.geometry.inputs.div_ceil(LANES), job.output.blocks());
    let most = (BLOCK_VALUES / (POINTS * LANES * (inputs + outputs))).max(BLOCK_TILES);
    let fair = job.tiles.len().div_ceil(rayon::current_num_threads());
    let most = most.min(fair).next_multiple_of(14);
    let blocks: Vec<_> = stretches(job.tiles.len(), most).collect();
    blocks.into_par_iter().for_each(|(first, tiles)| {
        let len = Points::len(tiles, inputs);
        with_scratch(len + Points::len(tiles, outputs), |scratch| {
            let start = Shared::new(scratch);
            let points = Points { start, first: 0, tiles, blocks: inputs };
            let products = Points { start, first: len, tiles, blocks: outputs };
            // SAFETY: the kernel is one of this processor; no two tasks have a tile in common.
            unsafe { on_lanes!(kernel, block_of(job: Job<'_>, first: usize, points: Points, products: Points)) };
        });
    });
}

/// # Safety
/// As [`points_of`] and [`outputs_of`].
#[inline(always)]
unsafe fn block_of<L: Lanes>(job: Job<'_>, first: usize, points: Points, products: Points) {
    // SAFETY: the caller's.
    unsafe {
        for block in 0..points.blocks {
            points_of::<L>(job, first, block, points);
        }
        outputs_of::<L>(job, first, 0, points, products);
    }
}

/// Transforms one block of input channels of the tiles from `first` on.
///
/// # Safety
/// The contract of [`Lanes`]; nobody else uses the points of this block.
#[inline(always)]
unsafe fn points_of<L: Lanes>(job: Job<'_>, first: usize, block: usize, points: Points) {
    let (source, inner) = source_of(job.sources, block);
    let shape = source.shape();
    for (index, tile) in job.tiles[first..first + points.tiles].iter().enumerate() {
        let start = (tile.image * shape.blocks() + inner) * shape.block_len();
        let plane = &source.values()[start..start + shape.block_len()];
        // SAFETY: the caller's; a point has a line for every tile and block.
        unsafe {
            transform::forward::<L>(plane, shape, tile, job.geometry.dilation, |point, value| {
                value.store(points.at(point, block, index));
            });
        }
    }
}

/// The map that holds block `block` of all sources, and which of its own blocks that is.
fn source_of<'a>(sources: &'a [Map<'a>], mut block: usize) -> (Map<'a>, usize) {
    for source in sources {
        let blocks = source.shape().blocks();
        if block < blocks {
            return (*source, block);
        }
        block -= blocks;
    }
    unreachable!("`Conv` checked that the sources have the layer's channels")
}

/// Multiplies the points of the tiles from `first` on, and transforms the products back, for the blocks of outputs from
/// `block` on that `products` has room for.
///
/// # Safety
/// The contract of [`Lanes`]; the points are written, and nobody else uses these products or writes these outputs.
#[inline(always)]
unsafe fn outputs_of<L: Lanes>(
    job: Job<'_>,
    first: usize,
    block: usize,
    points: Points,
    products: Points,
) {
    // SAFETY: the caller's.
    unsafe {
        for point in 0..POINTS {
            for inner in (0..products.blocks).step_by(2) {
                if inner + 1 < products.blocks {
                    multiply_point::<L, 2>(job, point, block, inner, points, products);
                } else {
                    multiply_point::<L, 1>(job, point, block, inner, points, products);
                }
            }
        }
        for inner in 0..products.blocks {
            inverse::<L>(job, first, block + inner, inner, products);
        }
    }
}

/// # Safety
/// As [`outputs_of`].
#[inline(always)]
unsafe fn multiply_point<L: Lanes, const N: usize>(
    job: Job<'_>,
    point: usize,
    block: usize,
    inner: usize,
    points: Points,
    products: Points,
) {
    let channels = job.geometry.inputs;
    let panel = POINTS * channels * LANES;
    let weights = job.weights[(block + inner) * panel + point * channels * LANES..].as_ptr();
    let run = Run { input: points.at(point, 0, 0), weights, channels };
    for (tile, count) in stretches(points.tiles, L::ROWS) {
        // SAFETY: the caller's; lines of a tile stand `tiles` lines apart, and every panel has the point's weights.
        unsafe {
            let sink = Product { products, point, inner, tile };
            multiply::rows::<L, N, 1>((tile, count), &[run], points.tiles * LANES, panel, &sink);
        }
    }
}

/// Where the products of one point go, from a block and a tile on.
struct Product {
    products: Points,
    point: usize,
    inner: usize,
    tile: usize,
}

impl<L: Lanes, const N: usize> Sink<L, N> for Product {
    #[inline(always)]
    unsafe fn take(&self, row: usize, sums: [L; N]) {
        for (n, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's; the products have a line for every tile and block.
            unsafe { sum.store(self.products.at(self.point, self.inner + n, self.tile + row)) };
        }
    }
}

/// Transforms one block of products back and finishes the outputs.
///
/// # Safety
/// As [`outputs_of`].
#[inline(always)]
unsafe fn inverse<L: Lanes>(
    job: Job<'_>,
    first: usize,
    block: usize,
    inner: usize,
    products: Points,
) {
    let Shape { height, width, .. } = job.output;
    let dilation = job.geometry.dilation;
    for (index, tile) in job.tiles[first..first + products.tiles].iter().enumerate() {
        let start = (tile.image * job.output.blocks() + block) * job.output.block_len();
        // SAFETY: the caller's; only pixels inside the map are written, and only those of this tile.
        unsafe {
            let outputs = transform::inverse(|point| L::load(products.at(point, inner, index)));
            for (i, row) in outputs.into_iter().enumerate() {
                let y = tile.y + i * dilation;
                if y >= height {
                    break;
                }
                for (j, sum) in row.into_iter().enumerate() {
                    let x = tile.x + j * dilation;
                    if x >= width {
                        break;
                    }
                    let at = start + (y * width + x) * LANES;
                    let residual = job.residual.map(|map| map.values().as_ptr().wrapping_add(at));
                    job.finish.apply(block, sum, residual).store(job.to.at(at, LANES));
                }
            }
        }
    }
}
