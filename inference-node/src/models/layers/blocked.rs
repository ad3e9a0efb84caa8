//! Maps on a CPU: tensors in blocks of 16 channels, in buffers that are used again.

use std::sync::Arc;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use kernels::{
    map::{self, Map, Shape},
    pool, resize,
};

use super::buffers::{Buffer, Buffers};

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

    /// What it holds.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// A map of `shape`, the whole of which `fill` writes by what it reads of this one.
    pub(crate) fn make(
        &self,
        shape: Shape,
        name: &'static str,
        fill: impl Fn(Map<'_>, &mut [f32]) + Sync,
    ) -> Result<Self> {
        self.read(|source| Self::new(shape, &self.buffers, name, |values| fill(source, values)))?
    }

    /// Half as high and wide: the largest of 2x2 pixels each.
    pub(crate) fn max_pool(&self) -> Result<Self> {
        self.make(pool::halved(self.shape), "max-pool", pool::max_2x2)
    }

    /// As high and wide as `size` says: bilinear with half-pixel centres.
    pub(super) fn resize(&self, size: (usize, usize)) -> Result<Self> {
        let shape = Shape { height: size.0, width: size.1, ..self.shape };
        self.make(shape, "resize", |source, values| resize::bilinear(source, size, values))
    }

    /// Its values, as they lie: a tensor of one dimension with memory of its own.
    pub(crate) fn to_tensor(&self) -> Result<Tensor> {
        self.read(|map| Tensor::from_slice(map.values(), map.values().len(), &Device::Cpu))?
    }

    /// Its values, planar.
    #[cfg(test)]
    pub(super) fn planar(&self) -> Result<Vec<f32>> {
        let mut planar = vec![0.0; self.shape.planar_len()];
        self.read(|map| map::unblock(self.shape, map.values(), &mut planar))?;
        Ok(planar)
    }

    /// Calls `with` on it.
    pub(crate) fn read<R>(&self, with: impl FnOnce(Map<'_>) -> R) -> Result<R> {
        read(self.buffer.tensor(), |values| {
            with(Map::new(self.shape, &values[..self.shape.blocked_len()]))
        })
    }
}

/// Calls `with` while all of `maps` are open for reading.
pub(crate) fn with_all<R>(
    maps: &[&Blocked],
    with: &mut dyn FnMut(&[Map<'_>]) -> Result<R>,
) -> Result<R> {
    fn and_then<R>(
        maps: &[&Blocked],
        open: &[Map<'_>],
        with: &mut dyn FnMut(&[Map<'_>]) -> Result<R>,
    ) -> Result<R> {
        match maps.split_first() {
            None => with(open),
            Some((first, rest)) => first.read(|first| {
                let open: Vec<_> = open.iter().copied().chain([first]).collect();
                and_then(rest, &open, with)
            })?,
        }
    }
    and_then(maps, &[], with)
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
