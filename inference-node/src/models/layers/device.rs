//! Layers on a device that is not the CPU: candle's own operations.

use candle_core::{D, Module as _, Result, Tensor, conv::CudnnFwdAlgo};
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder, conv2d, ops::sigmoid};

use super::{Map, Spec, on_device};

/// Left to itself cuDNN is asked before every call, which takes longer than the call. And what it chooses rounds to 11
/// bits (TF32), which moved an edge of a real photo's mask by up to 20 of 255, while this algorithm does not, needs no
/// memory of its own and is as fast in a small batch (`bench cuda` on an H100).
const CONFIG: Conv2dConfig = Conv2dConfig {
    padding: 0,
    stride: 1,
    dilation: 1,
    groups: 1,
    cudnn_fwd_algo: Some(CudnnFwdAlgo::ImplicitGemm),
};

/// Height and width of a map `[B, C, H, W]`.
pub(super) fn size(map: &Tensor) -> Result<(usize, usize)> {
    Ok((map.dim(D::Minus2)?, map.dim(D::Minus1)?))
}

/// A 3x3 layer.
pub(crate) struct Conv(Conv2d);

impl Conv {
    pub(super) fn new(spec: Spec, weights: &VarBuilder<'_>) -> Result<Self> {
        let Spec { inputs, outputs, dilation, .. } = spec;
        let config = Conv2dConfig { padding: dilation, dilation, ..CONFIG };
        conv2d(inputs, outputs, 3, config, weights.clone()).map(Self)
    }

    pub(super) fn forward(&self, sources: &[&Map], residual: Option<&Map>) -> Result<Tensor> {
        let sources = sources.iter().map(|map| on_device(map)).collect::<Result<Vec<_>>>()?;
        let map = match sources.as_slice() {
            [source] => self.0.forward(source)?,
            sources => self.0.forward(&Tensor::cat(sources, 1)?)?,
        };
        let map = map.relu()?;
        match residual {
            None => Ok(map),
            Some(residual) => map + on_device(residual)?,
        }
    }
}

/// Sides and their sum.
pub(crate) struct Fusion {
    sides: Vec<Conv2d>,
    sum: Conv2d,
}

impl Fusion {
    pub(super) fn new(channels: &[usize], weights: &VarBuilder<'_>) -> Result<Self> {
        let padded = Conv2dConfig { padding: 1, ..CONFIG };
        let side = |(side, &channels): (usize, &usize)| {
            conv2d(channels, 1, 3, padded, weights.pp(format!("side{side}")))
        };
        let sides = (1..).zip(channels).map(side).collect::<Result<Vec<_>>>()?;
        let sum = conv2d(sides.len(), 1, 1, CONFIG, weights.pp("outconv"))?;
        Ok(Self { sides, sum })
    }

    pub(super) fn forward(&self, maps: &[Map], size: (usize, usize)) -> Result<Tensor> {
        let sides = self.sides.iter().zip(maps).map(|(side, map)| {
            let plane = Map::Device(side.forward(on_device(map)?)?);
            on_device(&plane.resize(size)?).cloned()
        });
        let sides = sides.collect::<Result<Vec<_>>>()?;
        sigmoid(&self.sum.forward(&Tensor::cat(&sides, 1)?)?)
    }
}
