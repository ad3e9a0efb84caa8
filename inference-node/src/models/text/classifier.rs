//! The classifier of PP-OCR: whether a line of text stands on its head.
//!
//! Original code: [`PaddleOCR`](https://github.com/PaddlePaddle/PaddleOCR/tree/release/2.6/ppocr/modeling), `ClsHead` on a
//! small `MobileNetV3` that halves the height alone.

use candle_core::{Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, ops::softmax_last_dim};
use kernels::{
    Kernel,
    conv::Activation::{self, HardSwish, Relu},
};

use super::{
    blocks::{Block, InvertedResidual},
    layers::{Convolution, block, max_2x2, means},
};

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
    stem: Convolution,
    blocks: Vec<InvertedResidual>,
    last: Convolution,
    head: Linear,
}

impl Classifier {
    /// The network with the weights that [`convert`](crate::models::convert) wrote.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every candle network takes its VarBuilder"
    )]
    pub fn new(kernel: Kernel, weights: VarBuilder<'_>) -> Result<Self> {
        let mut channels = 8;
        let mut blocks = Vec::with_capacity(BLOCKS.len());
        for (number, (size, inner, outer, activation, is_gated, rows)) in
            BLOCKS.into_iter().enumerate()
        {
            let block = Block { size, inner, outer, activation, is_gated, stride: (rows, 1) };
            blocks.push(InvertedResidual::new(
                channels,
                &block,
                kernel,
                &weights.pp(format!("blocks.{number}")),
            )?);
            channels = outer;
        }
        Ok(Self {
            stem: Convolution::new((3, 8), 3, (2, 2), HardSwish, kernel, &weights.pp("stem"))?,
            blocks,
            last: Convolution::new(
                (channels, LAST),
                1,
                (1, 1),
                HardSwish,
                kernel,
                &weights.pp("last"),
            )?,
            head: linear(LAST, 2, weights.pp("head"))?,
        })
    }

    /// How likely each line stands upright, and how likely on its head: `[B, 3, 48, 192] -> [B, 2]`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let mut map = self.stem.forward(&block(input)?)?;
        for block in &self.blocks {
            map = block.forward(&map)?;
        }
        let map = max_2x2(&self.last.forward(&map)?)?;
        softmax_last_dim(&self.head.forward(&means(&map, LAST)?)?)
    }
}
