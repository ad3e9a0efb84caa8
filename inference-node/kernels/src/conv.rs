//! Convolution, bias, activation and residual in one pass over the output.

use rayon::prelude::*;

use crate::{
    Kernel,
    direct::Direct,
    lanes::{LANES, Lanes},
    map::{Map, Shape},
    winograd::Winograd,
};

/// What a layer computes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Geometry {
    /// Channels in, over all sources.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// The kernel's height and width: 1, 3, 5.
    pub size: (usize, usize),
    /// Rows and columns from one output to the next: 1 or 2.
    pub stride: (usize, usize),
    /// Rows and columns from one tap to the next.
    pub dilation: usize,
}

impl Geometry {
    /// A 3x3 layer that keeps the size of its map.
    #[must_use]
    pub fn same_3x3(inputs: usize, outputs: usize, dilation: usize) -> Self {
        Self { inputs, outputs, size: (3, 3), stride: (1, 1), dilation }
    }

    /// The size of the output for an input of `height` and `width`, padded by half the kernel on every side.
    #[must_use]
    pub fn output_size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        // (n + 2 * padding - reach) / stride + 1, where reach = 2 * padding + 1 for an odd size
        ((height - 1) / self.stride.0 + 1, (width - 1) / self.stride.1 + 1)
    }

    /// Rows and columns of padding.
    pub(crate) fn padding(&self) -> (usize, usize) {
        (self.size.0 / 2 * self.dilation, self.size.1 / 2 * self.dilation)
    }

    pub(crate) fn output_blocks(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }
}

/// What follows the sum and the bias.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * min(max(x + 3, 0), 6) / 6`: [hard-swish](https://arxiv.org/abs/1905.02244).
    HardSwish,
}

/// How the products are found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Tap by tap: any geometry, and the weights are kept as they are.
    Direct,
    /// F(4x4, 3x3) of [Lavin and Gray](https://arxiv.org/abs/1509.09308): 3x3 with stride 1, and four times the
    /// weights. A layer with dilation d is d * d layers without, on every d-th row and column.
    Winograd,
}

/// A layer with its weights, in the one form that its method reads.
pub struct Conv {
    geometry: Geometry,
    finish: Finish,
    kernel: Kernel,
    form: Form,
}

enum Form {
    Direct(Direct),
    Winograd(Winograd),
}

/// What is done to a sum before it is stored.
pub(crate) struct Finish {
    /// Of every output, filled with zeros to whole blocks.
    bias: Vec<f32>,
    activation: Activation,
}

impl Conv {
    /// The layer with `weights` `[outputs, inputs, height, width]` and `bias` `[outputs]`.
    ///
    /// # Panics
    /// If weights or bias have another length, or if the geometry is not one of the method's.
    #[must_use]
    pub fn new(
        geometry: Geometry,
        activation: Activation,
        method: Method,
        kernel: Kernel,
        weights: &[f32],
        bias: &[f32],
    ) -> Self {
        let Geometry { inputs, outputs, size, stride, .. } = geometry;
        assert_eq!(weights.len(), outputs * inputs * size.0 * size.1, "weights of {geometry:?}");
        assert_eq!(bias.len(), outputs, "bias of {geometry:?}");
        assert!(size.0 % 2 == 1 && size.1 % 2 == 1 && geometry.dilation > 0, "{geometry:?}");
        assert!((1..=2).contains(&stride.0) && (1..=2).contains(&stride.1), "{geometry:?}");
        let mut bias = bias.to_vec();
        bias.resize(geometry.output_blocks() * LANES, 0.0);
        let form = match method {
            Method::Direct => Form::Direct(Direct::new(&geometry, weights)),
            Method::Winograd => Form::Winograd(Winograd::new(&geometry, weights)),
        };
        Self { geometry, finish: Finish { bias, activation }, kernel, form }
    }

    /// What it computes.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The shape of the output for a source of `shape`.
    #[must_use]
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let (height, width) = self.geometry.output_size((shape.height, shape.width));
        Shape { batch: shape.batch, channels: self.geometry.outputs, height, width }
    }

    /// Writes the whole of `output`: the convolution of the `sources`' channels one after the other, and on it
    /// `residual`, which is as large as the output.
    ///
    /// # Panics
    /// If the sources differ in size, if their channels are not the layer's, if one of them but the last does not fill
    /// its blocks, or if `output` or `residual` has another size than [`Conv::output_shape`].
    pub fn run(&self, sources: &[Map<'_>], residual: Option<Map<'_>>, output: &mut [f32]) {
        let shape = self.check(sources, residual, output);
        match &self.form {
            Form::Direct(direct) => {
                direct.run(
                    &self.geometry,
                    &self.finish,
                    self.kernel,
                    sources,
                    residual,
                    shape,
                    output,
                );
            }
            Form::Winograd(winograd) => {
                winograd.run(
                    &self.geometry,
                    &self.finish,
                    self.kernel,
                    sources,
                    residual,
                    shape,
                    output,
                );
            }
        }
    }

    fn check(&self, sources: &[Map<'_>], residual: Option<Map<'_>>, output: &[f32]) -> Shape {
        let first = sources.first().expect("a convolution has a source").shape();
        let mut channels = 0;
        for source in sources {
            assert_eq!(channels % LANES, 0, "only the last source may leave lanes empty");
            channels += source.shape().channels;
            let Shape { batch, height, width, .. } = source.shape();
            assert_eq!(
                (batch, height, width),
                (first.batch, first.height, first.width),
                "sources of one layer"
            );
        }
        assert_eq!(channels, self.geometry.inputs, "channels of the sources");
        let shape = self.output_shape(first);
        assert_eq!(output.len(), shape.blocked_len(), "values of the output {shape:?}");
        if let Some(residual) = residual {
            assert_eq!(residual.shape(), shape, "the residual's shape");
        }
        shape
    }
}

impl Finish {
    /// The finish of `outputs` channels.
    pub(crate) fn new(activation: Activation, bias: &[f32], outputs: usize) -> Self {
        assert_eq!(bias.len(), outputs, "bias of {outputs} channels");
        let mut bias = bias.to_vec();
        bias.resize(outputs.div_ceil(LANES) * LANES, 0.0);
        Self { bias, activation }
    }

    /// `sum` of 16 outputs of `block` as it is stored.
    ///
    /// # Safety
    /// The contract of [`Lanes`].
    #[inline(always)]
    pub(crate) unsafe fn apply<L: Lanes>(
        &self,
        block: usize,
        sum: L,
        residual: Option<*const f32>,
    ) -> L {
        // SAFETY: the caller's; the bias has 16 values for every block, and a residual line is a line of a map.
        unsafe {
            let value = sum.add(L::load(self.bias.as_ptr().add(block * LANES)));
            let value = match self.activation {
                Activation::None => value,
                Activation::Relu => value.max(L::splat(0.0)),
                Activation::HardSwish => {
                    let gate = value.add(L::splat(3.0)).max(L::splat(0.0)).min(L::splat(6.0));
                    value.mul(gate.mul(L::splat(1.0 / 6.0)))
                }
            };
            match residual {
                Some(residual) => value.add(L::load(residual)),
                None => value,
            }
        }
    }
}

/// Weights `[outputs, inputs, taps]` as the inner loop reads them: `[outputs / 16][tap][inputs][16]`.
///
/// `transform` makes the taps that are kept of those of one kernel.
pub(crate) fn panels(
    geometry: &Geometry,
    weights: &[f32],
    taps: usize,
    transform: impl Fn(&[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let Geometry { inputs, outputs, size, .. } = *geometry;
    let kernel = size.0 * size.1;
    let mut panels = vec![0.0; geometry.output_blocks() * taps * inputs * LANES];
    panels.par_chunks_mut(taps * inputs * LANES).enumerate().for_each(|(block, panel)| {
        let mut kept = vec![0.0; taps];
        for output in block * LANES..outputs.min((block + 1) * LANES) {
            for input in 0..inputs {
                transform(&weights[(output * inputs + input) * kernel..][..kernel], &mut kept);
                for (tap, &value) in kept.iter().enumerate() {
                    panel[(tap * inputs + input) * LANES + output % LANES] = value;
                }
            }
        }
    });
    panels
}

#[cfg(test)]
mod tests;
