//! Layers on a CPU: the crate `kernels`, as custom operations of candle.

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use kernels::{
    conv::{self, Activation, Geometry, Method},
    resize,
    single::Single,
};

use super::{
    Compute, Map, Spec, Workplace,
    blocked::{Blocked, read, with_all},
    on_host,
};

/// A 3x3 layer.
pub(crate) struct Conv(conv::Conv);

impl Conv {
    pub(super) fn new(spec: Spec, weights: &VarBuilder<'_>, place: &Workplace) -> Result<Self> {
        let Spec { inputs, outputs, dilation, side } = spec;
        // On few pixels the transformed weights, four times as many, cost more to read than they save; so do the
        // half-empty tiles of a map whose every fourth pixel is a map of its own.
        let method = if side >= 40 && dilation <= 2 && inputs > 3 {
            Method::Winograd
        } else {
            Method::Direct
        };
        let bias = weights.get(outputs, "bias")?.to_vec1::<f32>()?;
        let weights = weights.get((outputs, inputs, 3, 3), "weight")?;
        let layer = read(&weights, |weights| {
            let geometry = Geometry::same_3x3(inputs, outputs, dilation);
            conv::Conv::new(
                geometry,
                Activation::Relu,
                method,
                place.compute.kernel,
                weights,
                &bias,
            )
        })?;
        Ok(Self(layer))
    }

    pub(super) fn forward(&self, sources: &[&Map], residual: Option<&Map>) -> Result<Blocked> {
        let sources = sources.iter().map(|map| on_host(map)).collect::<Result<Vec<_>>>()?;
        let residual = residual.map(on_host).transpose()?;
        let Some(first) = sources.first() else { bail!("a convolution of nothing") };
        let shape = self.0.output_shape(first.shape());
        let rest: Vec<_> = residual.into_iter().collect();
        with_all(&sources, &mut |maps| {
            with_all(&rest, &mut |residual| {
                first.make(shape, "conv3x3", |_, values| {
                    self.0.run(maps, residual.first().copied(), values);
                })
            })
        })
    }
}

/// Sides and their sum.
pub(crate) struct Fusion {
    sides: Vec<Single>,
    weights: Vec<f32>,
    bias: f32,
}

impl Fusion {
    pub(super) fn new(
        channels: &[usize],
        weights: &VarBuilder<'_>,
        compute: &Compute,
    ) -> Result<Self> {
        let sides = (1..).zip(channels).map(|(side, &channels)| {
            let weights = weights.pp(format!("side{side}"));
            let bias = weights.get(1, "bias")?.to_vec1::<f32>()?[0];
            let weights = weights.get((1, channels, 3, 3), "weight")?;
            read(&weights, |weights| Single::new(channels, compute.kernel, weights, bias))
        });
        let sides = sides.collect::<Result<Vec<_>>>()?;
        let fusion = weights.pp("outconv");
        let bias = fusion.get(1, "bias")?.to_vec1::<f32>()?[0];
        let weights = fusion.get((1, sides.len(), 1, 1), "weight")?.flatten_all()?.to_vec1()?;
        Ok(Self { sides, weights, bias })
    }

    pub(super) fn forward(&self, maps: &[Map], size: (usize, usize)) -> Result<Tensor> {
        let mut planes = Vec::with_capacity(maps.len());
        for (side, map) in self.sides.iter().zip(maps) {
            let map = on_host(map)?;
            let mut plane = vec![0.0; map.shape().batch * map.shape().pixels()];
            map.read(|map| side.run(map, &mut plane))?;
            planes.push((map.shape(), plane));
        }
        let batch = planes.first().map_or(0, |(shape, _)| shape.batch);
        let mut saliency = vec![0.0; batch * size.0 * size.1];
        for (image, saliency) in saliency.chunks_exact_mut(size.0 * size.1).enumerate() {
            let planes: Vec<_> = planes
                .iter()
                .zip(&self.weights)
                .map(|((shape, plane), &weight)| resize::Weighted {
                    plane: &plane[image * shape.pixels()..][..shape.pixels()],
                    size: (shape.height, shape.width),
                    weight,
                })
                .collect();
            resize::sigmoid_of_sum(&planes, self.bias, size, saliency);
        }
        Tensor::from_vec(saliency, (batch, 1, size.0, size.1), &candle_core::Device::Cpu)
    }
}
