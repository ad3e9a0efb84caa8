//! The detector of PP-OCRv3: how likely each pixel belongs to a line of text.
//!
//! - Paper: [Real-time Scene Text Detection with Differentiable Binarization](https://arxiv.org/abs/1911.08947)
//! - Original code: [`PaddleOCR`](https://github.com/PaddlePaddle/PaddleOCR/tree/release/2.6/ppocr/modeling): a `MobileNetV3`
//!   without gates, a pyramid whose layers are gated and residual (RSE-FPN), and the DB head

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::{
    Kernel,
    channels::HardSigmoid,
    conv::Activation::{self, HardSwish, None, Relu},
};

use super::{
    blocks::{Backbone, Block},
    layers::{Convolution, Excitation, add_doubled, concat, spread_4x4, values},
};
use crate::models::layers::{Blocked, Workplace};

/// Sides of the input are multiples of this.
pub const MULTIPLE: u32 = 32;

/// Channels of the pyramid's maps, and of what each adds to the head.
const PYRAMID: usize = 96;
const SMOOTH: usize = PYRAMID / 4;

/// The kernel's side, channels inside and outside, activation, stride.
const BLOCKS: [(usize, usize, usize, Activation, usize); 15] = [
    (3, 8, 8, Relu, 1),
    (3, 32, 16, Relu, 2),
    (3, 40, 16, Relu, 1),
    (5, 40, 24, Relu, 2),
    (5, 64, 24, Relu, 1),
    (5, 64, 24, Relu, 1),
    (3, 120, 40, HardSwish, 2),
    (3, 104, 40, HardSwish, 1),
    (3, 96, 40, HardSwish, 1),
    (3, 96, 40, HardSwish, 1),
    (3, 240, 56, HardSwish, 1),
    (3, 336, 56, HardSwish, 1),
    (5, 336, 80, HardSwish, 2),
    (5, 480, 80, HardSwish, 1),
    (5, 480, 80, HardSwish, 1),
];
/// After which blocks a map leaves for the pyramid, and its channels; the last layer's map leaves too.
const LEVELS: [(usize, usize); 3] = [(2, 16), (5, 24), (11, 56)];
const LAST: usize = 480;

/// A layer of the pyramid: convolution, and gates beside which everything passes as well.
struct Gated {
    convolution: Convolution,
    excitation: Excitation,
}

impl Gated {
    fn new(
        (inputs, outputs): (usize, usize),
        size: usize,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let opens = HardSigmoid { slope: 0.2, offset: 1.0 };
        Ok(Self {
            convolution: Convolution::new(
                (inputs, outputs),
                size,
                (1, 1),
                None,
                kernel,
                &weights.pp("conv"),
            )?,
            excitation: Excitation::new(outputs, outputs / 4, opens, kernel, weights)?,
        })
    }

    fn forward(&self, input: &Blocked) -> Result<Blocked> {
        self.excitation.forward(&self.convolution.forward(input)?)
    }
}

/// The network.
pub struct Detector {
    backbone: Backbone,
    lateral: [Gated; 4],
    smooth: [Gated; 4],
    head: Convolution,
    up: [Convolution; 2],
    place: Workplace,
}

impl Detector {
    /// The network at a place on the CPU, with the weights that [`convert`](crate::models::convert) wrote.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every candle network takes its VarBuilder"
    )]
    pub fn new(place: &Workplace, weights: VarBuilder<'_>) -> Result<Self> {
        let kernel = place.compute().kernel;
        let blocks = BLOCKS.map(|(size, inner, outer, activation, stride)| Block {
            size,
            inner,
            outer,
            activation,
            is_gated: false,
            stride: (stride, stride),
        });
        let lateral = |level: usize, channels| {
            Gated::new((channels, PYRAMID), 1, kernel, &weights.pp(format!("lateral.{level}")))
        };
        let smooth = |level: usize| {
            Gated::new((PYRAMID, SMOOTH), 3, kernel, &weights.pp(format!("smooth.{level}")))
        };
        let [second, third, fourth] = LEVELS.map(|(_, channels)| channels);
        Ok(Self {
            backbone: Backbone::new(blocks, LAST, kernel, &weights)?,
            lateral: [
                lateral(0, second)?,
                lateral(1, third)?,
                lateral(2, fourth)?,
                lateral(3, LAST)?,
            ],
            smooth: [smooth(0)?, smooth(1)?, smooth(2)?, smooth(3)?],
            head: Convolution::new(
                (PYRAMID, SMOOTH),
                3,
                (1, 1),
                Relu,
                kernel,
                &weights.pp("head.conv"),
            )?,
            up: upward(kernel, &weights.pp("head"))?,
            place: place.clone(),
        })
    }

    /// How likely each pixel is text: `[B, 3, H, W] -> [B, 1, H, W]`, where `H` and `W` are multiples of [`MULTIPLE`].
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        // What is not needed any more is dropped at once: of a page, each of these maps takes tens of mebibytes.
        let levels = self.levels(input)?;
        let fused = self.fused(levels)?;
        let head = self.head.forward(&fused)?;
        drop(fused);
        let quarters = self.up[0].forward(&head)?;
        drop(head);
        spread_4x4(&self.up[1].forward(&quarters)?)
    }

    /// Down: the maps of 1/4, 1/8, 1/16 and 1/32 of the size, which leave for the pyramid.
    fn levels(&self, input: &Tensor) -> Result<Vec<Blocked>> {
        let Backbone { stem, blocks, last } = &self.backbone;
        let mut map = stem.forward_in_bands(input, &self.place)?;
        let mut levels = Vec::with_capacity(4);
        for (number, block) in blocks.iter().enumerate() {
            map = block.forward(&map)?;
            if LEVELS.iter().any(|(after, _)| *after == number) {
                levels.push(map.clone());
            }
        }
        levels.push(last.forward(&map)?);
        Ok(levels)
    }

    /// Up again: each level takes what the smaller ones have seen. 96 channels at a quarter of the size.
    fn fused(&self, levels: Vec<Blocked>) -> Result<Blocked> {
        let mut smoothed = Vec::with_capacity(4);
        let mut above: Option<Blocked> = Option::None;
        for (number, level) in levels.into_iter().enumerate().rev() {
            let lateral = self.lateral[number].forward(&level)?;
            let map = match above {
                Some(above) => add_doubled(&lateral, &above)?,
                Option::None => lateral,
            };
            smoothed.push(self.smooth[number].forward(&map)?);
            above = Some(map);
        }
        drop(above);
        let [smallest, smaller, larger, largest] = &smoothed[..] else {
            unreachable!("four levels")
        };
        concat([smallest, smaller, larger, largest])
    }
}

/// The two transposed convolutions of the head, 2x2 with stride 2, as two of 1x1.
///
/// No two of their outputs overlap, so each pixel becomes 2x2 pixels of 24 channels by itself, and these 4x4 pixels: 16
/// channels, which are then spread. The second one's weights are zero wherever they would mix two of the 2x2.
fn upward(kernel: Kernel, weights: &VarBuilder<'_>) -> Result<[Convolution; 2]> {
    let first = values(&weights.get((SMOOTH, SMOOTH, 2, 2), "up1.weight")?)?;
    let second = values(&weights.get((SMOOTH, 1, 2, 2), "up2.weight")?)?;
    let (first_bias, second_bias) =
        (values(&weights.get(SMOOTH, "up1.bias")?)?, values(&weights.get(1, "up2.bias")?)?);

    let mut expand = vec![0.0; 4 * SMOOTH * SMOOTH];
    let mut spread = vec![0.0; 16 * 4 * SMOOTH];
    for quarter in 0..4 {
        for output in 0..SMOOTH {
            for input in 0..SMOOTH {
                expand[(quarter * SMOOTH + output) * SMOOTH + input] =
                    first[(input * SMOOTH + output) * 4 + quarter];
            }
        }
        for corner in 0..4 {
            let (row, column) = (quarter / 2 * 2 + corner / 2, quarter % 2 * 2 + corner % 2);
            for input in 0..SMOOTH {
                spread[(row * 4 + column) * 4 * SMOOTH + quarter * SMOOTH + input] =
                    second[input * 4 + corner];
            }
        }
    }
    Ok([
        Convolution::from_values(
            (SMOOTH, 4 * SMOOTH),
            1,
            (1, 1),
            Relu,
            kernel,
            &expand,
            &first_bias.repeat(4),
        ),
        Convolution::from_values(
            (4 * SMOOTH, 16),
            1,
            (1, 1),
            None,
            kernel,
            &spread,
            &second_bias.repeat(16),
        ),
    ])
}
