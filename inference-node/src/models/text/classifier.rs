//! The classifier of PP-OCR: whether a line of text stands on its head.
//!
//! Original code: [`PaddleOCR`](https://github.com/PaddlePaddle/PaddleOCR/tree/release/2.6/ppocr/modeling), `ClsHead` on a
//! small `MobileNetV3` that halves the height alone.

use candle_core::{Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, ops::softmax_last_dim};
use kernels::conv::Activation::{self, HardSwish, Relu};

use super::{
    blocks::{Backbone, Block},
    layers::means,
};
use crate::models::layers::Workplace;

/// Height and width of the input.
pub const SIZE: (u32, u32) = (48, 192);

/// The kernel's side, channels inside and outside, activation, whether it is gated, rows from one output to the next.
const BLOCKS: [(usize, usize, usize, Activation, bool, usize); 11] = [
    (3, 8, 8, Relu, true, 2),
    (3, 24, 8, Relu, false, 2),
    (3, 32, 8, Relu, false, 1),
    (5, 32, 16, HardSwish, true, 2),
    (5, 88, 16, HardSwish, true, 1),
    (5, 88, 16, HardSwish, true, 1),
    (5, 40, 16, HardSwish, true, 1),
    (5, 48, 16, HardSwish, true, 1),
    (5, 104, 32, HardSwish, true, 2),
    (5, 200, 32, HardSwish, true, 1),
    (5, 200, 32, HardSwish, true, 1),
];
const LAST: usize = 200;

/// The network.
pub struct Classifier {
    backbone: Backbone,
    head: Linear,
    place: Workplace,
}

impl Classifier {
    /// The network at a place on the CPU, with the weights that [`convert`](crate::models::convert) wrote.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every candle network takes its VarBuilder"
    )]
    pub fn new(place: &Workplace, weights: VarBuilder<'_>) -> Result<Self> {
        let blocks = BLOCKS.map(|(size, inner, outer, activation, is_gated, rows)| Block {
            size,
            inner,
            outer,
            activation,
            is_gated,
            stride: (rows, 1),
        });
        Ok(Self {
            backbone: Backbone::new(blocks, LAST, place.compute().kernel, &weights)?,
            head: linear(LAST, 2, weights.pp("head"))?,
            place: place.clone(),
        })
    }

    /// How likely each line stands upright, and how likely on its head: `[B, 3, 48, 192] -> [B, 2]`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let Backbone { stem, blocks, last } = &self.backbone;
        let mut map = stem.forward(&self.place.blocked(input)?)?;
        for block in blocks {
            map = block.forward(&map)?;
        }
        let means = means(&last.forward(&map)?.max_pool()?)?;
        let batch = means.shape().batch;
        let means = means.to_tensor()?.reshape((batch, ()))?.narrow(1, 0, LAST)?;
        softmax_last_dim(&self.head.forward(&means)?)
    }
}
