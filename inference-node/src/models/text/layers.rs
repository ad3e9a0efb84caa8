//! The layers of the text networks, as custom operations of candle on blocked maps.
//!
//! A blocked map is a tensor `[batch, channels / 16, height, width, 16]`, as [`kernels`] has it. Candle's own
//! convolution runs a grouped one group by group, and there are hundreds of groups here.

use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape as Dims, Tensor};
use candle_nn::VarBuilder;
use kernels::{
    Kernel,
    channels::{self, HardSigmoid},
    conv::{Activation, Conv, Geometry, Method},
    depthwise::Depthwise,
    map::{self, Map, Shape},
    recurrent::Lstm,
};

/// Channels of one pixel that lie side by side.
const LANES: usize = 16;

/// Blocks a planar tensor `[B, C, H, W]`.
pub(super) fn block(planar: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = planar.dims4()?;
    let shape = Shape { batch, channels, height, width };
    run(planar, "block", |values| {
        let mut blocked = vec![0.0; shape.blocked_len()];
        map::block(shape, values, &mut blocked);
        (blocked, shape)
    })
}

/// A dense convolution, also one of 1x1.
pub(super) struct Convolution(Conv);

impl Convolution {
    /// `outputs` channels of `inputs`, by kernels of `size` x `size`.
    pub(super) fn new(
        (inputs, outputs): (usize, usize),
        size: usize,
        stride: (usize, usize),
        activation: Activation,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = values(&weights.get((outputs, inputs, size, size), "weight")?)?;
        let bias = values(&weights.get(outputs, "bias")?)?;
        Ok(Self::from_values((inputs, outputs), size, stride, activation, kernel, &weight, &bias))
    }

    /// One of 1x1 whose weights are `[outputs, inputs]`.
    pub(super) fn linear(
        (inputs, outputs): (usize, usize),
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = values(&weights.get((outputs, inputs), "weight")?)?;
        let bias = values(&weights.get(outputs, "bias")?)?;
        Ok(Self::from_values(
            (inputs, outputs),
            1,
            (1, 1),
            Activation::None,
            kernel,
            &weight,
            &bias,
        ))
    }

    pub(super) fn from_values(
        (inputs, outputs): (usize, usize),
        size: usize,
        stride: (usize, usize),
        activation: Activation,
        kernel: Kernel,
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let geometry = Geometry { inputs, outputs, size: (size, size), stride, dilation: 1 };
        let method = if size == 3 && stride == (1, 1) { Method::Winograd } else { Method::Direct };
        Self(Conv::new(geometry, activation, method, kernel, weight, bias))
    }

    /// How many channels it gives.
    pub(super) fn outputs(&self) -> usize {
        self.0.geometry().outputs
    }

    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let shape = shape(input, self.0.geometry().inputs)?;
        run(input, "convolution", |values| {
            let to = self.0.output_shape(shape);
            let mut output = vec![0.0; to.blocked_len()];
            self.0.run(&[Map::new(shape, values)], None, &mut output);
            (output, to)
        })
    }

    /// The same, added to `residual`.
    pub(super) fn forward_onto(&self, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let shape = shape(input, self.0.geometry().inputs)?;
        with_values(residual, |residual| {
            run(input, "convolution", |values| {
                let to = self.0.output_shape(shape);
                let mut output = vec![0.0; to.blocked_len()];
                let residual = Map::new(to, residual);
                self.0.run(&[Map::new(shape, values)], Some(residual), &mut output);
                (output, to)
            })
        })
    }
}

/// A convolution of each channel on its own.
pub(super) struct DepthwiseConvolution(Depthwise);

impl DepthwiseConvolution {
    pub(super) fn new(
        channels: usize,
        size: usize,
        stride: (usize, usize),
        activation: Activation,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = values(&weights.get((channels, 1, size, size), "weight")?)?;
        let bias = values(&weights.get(channels, "bias")?)?;
        Ok(Self(Depthwise::new(size, stride, activation, kernel, &weight, &bias)))
    }

    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let shape = shape(input, self.0.channels())?;
        run(input, "depthwise-convolution", |values| {
            let to = self.0.output_shape(shape);
            let mut output = vec![0.0; to.blocked_len()];
            self.0.run(Map::new(shape, values), &mut output);
            (output, to)
        })
    }
}

/// Squeeze-and-excitation: each channel times a gate that opens by the means of all.
pub(super) struct Excitation {
    squeeze: Convolution,
    excite: Convolution,
    opens: HardSigmoid,
}

impl Excitation {
    pub(super) fn new(
        channels: usize,
        squeezed: usize,
        opens: HardSigmoid,
        kernel: Kernel,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let layer = |shape, activation, name| {
            Convolution::new(shape, 1, (1, 1), activation, kernel, &weights.pp(name))
        };
        Ok(Self {
            squeeze: layer((channels, squeezed), Activation::Relu, "squeeze")?,
            excite: layer((squeezed, channels), Activation::None, "excite")?,
            opens,
        })
    }

    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let whole = shape(input, self.squeeze.0.geometry().inputs)?;
        let means = run(input, "means", |values| {
            let means = channels::means(Map::new(whole, values));
            (means, Shape { height: 1, width: 1, ..whole })
        })?;
        let gates = self.excite.forward(&self.squeeze.forward(&means)?)?;
        with_values(&gates, |gates| {
            run(input, "gate", |values| {
                let mut output = vec![0.0; values.len()];
                channels::gate(Map::new(whole, values), gates, self.opens, &mut output);
                (output, whole)
            })
        })
    }
}

/// What a two-way LSTM makes of its gates, `[B, .., 1, T, 16]`.
pub(super) fn lstm(lstm: &Lstm, gates: &Tensor) -> Result<Tensor> {
    let shape = shape(gates, 8 * lstm.hidden())?;
    run(gates, "lstm", |values| {
        let to = Shape { channels: 2 * lstm.hidden(), ..shape };
        let mut output = vec![0.0; to.blocked_len()];
        lstm.run(Map::new(shape, values), &mut output);
        (output, to)
    })
}

/// The largest of each 2x2 pixels; an odd last row or column is dropped.
pub(super) fn max_2x2(input: &Tensor) -> Result<Tensor> {
    let whole = shape(input, LANES * input.dim(1)?)?;
    let even = input
        .narrow(2, 0, whole.height / 2 * 2)?
        .narrow(3, 0, whole.width / 2 * 2)?
        .contiguous()?;
    let even_shape = shape(&even, whole.channels)?;
    run(&even, "max-pool", |values| {
        let to = kernels::pool::halved(even_shape);
        let mut output = vec![0.0; to.blocked_len()];
        kernels::pool::max_2x2(Map::new(even_shape, values), &mut output);
        (output, to)
    })
}

/// The mean of each channel, `[B, channels]`.
pub(super) fn means(input: &Tensor, channels: usize) -> Result<Tensor> {
    let whole = shape(input, channels)?;
    let means = run(input, "means", |values| {
        (channels::means(Map::new(whole, values)), Shape { height: 1, width: 1, ..whole })
    })?;
    means.flatten_from(1)?.narrow(1, 0, channels)
}

/// `large`, and on it `small`, enlarged to twice its size by repeating pixels.
pub(super) fn add_doubled(large: &Tensor, small: &Tensor) -> Result<Tensor> {
    let channels = LANES * large.dim(1)?;
    let (to, half) = (shape(large, channels)?, shape(small, channels)?);
    with_values(small, |small| {
        run(large, "add-doubled", |values| {
            let mut output = vec![0.0; values.len()];
            channels::add_doubled(Map::new(to, values), Map::new(half, small), &mut output);
            (output, to)
        })
    })
}

/// Four maps of `channels` each side by side, all enlarged to the size of the first.
pub(super) fn concat(
    [first, second, third, fourth]: [&Tensor; 4],
    channels: usize,
) -> Result<Tensor> {
    let large = shape(first, channels)?;
    let shapes = [shape(second, channels)?, shape(third, channels)?, shape(fourth, channels)?];
    with_values(second, |second| {
        with_values(third, |third| {
            with_values(fourth, |fourth| {
                run(first, "concat", |first| {
                    let to = Shape { channels: 4 * channels, ..large };
                    let mut output = vec![0.0; to.blocked_len()];
                    let [two, three, four] = shapes;
                    // The smallest map's channels come first.
                    let sources = [(four, fourth), (three, third), (two, second), (large, first)]
                        .map(|(shape, values)| Map::new(shape, values));
                    channels::concat(&sources, (large.height, large.width), &mut output);
                    (output, to)
                })
            })
        })
    })
}

/// Each pixel's 16 channels as 4x4 probabilities: `[B, 1, 4 * H, 4 * W]`, planar.
pub(super) fn spread_4x4(input: &Tensor) -> Result<Tensor> {
    let from = shape(input, LANES)?;
    let spread = run(input, "spread", |values| {
        let mut output = vec![0.0; values.len()];
        channels::spread_4x4(Map::new(from, values), &mut output);
        (output, from)
    })?;
    spread.reshape((from.batch, 1, 4 * from.height, 4 * from.width))
}

/// The shape of a blocked tensor that holds `channels`.
pub(super) fn shape(blocked: &Tensor, channels: usize) -> Result<Shape> {
    let &[batch, blocks, height, width, LANES] = blocked.dims() else {
        return Err(Error::Msg(format!("{:?} is not the shape of a blocked map", blocked.dims())));
    };
    if blocks != channels.div_ceil(LANES) || height == 0 || width == 0 {
        return Err(Error::Msg(format!("{:?} cannot hold {channels} channels", blocked.dims())));
    }
    Ok(Shape { batch, channels, height, width })
}

/// Calls `work` with the values of a contiguous tensor on the CPU.
pub(super) fn with_values<R>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(storage) => work(slice(storage, layout)?),
        _ => Err(Error::Msg("the text networks run on the CPU".to_owned())),
    }
}

/// The values of a small tensor, copied.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// A new blocked map, made of the values of `input` by `compute`.
fn run<F>(input: &Tensor, name: &'static str, compute: F) -> Result<Tensor>
where
    F: Fn(&[f32]) -> (Vec<f32>, Shape),
{
    struct Operation<F> {
        name: &'static str,
        compute: F,
    }

    impl<F: Fn(&[f32]) -> (Vec<f32>, Shape)> CustomOp1 for Operation<F> {
        fn name(&self) -> &'static str {
            self.name
        }

        fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Dims)> {
            let (values, shape) = (self.compute)(slice(storage, layout)?);
            let Shape { batch, height, width, .. } = shape;
            let dims = Dims::from(vec![batch, shape.blocks(), height, width, LANES]);
            Ok((CpuStorage::F32(values), dims))
        }
    }

    input.apply_op1_no_bwd(&Operation { name, compute })
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| Error::Msg("a blocked map must lie in one piece".to_owned()))?;
    Ok(&values[start..end])
}
