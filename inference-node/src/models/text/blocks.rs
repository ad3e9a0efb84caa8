//! [MobileNetV3](https://arxiv.org/abs/1905.02244), of inverted residual blocks: what detector and classifier begin with.

use candle_core::Result;
use candle_nn::VarBuilder;
use kernels::{
    Kernel,
    channels::HardSigmoid,
    conv::Activation::{self, HardSwish, None},
};

use super::layers::{Convolution, DepthwiseConvolution, Excitation};
use crate::models::layers::Blocked;

/// Channels that leave the stem.
const STEM: usize = 8;

/// A stem that halves both sides, blocks, and a layer of 1x1.
pub(super) struct Backbone {
    pub(super) stem: Convolution,
    pub(super) blocks: Vec<InvertedResidual>,
    pub(super) last: Convolution,
}

impl Backbone {
    /// One whose last layer has so many channels.
    pub(super) fn new(
        blocks: impl IntoIterator<Item = Block>,
        last: usize,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let convolution = |channels, size, stride, name| {
            Convolution::new(channels, size, stride, HardSwish, kernel, &weights.pp(name))
        };
        let mut channels = STEM;
        let blocks = blocks.into_iter().enumerate().map(|(number, block)| {
            let weights = weights.pp(format!("blocks.{number}"));
            let input = std::mem::replace(&mut channels, block.outer);
            InvertedResidual::new(input, &block, kernel, &weights)
        });
        let blocks = blocks.collect::<Result<_>>()?;
        Ok(Self {
            stem: convolution((3, STEM), 3, (2, 2), "stem")?,
            blocks,
            last: convolution((channels, last), 1, (1, 1), "last")?,
        })
    }
}

/// What sets one block apart.
pub(super) struct Block {
    /// The side of the depthwise kernel.
    pub(super) size: usize,
    /// Channels inside the block.
    pub(super) inner: usize,
    /// Channels that leave it.
    pub(super) outer: usize,
    pub(super) activation: Activation,
    pub(super) is_gated: bool,
    pub(super) stride: (usize, usize),
}

/// Expands, convolves each channel on its own, gates and projects; adds its input where that has the same shape.
pub(super) struct InvertedResidual {
    expand: Convolution,
    depthwise: DepthwiseConvolution,
    excitation: Option<Excitation>,
    project: Convolution,
    is_residual: bool,
}

impl InvertedResidual {
    pub(super) fn new(
        input: usize,
        block: &Block,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let &Block { size, inner, outer, activation, is_gated, stride } = block;
        let opens = HardSigmoid { slope: 0.2, offset: 0.0 };
        let excitation = if is_gated {
            Some(Excitation::new(inner, inner / 4, opens, kernel, weights)?)
        } else {
            Option::None
        };
        Ok(Self {
            expand: Convolution::new(
                (input, inner),
                1,
                (1, 1),
                activation,
                kernel,
                &weights.pp("expand"),
            )?,
            depthwise: DepthwiseConvolution::new(
                inner,
                size,
                stride,
                activation,
                kernel,
                &weights.pp("depthwise"),
            )?,
            excitation,
            project: Convolution::new(
                (inner, outer),
                1,
                (1, 1),
                None,
                kernel,
                &weights.pp("project"),
            )?,
            is_residual: input == outer && stride == (1, 1),
        })
    }

    pub(super) fn forward(&self, input: &Blocked) -> Result<Blocked> {
        let mut map = self.depthwise.forward(&self.expand.forward(input)?)?;
        if let Some(excitation) = &self.excitation {
            map = excitation.forward(&map)?;
        }
        if self.is_residual {
            self.project.forward_onto(&map, input)
        } else {
            self.project.forward(&map)
        }
    }
}
