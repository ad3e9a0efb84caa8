//! The layers of an exported graph: weight and bias of each, with everything folded in that is fixed.

use std::collections::HashMap;

use crate::models::onnx::{GraphProto, NodeProto, OnnxError, TensorProto};

/// A graph, with its values found by name.
pub(super) struct Layers<'a> {
    nodes: &'a [NodeProto],
    constants: HashMap<&'a str, &'a TensorProto>,
    producers: HashMap<&'a str, &'a NodeProto>,
    consumers: HashMap<&'a str, Vec<&'a NodeProto>>,
}

/// A layer: its weight in the graph's own layout, and its bias.
pub(super) struct Layer {
    pub(super) shape: Vec<usize>,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A shape, and the elements.
pub(super) type Constant = (Vec<usize>, Vec<f32>);

/// What is wrong with a graph.
pub(super) type Problem = String;

impl<'a> Layers<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let mut constants: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let (mut producers, mut consumers) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for node in &graph.node {
            let value = node.attribute.iter().find(|attribute| attribute.name == "value");
            for output in &node.output {
                match value.and_then(|value| value.t.as_ref()) {
                    Some(tensor) if node.op_type == "Constant" => {
                        constants.insert(output.as_str(), tensor);
                    }
                    _ => {
                        producers.insert(output.as_str(), node);
                    }
                }
            }
            for input in &node.input {
                consumers.entry(input.as_str()).or_default().push(node);
            }
        }
        Self { nodes: &graph.node, constants, producers, consumers }
    }

    /// The nodes that do one of `operations`, in execution order.
    pub(super) fn nodes(&self, operations: &[&str]) -> Vec<&'a NodeProto> {
        self.nodes.iter().filter(|node| operations.contains(&node.op_type.as_str())).collect()
    }

    /// The layer that `node` begins: `Conv`, `ConvTranspose` or `MatMul` with a constant weight, and what follows of
    /// bias and batch normalisation.
    pub(super) fn fold(&self, node: &'a NodeProto) -> Result<Layer, Problem> {
        let (shape, weight) = self.constant(node, 1)?;
        // Which axis of the weight counts the outputs.
        let axis = match (node.op_type.as_str(), shape.len()) {
            ("Conv", 4) => 0,
            ("ConvTranspose", 4) | ("MatMul", 2) => 1,
            _ => return Err(format!("`{}` has a weight of shape {shape:?}", node.op_type)),
        };
        let outputs = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        let mut weight: Vec<f64> = weight.into_iter().map(f64::from).collect();
        let mut bias = vec![0.0; outputs];

        let mut last = node;
        while let Some(next) = self.only_consumer(last) {
            if next.op_type == "BatchNormalization" {
                let [scale, offset, mean, variance] =
                    [1, 2, 3, 4].map(|input| self.vector(next, input, outputs));
                let (scale, offset, mean, variance) = (scale?, offset?, mean?, variance?);
                let epsilon = next.attribute.iter().find(|attribute| attribute.name == "epsilon");
                let epsilon = f64::from(epsilon.map_or(1e-5, |attribute| attribute.f));
                let factors: Vec<f64> = scale
                    .iter()
                    .zip(variance)
                    .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
                    .collect();
                for (output, bias) in bias.iter_mut().enumerate() {
                    *bias = (*bias - mean[output]) * factors[output] + offset[output];
                }
                for (index, weight) in weight.iter_mut().enumerate() {
                    *weight *= factors[index / inner % outputs];
                }
            } else if let Some(addend) = self.bias_of(next, last, outputs) {
                for (bias, addend) in bias.iter_mut().zip(addend) {
                    *bias += addend;
                }
            } else {
                break;
            }
            last = next;
        }
        #[expect(clippy::cast_possible_truncation, reason = "networks compute in f32")]
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        Ok(Layer { shape, weight: narrow(weight), bias: narrow(bias) })
    }

    /// The constants that `node`'s input is made of, however they are sliced and joined, in the order of the graph.
    pub(super) fn leaves(
        &self,
        node: &'a NodeProto,
        input: usize,
    ) -> Result<Vec<Constant>, Problem> {
        let mut names = Vec::new();
        let mut pending = vec![input_of(node, input)?];
        while let Some(name) = pending.pop() {
            if self.constants.get(name).is_some_and(|tensor| tensor.floats().is_ok()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            } else if let Some(producer) = self.producers.get(name) {
                pending.extend(producer.input.iter().rev().map(String::as_str));
            }
        }
        names.into_iter().map(|name| self.constants[name].floats().map_err(problem)).collect()
    }

    fn constant(&self, node: &'a NodeProto, input: usize) -> Result<Constant, Problem> {
        let name = input_of(node, input)?;
        let tensor = self.constants.get(name).ok_or_else(|| format!("`{name}` is no constant"))?;
        tensor.floats().map_err(problem)
    }

    fn vector(&self, node: &'a NodeProto, input: usize, len: usize) -> Result<Vec<f64>, Problem> {
        let (shape, values) = self.constant(node, input)?;
        if shape != [len] {
            return Err(format!("`{}` has {shape:?} where {len} channels are", node.op_type));
        }
        Ok(values.into_iter().map(f64::from).collect())
    }

    /// The node that uses the value of `node`, if it is used once.
    fn only_consumer(&self, node: &'a NodeProto) -> Option<&'a NodeProto> {
        let [output] = node.output.as_slice() else { return None };
        match self.consumers.get(output.as_str())?.as_slice() {
            [consumer] => Some(consumer),
            _ => None,
        }
    }

    /// What `add` adds to the value of `node`, if it is one constant for each channel.
    fn bias_of(
        &self,
        add: &'a NodeProto,
        node: &'a NodeProto,
        channels: usize,
    ) -> Option<Vec<f64>> {
        let other = add.input.iter().find(|input| Some(*input) != node.output.first())?;
        // Reshaped, so that it lies along the axis of the channels.
        let name = match self.producers.get(other.as_str()) {
            Some(reshape) if reshape.op_type == "Reshape" => reshape.input.first()?,
            _ => other,
        };
        let (shape, values) = self.constants.get(name.as_str())?.floats().ok()?;
        let fits = add.op_type == "Add" && shape == [channels];
        fits.then(|| values.into_iter().map(f64::from).collect())
    }
}

fn input_of(node: &NodeProto, input: usize) -> Result<&str, Problem> {
    let name = node.input.get(input).map(String::as_str);
    name.ok_or_else(|| format!("`{}` has no input {input}", node.op_type))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn problem(error: OnnxError) -> Problem {
    error.to_string()
}
