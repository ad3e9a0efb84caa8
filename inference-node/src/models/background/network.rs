//! U^2-Net: salient object detection with a U of Us.
//!
//! Each stage of the outer U is itself a U-shaped block with a residual connection (RSU), so that every scale sees a
//! wide context at little cost. U^2-Net-p is the same with far fewer channels.
//!
//! - Paper: [U^2-Net: Going Deeper with Nested U-Structure](https://arxiv.org/abs/2005.09007)
//! - Original code: [u2net.py](https://github.com/xuebinqin/U-2-Net/blob/master/model/u2net.py), whose layer names the
//!   weights carry
//!
//! Batch normalisation is folded into the convolutions, so a layer is convolution and `ReLU`.

use candle_core::{Result, Tensor};
use candle_nn::{Module, VarBuilder};

use crate::models::layers::{Conv, Fusion, Map, Spec, Workplace};

/// The side of the square that the network was trained on, in pixels.
pub const SIDE: u16 = 320;

/// The channels of each stage of the outer U.
#[derive(Clone, Debug)]
pub struct Config {
    /// Stages 1 to 6, downwards.
    pub encoder: [Width; 6],
    /// Stages 5 to 1, upwards again.
    pub decoder: [Width; 5],
}

/// The channels of one stage.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    /// Inside the stage's own U.
    pub inner: usize,
    /// What it gives to the next stage.
    pub outer: usize,
}

impl Config {
    /// The configuration of the model called `name` in the catalogue, if it is a U^2-Net.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "u2net" => Some(Self::u2net()),
            "u2netp" => Some(Self::u2netp()),
            _ => None,
        }
    }

    /// The full network: 44 million parameters.
    #[must_use]
    pub fn u2net() -> Self {
        let width = |(inner, outer)| Width { inner, outer };
        Self {
            encoder: [(32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)]
                .map(width),
            decoder: [(256, 512), (128, 256), (64, 128), (32, 64), (16, 64)].map(width),
        }
    }

    /// The small network: 1.1 million parameters.
    #[must_use]
    pub fn u2netp() -> Self {
        let width = Width { inner: 16, outer: 64 };
        Self { encoder: [width; 6], decoder: [width; 5] }
    }
}

/// How an RSU widens its context from layer to layer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Widening {
    /// By halving the map: RSU-L of the paper.
    Pooling,
    /// By dilating the convolutions, where the map is too small to halve: RSU-4F.
    Dilation,
}

/// A residual U-block.
struct Rsu {
    widening: Widening,
    entry: Conv,
    encoder: Vec<Conv>,
    bottom: Conv,
    decoder: Vec<Conv>,
}

impl Rsu {
    /// A block whose U is `depth` layers deep, with `input` channels in and `width.outer` out, for maps of `side`.
    fn new(
        input: usize,
        width: Width,
        (depth, widening): (usize, Widening),
        side: usize,
        weights: &VarBuilder<'_>,
        place: &Workplace,
    ) -> Result<Self> {
        let Width { inner, outer } = width;
        // The original's `REBNCONV`, whose batch normalisation is folded. The bottom is dilated by 2 instead of pooled
        // once more; in RSU-4F every level doubles.
        let layer = |inputs, outputs, level: usize, name: String| {
            let (dilation, side) = match widening {
                Widening::Pooling if level == depth => (2, side >> (level - 2)),
                Widening::Pooling => (1, side >> (level - 1)),
                Widening::Dilation => (1 << (level - 1), side),
            };
            Conv::new(Spec { inputs, outputs, dilation, side }, &weights.pp(name), place)
        };
        let encoder = (1..depth).map(|level| {
            let inputs = if level == 1 { outer } else { inner };
            layer(inputs, inner, level, format!("rebnconv{level}"))
        });
        let decoder = (1..depth).rev().map(|level| {
            let outputs = if level == 1 { outer } else { inner };
            layer(2 * inner, outputs, level, format!("rebnconv{level}d"))
        });
        Ok(Self {
            widening,
            entry: layer(input, outer, 1, "rebnconvin".to_owned())?,
            encoder: encoder.collect::<Result<_>>()?,
            bottom: layer(inner, inner, depth, format!("rebnconv{depth}"))?,
            decoder: decoder.collect::<Result<_>>()?,
        })
    }

    // [B, input, H, W] -> [B, outer, H, W], where the input's channels may be those of several maps
    fn forward(&self, input: &[&Map]) -> Result<Map> {
        let entry = self.entry.forward(input, None)?; // [B, outer, H, W]

        let mut map = entry.clone();
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (level, layer) in self.encoder.iter().enumerate() {
            if level > 0 && self.widening == Widening::Pooling {
                map = map.max_pool()?; // [B, inner, H / 2^level, W / 2^level]
            }
            map = layer.forward(&[&map], None)?;
            skips.push(map.clone());
        }

        map = self.bottom.forward(&[&map], None)?;

        // The last layer's output and the entry's are added up.
        let residuals = (1..self.decoder.len()).map(|_| None).chain([Some(&entry)]);
        for (layer, residual) in self.decoder.iter().zip(residuals) {
            let Some(skip) = skips.pop() else { break }; // there are as many as layers
            let above = map.resize(skip.size()?)?;
            map = layer.forward(&[&above, &skip], residual)?; // [B, 2 * inner, ..] -> [B, inner, ..]
        }
        Ok(map)
    }
}

/// U^2-Net, of either size.
pub struct U2Net {
    encoder: Vec<Rsu>,
    decoder: Vec<Rsu>,
    fusion: Fusion,
    place: Workplace,
}

impl U2Net {
    /// The network at `place`, with weights named as in the original; a missing name or another shape is an error.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every candle network takes its VarBuilder"
    )]
    pub fn new(config: &Config, weights: VarBuilder<'_>, place: &Workplace) -> Result<Self> {
        use Widening::{Dilation, Pooling};
        const BLOCKS: [(usize, Widening); 6] =
            [(7, Pooling), (6, Pooling), (5, Pooling), (4, Pooling), (4, Dilation), (4, Dilation)];

        let block = |stage: usize, input, width, name| {
            let side = usize::from(SIDE) >> (stage - 1);
            Rsu::new(input, width, BLOCKS[stage - 1], side, &weights.pp(name), place)
        };
        let mut channels = 3;
        let mut encoder = Vec::with_capacity(config.encoder.len());
        for (stage, width) in (1..).zip(&config.encoder) {
            encoder.push(block(stage, channels, *width, format!("stage{stage}"))?);
            channels = width.outer;
        }
        let mut decoder = Vec::with_capacity(config.decoder.len());
        for (stage, width) in (1..=5).rev().zip(&config.decoder) {
            let input = channels + config.encoder[stage - 1].outer; // what comes up, and the skip beside it
            decoder.push(block(stage, input, *width, format!("stage{stage}d"))?);
            channels = width.outer;
        }
        let sides = config.decoder.iter().rev().chain(config.encoder.last());
        let sides: Vec<_> = sides.map(|width| width.outer).collect();
        let fusion = Fusion::new(&sides, &weights, place)?;
        Ok(Self { encoder, decoder, fusion, place: place.clone() })
    }

    /// Gives back the memory of the maps; the next run gets it anew.
    pub fn rest(&self) {
        self.place.rest();
    }
}

impl Module for U2Net {
    /// How salient each pixel is, from 0 to 1: `[B, 3, H, W] -> [B, 1, H, W]`.
    ///
    /// `H` and `W` are multiples of 32, so that every pooling divides evenly; trained for [`SIDE`]. Of the original's
    /// seven outputs this is the first, the fused one.
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let image = self.place.map(input)?;

        // Down: [B, outer_n, H / 2^(n-1), W / 2^(n-1)] for stage n.
        let mut map = image.clone();
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (stage, block) in self.encoder.iter().enumerate() {
            if stage > 0 {
                map = map.max_pool()?;
            }
            map = block.forward(&[&map])?;
            skips.push(map.clone());
        }

        // Up again; every stage's map also leaves to the side. The bottom, stage 6, has no decoder of its own.
        let mut stages = skips.split_off(self.decoder.len());
        for block in &self.decoder {
            let Some(skip) = skips.pop() else { break }; // there are as many as blocks
            let above = map.resize(skip.size()?)?;
            map = block.forward(&[&above, &skip])?;
            stages.push(map.clone());
        }
        stages.reverse(); // stages 1 to 6, as the sides are numbered
        self.fusion.forward(&stages, image.size()?) // 6 maps -> [B, 1, H, W]
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::VarMap;

    use super::*;
    use crate::models::layers::Compute;

    /// The network with random weights, and the parameters that it asked for.
    fn random(config: &Config) -> (U2Net, VarMap) {
        let parameters = VarMap::new();
        let weights = VarBuilder::from_varmap(&parameters, DType::F32, &Device::Cpu);
        (U2Net::new(config, weights, &Workplace::new(&Compute::cpu())).unwrap(), parameters)
    }

    /// The parameters that the original has: beside those here, each layer's batch normalisation scales and shifts
    /// every channel, and a channel has one bias.
    fn count_with_normalisation(parameters: &VarMap) -> usize {
        let parameters = parameters.data().lock().unwrap();
        let is_normalised =
            |name: &str| name.contains("rebnconv") && name.split('.').next_back() == Some("bias");
        parameters
            .iter()
            .map(|(name, tensor)| tensor.elem_count() * if is_normalised(name) { 3 } else { 1 })
            .sum()
    }

    // What a summary of the original in PyTorch counts.
    #[test]
    fn both_sizes_have_as_many_parameters_as_the_original() {
        assert_eq!(count_with_normalisation(&random(&Config::u2netp()).1), 1_131_181);
        assert_eq!(count_with_normalisation(&random(&Config::u2net()).1), 44_009_869);
    }

    #[test]
    fn every_pixel_gets_a_saliency_between_0_and_1() {
        let (network, _) = random(&Config::u2netp());
        let input = Tensor::rand(-2_f32, 2.0, (2, 3, 64, 32), &Device::Cpu).unwrap();
        let saliency = network.forward(&input).unwrap();
        assert_eq!(saliency.dims(), [2, 1, 64, 32]);
        let saliency = saliency.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(saliency.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn a_batch_gives_what_its_images_give_one_by_one() {
        let (network, _) = random(&Config::u2netp());
        let batch = Tensor::rand(-2_f32, 2.0, (2, 3, 32, 32), &Device::Cpu).unwrap();
        let together = network.forward(&batch).unwrap();
        for index in 0..2 {
            let alone = network.forward(&batch.narrow(0, index, 1).unwrap()).unwrap();
            let difference =
                (together.narrow(0, index, 1).unwrap() - alone).unwrap().abs().unwrap();
            assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
        }
    }

    #[test]
    fn weights_of_the_other_size_are_refused() {
        let (_, parameters) = random(&Config::u2netp());
        let weights = VarBuilder::from_varmap(&parameters, DType::F32, &Device::Cpu);
        assert!(U2Net::new(&Config::u2net(), weights, &Workplace::new(&Compute::cpu())).is_err());
    }
}
