//! The layers that networks are made of, on the device that runs them.
//!
//! A network says what follows what, once; here is how. On a CPU the layers are those of the crate `kernels` (`host`), in
//! memory that is used again (`blocked`); on any other device they are candle's own (`device`). Both are candle
//! tensors, so weights, inputs and outputs are the same.

mod blocked;
mod buffers;
mod compute;
mod device;
mod host;
#[cfg(test)]
mod tests;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

pub(crate) use self::blocked::{Blocked, with_all};
pub use self::compute::{Compute, DeviceChoice, KernelChoice, NoDevice, UnknownDevice};

use self::buffers::Buffers;

/// What layers share: where they run, and the memory of their maps. Networks that run one after the other can have one
/// workplace together; a clone is the same one.
#[derive(Clone)]
pub struct Workplace {
    compute: Compute,
    buffers: Buffers,
}

impl Workplace {
    /// One for layers that run as `compute` says.
    #[must_use]
    pub fn new(compute: &Compute) -> Self {
        Self { compute: compute.clone(), buffers: Buffers::default() }
    }

    /// Where its layers run, and how.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The same memory, for layers that run on the CPU whatever the others do.
    #[must_use]
    pub fn on_cpu(&self) -> Self {
        let compute = Compute { device: Device::Cpu, ..self.compute.clone() };
        Self { compute, buffers: self.buffers.clone() }
    }

    /// Gives back all memory that no map is in.
    pub fn rest(&self) {
        self.buffers.clear();
    }

    /// The map of an image, `[B, C, H, W]`, for layers of the CPU.
    pub(crate) fn blocked(&self, image: &Tensor) -> Result<Blocked> {
        Blocked::of(image, &self.buffers)
    }

    /// The map of an image, `[B, C, H, W]`.
    pub(crate) fn map(&self, image: &Tensor) -> Result<Map> {
        if self.compute.device.is_cpu() {
            self.blocked(image).map(Map::Host)
        } else {
            Ok(Map::Device(image.clone()))
        }
    }
}

/// A map of channels between two layers.
#[derive(Clone)]
pub(crate) enum Map {
    Host(Blocked),
    Device(Tensor),
}

impl Map {
    /// Height and width.
    pub(crate) fn size(&self) -> Result<(usize, usize)> {
        match self {
            Self::Host(map) => Ok((map.shape().height, map.shape().width)),
            Self::Device(map) => device::size(map),
        }
    }

    /// Half as high and wide: the largest of 2x2 pixels each. Both sides are even.
    pub(crate) fn max_pool(&self) -> Result<Self> {
        match self {
            Self::Host(map) => map.max_pool().map(Self::Host),
            Self::Device(map) => map.max_pool2d(2).map(Self::Device),
        }
    }

    /// As high and wide as `size` says: bilinear with half-pixel centres.
    pub(crate) fn resize(&self, size: (usize, usize)) -> Result<Self> {
        if self.size()? == size {
            return Ok(self.clone());
        }
        match self {
            Self::Host(map) => map.resize(size).map(Self::Host),
            Self::Device(map) => map.upsample_bilinear2d(size.0, size.1, false).map(Self::Device),
        }
    }
}

/// What a layer computes.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) dilation: usize,
    /// The side of the map that it usually gets; any other works as well.
    pub(crate) side: usize,
}

/// Convolution (3x3, same size) and `ReLU`.
pub(crate) enum Conv {
    Host(host::Conv),
    Device(device::Conv),
}

impl Conv {
    /// The layer `spec` with `weights`.
    pub(crate) fn new(spec: Spec, weights: &VarBuilder<'_>, place: &Workplace) -> Result<Self> {
        if place.compute.device.is_cpu() {
            host::Conv::new(spec, weights, place).map(Self::Host)
        } else {
            device::Conv::new(spec, weights).map(Self::Device)
        }
    }

    /// The layer applied to the channels of all `sources`, one after the other; on it, `residual`.
    pub(crate) fn forward(&self, sources: &[&Map], residual: Option<&Map>) -> Result<Map> {
        match self {
            Self::Host(layer) => layer.forward(sources, residual).map(Map::Host),
            Self::Device(layer) => layer.forward(sources, residual).map(Map::Device),
        }
    }
}

/// Convolutions (3x3) of several maps to one channel each; their sum with weights, as large as the image, and sigmoid.
pub(crate) enum Fusion {
    Host(host::Fusion),
    Device(device::Fusion),
}

impl Fusion {
    /// Sides called `side1`, ... for maps of so many `channels`, and `outconv`.
    pub(crate) fn new(
        channels: &[usize],
        weights: &VarBuilder<'_>,
        place: &Workplace,
    ) -> Result<Self> {
        if place.compute.device.is_cpu() {
            host::Fusion::new(channels, weights, &place.compute).map(Self::Host)
        } else {
            device::Fusion::new(channels, weights).map(Self::Device)
        }
    }

    /// `[B, 1, H, W]`, from 0 to 1.
    pub(crate) fn forward(&self, maps: &[Map], size: (usize, usize)) -> Result<Tensor> {
        match self {
            Self::Host(fusion) => fusion.forward(maps, size),
            Self::Device(fusion) => fusion.forward(maps, size),
        }
    }
}

/// The map of the host, which a network of the host has.
fn on_host(map: &Map) -> Result<&Blocked> {
    match map {
        Map::Host(map) => Ok(map),
        Map::Device(_) => candle_core::bail!("a layer of the CPU got a map of another device"),
    }
}

/// The tensor of the device, which a network of the device has.
fn on_device(map: &Map) -> Result<&Tensor> {
    match map {
        Map::Device(map) => Ok(map),
        Map::Host(_) => candle_core::bail!("a layer of a device got a map of the CPU"),
    }
}
