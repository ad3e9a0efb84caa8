//! The layers of the text networks on blocked maps: the crate `kernels`, in memory that is used again.
//!
//! Candle's own convolution runs a grouped one group by group, and there are hundreds of groups here.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::{
    Kernel,
    channels::{self, HardSigmoid},
    conv::{Activation, Conv, Geometry, Method},
    depthwise::Depthwise,
    map::{self, Shape},
    recurrent::Lstm,
};

use crate::models::layers::{Blocked, Workplace, with_all};

/// Rows of a band.
const BAND: usize = 32;

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

    pub(super) fn forward(&self, input: &Blocked) -> Result<Blocked> {
        input.make(self.0.output_shape(input.shape()), "convolution", |input, output| {
            self.0.run(&[input], None, output);
        })
    }

    /// The same of the planes of an image, as a stem: of 3x3 with stride 2. It goes through in bands of rows, for in
    /// blocks a page's three channels would take more memory than any other map of it.
    pub(super) fn forward_in_bands(&self, image: &Tensor, place: &Workplace) -> Result<Blocked> {
        let rows = image.dim(2)? / 2;
        let bands = (0..rows).step_by(BAND).map(|first| {
            // The row above is not right, since it misses what is above itself, and is left out again.
            let above = first.saturating_sub(1);
            let count = BAND.min(rows - first) + first - above;
            self.forward(&place.blocked(&image.narrow(2, 2 * above, 2 * count)?)?)
        });
        let bands = bands.collect::<Result<Vec<_>>>()?;
        let Some(widest) = bands.first() else { candle_core::bail!("an image without rows") };
        let shape = Shape { height: rows, ..widest.shape() };
        with_all(&bands.iter().collect::<Vec<_>>(), &mut |maps| {
            widest.make(shape, "stack", |_, output| map::stack(maps, output))
        })
    }

    /// The same, added to `residual`.
    pub(super) fn forward_onto(&self, input: &Blocked, residual: &Blocked) -> Result<Blocked> {
        residual.read(|residual| {
            input.make(self.0.output_shape(input.shape()), "convolution", |input, output| {
                self.0.run(&[input], Some(residual), output);
            })
        })?
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

    pub(super) fn forward(&self, input: &Blocked) -> Result<Blocked> {
        let shape = self.0.output_shape(input.shape());
        input.make(shape, "depthwise-convolution", |input, output| self.0.run(input, output))
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

    pub(super) fn forward(&self, input: &Blocked) -> Result<Blocked> {
        let gates = self.excite.forward(&self.squeeze.forward(&means(input)?)?)?;
        gates.read(|gates| {
            input.make(input.shape(), "gate", |input, output| {
                channels::gate(input, gates.values(), self.opens, output);
            })
        })?
    }
}

/// What a two-way LSTM makes of its gates, maps one pixel high.
pub(super) fn lstm(lstm: &Lstm, gates: &Blocked) -> Result<Blocked> {
    let shape = Shape { channels: 2 * lstm.hidden(), ..gates.shape() };
    gates.make(shape, "lstm", |gates, output| lstm.run(gates, output))
}

/// The mean of each channel: a map of one pixel.
pub(super) fn means(input: &Blocked) -> Result<Blocked> {
    let shape = Shape { height: 1, width: 1, ..input.shape() };
    input.make(shape, "means", |input, output| output.copy_from_slice(&channels::means(input)))
}

/// The columns of one image of a map, so many from `first` on.
pub(super) fn columns(
    input: &Blocked,
    image: usize,
    first: usize,
    count: usize,
) -> Result<Blocked> {
    let shape = Shape { batch: 1, width: count, ..input.shape() };
    input.make(shape, "columns", |input, output| map::columns(input, image, first, output))
}

/// `large`, and on it `small`, enlarged to twice its size by repeating pixels.
pub(super) fn add_doubled(large: &Blocked, small: &Blocked) -> Result<Blocked> {
    small.read(|small| {
        large.make(large.shape(), "add-doubled", |large, output| {
            channels::add_doubled(large, small, output);
        })
    })?
}

/// The channels of all `maps`, one after the other, all enlarged to the size of the last.
pub(super) fn concat(maps: [&Blocked; 4]) -> Result<Blocked> {
    let [.., largest] = maps;
    let channels = maps.iter().map(|map| map.shape().channels).sum();
    let shape = Shape { channels, ..largest.shape() };
    with_all(&maps, &mut |maps| {
        largest.make(shape, "concat", |_, output| {
            channels::concat(maps, (shape.height, shape.width), output);
        })
    })
}

/// Each pixel's 16 channels as 4x4 probabilities: `[B, 1, 4 * H, 4 * W]`, planar.
pub(super) fn spread_4x4(input: &Blocked) -> Result<Tensor> {
    let Shape { batch, height, width, .. } = input.shape();
    let spread = input.make(input.shape(), "spread", channels::spread_4x4)?;
    spread.to_tensor()?.reshape((batch, 1, 4 * height, 4 * width))
}

/// The values of a small tensor, copied.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_nn::VarMap;

    use super::*;
    use crate::models::layers::Compute;

    #[test]
    fn bands_of_an_image_give_what_the_whole_gives() {
        let place = Workplace::new(&Compute::cpu());
        let kernel = place.compute().kernel;
        let parameters = VarMap::new();
        let weights = VarBuilder::from_varmap(&parameters, candle_core::DType::F32, &Device::Cpu);
        let stem =
            Convolution::new((3, 8), 3, (2, 2), Activation::HardSwish, kernel, &weights).unwrap();
        for height in [2, 2 * BAND, 2 * BAND + 2, 6 * BAND - 2] {
            let image = Tensor::rand(-1_f32, 1.0, (2, 3, height, 10), &Device::Cpu).unwrap();
            let expected = stem.forward(&place.blocked(&image).unwrap()).unwrap();
            let got = stem.forward_in_bands(&image, &place).unwrap();
            assert_eq!(got.shape(), expected.shape());
            let bits = |map: &Blocked| values(&map.to_tensor().unwrap()).unwrap();
            assert_eq!(bits(&got), bits(&expected), "{height} rows");
        }
    }
}
