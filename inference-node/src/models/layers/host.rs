//! Layers on a CPU: the crate `kernels`, as custom operations of candle.

use std::sync::Arc;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use candle_nn::VarBuilder;
use kernels::{
    conv::{self, Activation, Geometry, Method},
    map::{self, Shape},
    pool, resize,
    single::Single,
};

use super::{
    Compute, Map, Spec, Workplace,
    buffers::{Buffer, Buffers},
    on_host,
};

/// A blocked map in a buffer.
#[derive(Clone)]
pub(crate) struct Blocked {
    buffer: Arc<Buffer>,
    shape: Shape,
    buffers: Buffers,
}

impl Blocked {
    /// A map of `shape` that `fill` writes the whole of.
    fn new(
        shape: Shape,
        buffers: &Buffers,
        name: &'static str,
        fill: impl Fn(&mut [f32]) + Sync,
    ) -> Result<Self> {
        let buffer = buffers.take(shape.blocked_len())?;
        write(buffer.tensor(), name, |values| fill(&mut values[..shape.blocked_len()]))?;
        Ok(Self { buffer: Arc::new(buffer), shape, buffers: buffers.clone() })
    }

    /// The map of a planar tensor `[B, C, H, W]`.
    pub(super) fn of(image: &Tensor, buffers: &Buffers) -> Result<Self> {
        let (batch, channels, height, width) = image.dims4()?;
        let shape = Shape { batch, channels, height, width };
        let planar = image.contiguous()?;
        read(&planar, |planar| {
            Self::new(shape, buffers, "block", |values| map::block(shape, planar, values))
        })?
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.shape.height, self.shape.width)
    }

    pub(super) fn max_pool(&self) -> Result<Self> {
        self.read(|source| {
            let shape = pool::halved(self.shape);
            Self::new(shape, &self.buffers, "max-pool", |values| pool::max_2x2(source, values))
        })?
    }

    pub(super) fn resize(&self, size: (usize, usize)) -> Result<Self> {
        let shape = Shape { height: size.0, width: size.1, ..self.shape };
        self.read(|source| {
            Self::new(shape, &self.buffers, "resize", |values| {
                resize::bilinear(source, size, values);
            })
        })?
    }

    /// Its values, planar.
    #[cfg(test)]
    pub(super) fn planar(&self) -> Result<Vec<f32>> {
        let mut planar = vec![0.0; self.shape.planar_len()];
        self.read(|map| map::unblock(self.shape, map.values(), &mut planar))?;
        Ok(planar)
    }

    fn read<R>(&self, with: impl FnOnce(map::Map<'_>) -> R) -> Result<R> {
        read(self.buffer.tensor(), |values| {
            with(map::Map::new(self.shape, &values[..self.shape.blocked_len()]))
        })
    }
}

/// A 3x3 layer.
pub(crate) struct Conv {
    layer: conv::Conv,
    buffers: Buffers,
}

impl Conv {
    pub(super) fn new(spec: Spec, weights: &VarBuilder<'_>, place: &Workplace) -> Result<Self> {
        let Spec { inputs, outputs, dilation, side } = spec;
        // On few pixels the transformed weights, four times as many, cost more to read than they save; so do the
        // half-empty tiles of a map whose every fourth pixel is a map of its own.
        let method = if side >= 20 && dilation <= 2 && inputs > 3 {
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
        Ok(Self { layer, buffers: place.buffers.clone() })
    }

    pub(super) fn forward(&self, sources: &[&Map], residual: Option<&Map>) -> Result<Blocked> {
        let sources = sources.iter().map(|map| on_host(map)).collect::<Result<Vec<_>>>()?;
        let residual = residual.map(on_host).transpose()?;
        let Some(first) = sources.first() else { bail!("a convolution of nothing") };
        let shape = self.layer.output_shape(first.shape);
        let run = |residual: Option<map::Map<'_>>| {
            with_all(&sources, &mut Vec::new(), &mut |maps| {
                Blocked::new(shape, &self.buffers, "conv3x3", |values| {
                    self.layer.run(maps, residual, values);
                })
            })
        };
        match residual {
            None => run(None),
            Some(residual) => residual.read(|residual| run(Some(residual)))?,
        }
    }
}

/// Calls `with` while all of `maps` are open for reading.
fn with_all<'a, R>(
    maps: &[&'a Blocked],
    open: &mut Vec<map::Map<'_>>,
    with: &mut dyn FnMut(&[map::Map<'_>]) -> Result<R>,
) -> Result<R> {
    match maps.split_first() {
        None => with(open),
        Some((first, rest)) => first.read(|first| {
            let mut open: Vec<_> = open.iter().copied().chain([first]).collect();
            with_all(rest, &mut open, with)
        })?,
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
            let mut plane = vec![0.0; map.shape.batch * map.shape.pixels()];
            map.read(|map| side.run(map, &mut plane))?;
            planes.push((map.shape, plane));
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

/// Calls `with` on the values of a tensor of the CPU, which is contiguous.
pub(super) fn read<R>(tensor: &Tensor, with: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(with(contiguous(storage.as_slice()?, layout)?)),
        _ => bail!("a kernel of the CPU got a tensor of another device"),
    }
}

/// Calls `with` on the values of a tensor of the CPU, to be written.
pub(super) fn write(tensor: &Tensor, name: &'static str, with: impl Fn(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Write { name, with })
}

struct Write<F> {
    name: &'static str,
    with: F,
}

impl<F: Fn(&mut [f32])> InplaceOp1 for Write<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(values) = storage else { bail!("{} writes f32 only", self.name) };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{} writes contiguous tensors only", self.name)
        };
        (self.with)(&mut values[start..end]);
        Ok(())
    }
}

fn contiguous<'a>(values: &'a [f32], layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("a kernel of the CPU got a tensor that is not contiguous"),
    }
}
