//! The recogniser of PP-OCRv2, a CRNN: which characters stand in a line of text.
//!
//! - Paper: [An End-to-End Trainable Neural Network for Image-based Sequence Recognition](https://arxiv.org/abs/1507.05717)
//! - Original code: [`PaddleOCR`](https://github.com/PaddlePaddle/PaddleOCR/tree/release/2.6/ppocr/modeling): the backbone
//!   `MobileNetV1Enhance`, two LSTMs, and two linear layers to the classes of CTC

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::{
    channels::HardSigmoid,
    classes::{self, Best},
    conv::Activation::HardSwish,
    recurrent::Lstm,
};

use super::layers::{Convolution, DepthwiseConvolution, Excitation, columns, lstm, values};
use crate::models::layers::{Blocked, Workplace};

/// The height of the input.
pub const HEIGHT: u32 = 32;

/// Units of each direction of an LSTM.
const HIDDEN: usize = 64;
/// Channels between the two linear layers.
const NARROW: usize = 96;
/// Columns whose classes are looked at together, so that their logits stay in the processor's cache.
const COLUMNS: usize = 32;

/// The depthwise kernel's side, channels that leave, whether it is gated, rows from one output to the next.
const BLOCKS: [(usize, usize, bool, usize); 13] = [
    (3, 32, false, 1),
    (3, 64, false, 1),
    (3, 64, false, 1),
    (3, 128, false, 2),
    (3, 128, false, 1),
    (3, 256, false, 2),
    (5, 256, false, 1),
    (5, 256, false, 1),
    (5, 256, false, 1),
    (5, 256, false, 1),
    (5, 256, false, 1),
    (5, 512, true, 2),
    (5, 512, true, 1),
];

/// A convolution of each channel on its own, and one of all channels of a pixel.
struct Separable {
    depthwise: DepthwiseConvolution,
    excitation: Option<Excitation>,
    project: Convolution,
}

impl Separable {
    fn forward(&self, input: &Blocked) -> Result<Blocked> {
        let mut map = self.depthwise.forward(input)?;
        if let Some(excitation) = &self.excitation {
            map = excitation.forward(&map)?;
        }
        self.project.forward(&map)
    }
}

/// The network.
pub struct Recogniser {
    stem: Convolution,
    blocks: Vec<Separable>,
    lines: [(Convolution, Lstm); 2],
    narrow: Convolution,
    classes: Convolution,
    place: Workplace,
}

impl Recogniser {
    /// The network for `classes` classes at a place on the CPU, with the weights that [`convert`](crate::models::convert) wrote.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every candle network takes its VarBuilder"
    )]
    pub fn new(classes: usize, place: &Workplace, weights: VarBuilder<'_>) -> Result<Self> {
        let kernel = place.compute().kernel;
        let mut channels = 16;
        let mut blocks = Vec::with_capacity(BLOCKS.len());
        for (number, (size, outer, is_gated, rows)) in BLOCKS.into_iter().enumerate() {
            let weights = weights.pp(format!("blocks.{number}"));
            let opens = HardSigmoid { slope: 1.0 / 6.0, offset: 0.0 };
            let excitation = || Excitation::new(channels, channels / 4, opens, kernel, &weights);
            blocks.push(Separable {
                depthwise: DepthwiseConvolution::new(
                    channels,
                    size,
                    (rows, 1),
                    HardSwish,
                    kernel,
                    &weights.pp("depthwise"),
                )?,
                excitation: is_gated.then(excitation).transpose()?,
                project: Convolution::new(
                    (channels, outer),
                    1,
                    (1, 1),
                    HardSwish,
                    kernel,
                    &weights.pp("project"),
                )?,
            });
            channels = outer;
        }
        let line = |number: usize, inputs: usize| {
            let weights = weights.pp(format!("lstm.{number}"));
            let direction = |name| values(&weights.pp(name).get((4 * HIDDEN, HIDDEN), "weight")?);
            let gates = Convolution::linear((inputs, 8 * HIDDEN), kernel, &weights.pp("input"))?;
            Ok::<_, candle_core::Error>((
                gates,
                Lstm::new(HIDDEN, kernel, &direction("forward")?, &direction("backward")?),
            ))
        };
        Ok(Self {
            stem: Convolution::new((3, 16), 3, (2, 2), HardSwish, kernel, &weights.pp("stem"))?,
            blocks,
            lines: [line(0, channels)?, line(1, 2 * HIDDEN)?],
            narrow: Convolution::linear((2 * HIDDEN, NARROW), kernel, &weights.pp("head.0"))?,
            classes: Convolution::linear((NARROW, classes), kernel, &weights.pp("head.1"))?,
            place: place.clone(),
        })
    }

    /// The likeliest class of each column of each line: `[B, 3, 32, W]` gives `B` times `W / 4`, rounded down but for
    /// the first halving.
    pub fn forward(&self, input: &Tensor) -> Result<Vec<Vec<Best>>> {
        let mut map = self.stem.forward(&self.place.blocked(input)?)?;
        for block in &self.blocks {
            map = block.forward(&map)?;
        }
        let mut line = map.max_pool()?; // 512 channels, 1 row, W / 4 columns
        for (gates, cell) in &self.lines {
            line = lstm(cell, &gates.forward(&line)?)?; // 128 channels
        }
        let narrow = self.narrow.forward(&line)?;

        // There are thousands of classes: only so many columns at a time.
        let (images, all) = (narrow.shape().batch, narrow.shape().width);
        let mut lines = vec![Vec::with_capacity(all); images];
        for (image, line) in lines.iter_mut().enumerate() {
            for first in (0..all).step_by(COLUMNS) {
                let part = columns(&narrow, image, first, COLUMNS.min(all - first))?;
                let kernel = self.place.compute().kernel;
                let logits = self.classes.forward(&part)?;
                line.extend(logits.read(|logits| classes::likeliest(kernel, logits))?);
            }
        }
        Ok(lines)
    }
}
