use proptest::prelude::*;

use super::*;
use crate::map::{block, unblock};

/// A layer, a batch of inputs for it, and whether there is a residual.
#[derive(Clone, Debug)]
struct Case {
    geometry: Geometry,
    activation: Activation,
    /// Channels of the first source, if there are two.
    first: Option<usize>,
    input: Shape,
    residual: bool,
    seed: u32,
}

fn cases(method: Method) -> impl Strategy<Value = Case> {
    let size = match method {
        Method::Direct => prop_oneof![Just(1_usize), Just(3), Just(5)].boxed(),
        Method::Winograd => Just(3).boxed(),
    };
    let stride = match method {
        Method::Direct => 1..=2_usize,
        Method::Winograd => 1..=1,
    };
    let activation =
        prop_oneof![Just(Activation::None), Just(Activation::Relu), Just(Activation::HardSwish)];
    (
        (1..40_usize, 1..40_usize, size, stride.clone(), stride, 1..5_usize),
        (1..3_usize, 1..40_usize, 1..40_usize),
        (activation, any::<bool>(), any::<bool>(), any::<u32>()),
    )
        .prop_map(
            |((inputs, outputs, size, down, right, dilation), (batch, height, width), rest)| {
                let (activation, two, residual, seed) = rest;
                Case {
                    geometry: Geometry {
                        inputs,
                        outputs,
                        size: (size, size),
                        stride: (down, right),
                        dilation,
                    },
                    activation,
                    first: (two && inputs > 16).then_some(16),
                    input: Shape { batch, channels: inputs, height, width },
                    residual,
                    seed,
                }
            },
        )
}

/// Values between -1 and 1, other ones for every `seed`.
fn values(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// What the layer computes, by its definition and in double precision, planar.
fn by_definition(
    case: &Case,
    weights: &[f32],
    bias: &[f32],
    input: &[f32],
    residual: &[f32],
) -> Vec<f64> {
    let Geometry { inputs, outputs, size, stride, dilation } = case.geometry;
    let Shape { batch, height, width, .. } = case.input;
    let (rows, columns) = case.geometry.output_size((height, width));
    let (down, right) = (size.0 / 2 * dilation, size.1 / 2 * dilation);
    let mut output = Vec::with_capacity(batch * outputs * rows * columns);
    for image in 0..batch {
        for channel in 0..outputs {
            for y in 0..rows {
                for x in 0..columns {
                    let mut sum = f64::from(bias[channel]);
                    for from in 0..inputs {
                        for i in 0..size.0 {
                            for j in 0..size.1 {
                                let (row, column) =
                                    (y * stride.0 + i * dilation, x * stride.1 + j * dilation);
                                if row < down || column < right {
                                    continue;
                                }
                                let (row, column) = (row - down, column - right);
                                if row < height && column < width {
                                    let value = input
                                        [((image * inputs + from) * height + row) * width + column];
                                    let weight = weights
                                        [((channel * inputs + from) * size.0 + i) * size.1 + j];
                                    sum += f64::from(value) * f64::from(weight);
                                }
                            }
                        }
                    }
                    let value = match case.activation {
                        Activation::None => sum,
                        Activation::Relu => sum.max(0.0),
                        Activation::HardSwish => sum * (sum + 3.0).clamp(0.0, 6.0) / 6.0,
                    };
                    let at = output.len();
                    output.push(value + if case.residual { f64::from(residual[at]) } else { 0.0 });
                }
            }
        }
    }
    output
}

fn blocked(shape: Shape, planar: &[f32]) -> Vec<f32> {
    let mut blocked = vec![f32::NAN; shape.blocked_len()];
    block(shape, planar, &mut blocked);
    blocked
}

/// The channels from `first` on of a planar map.
fn channels(shape: Shape, planar: &[f32], first: usize, count: usize) -> Vec<f32> {
    let images = planar.chunks_exact(shape.channels * shape.pixels());
    images
        .flat_map(|image| &image[first * shape.pixels()..(first + count) * shape.pixels()])
        .copied()
        .collect()
}

fn check(case: &Case, method: Method) {
    let Geometry { inputs, outputs, size, .. } = case.geometry;
    let weights = values(case.seed, outputs * inputs * size.0 * size.1);
    let bias = values(case.seed ^ 1, outputs);
    let input = values(case.seed ^ 2, case.input.planar_len());
    let parts = match case.first {
        None => vec![(0, inputs)],
        Some(first) => vec![(0, first), (first, inputs - first)],
    };
    let sources: Vec<_> = parts
        .into_iter()
        .map(|(first, count)| {
            let shape = Shape { channels: count, ..case.input };
            (shape, blocked(shape, &channels(case.input, &input, first, count)))
        })
        .collect();
    let sources: Vec<_> = sources.iter().map(|(shape, values)| Map::new(*shape, values)).collect();
    for kernel in Kernel::all() {
        let layer = Conv::new(case.geometry, case.activation, method, kernel, &weights, &bias);
        let shape = layer.output_shape(case.input);
        let residual = values(case.seed ^ 3, shape.planar_len());
        let expected = by_definition(case, &weights, &bias, &input, &residual);
        let residual = blocked(shape, &residual);
        let residual = case.residual.then(|| Map::new(shape, &residual));
        // Poisoned: a value that is not written stays no number.
        let mut output = vec![f32::NAN; shape.blocked_len()];
        layer.run(&sources, residual, &mut output);
        let mut planar = vec![0.0; shape.planar_len()];
        unblock(shape, &output, &mut planar);
        assert!(output.iter().all(|value| value.is_finite()), "{kernel}: a value was not written");
        for (index, (&value, expected)) in planar.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(value) - expected).abs() < 2e-4 * (1.0 + expected.abs()),
                "{kernel}, value {index}: {value} instead of {expected}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tap_by_tap_is_a_convolution_on_every_kernel(case in cases(Method::Direct)) {
        check(&case, Method::Direct);
    }

    #[test]
    fn winograd_is_a_convolution_on_every_kernel(case in cases(Method::Winograd)) {
        check(&case, Method::Winograd);
    }
}

#[test]
fn a_map_of_many_tiles_is_worked_off_in_blocks() {
    let case = Case {
        geometry: Geometry::same_3x3(20, 33, 1),
        activation: Activation::Relu,
        first: Some(16),
        input: Shape { batch: 2, channels: 20, height: 61, width: 50 },
        residual: true,
        seed: 7,
    };
    check(&case, Method::Winograd);
}
