//! ONNX to safetensors: the same numbers under the names that the authors gave the layers.
//!
//! The exported graph calls its weights by number. Its convolutions, however, stand in the order in which the
//! reference model ([u2net.py](https://github.com/xuebinqin/U-2-Net/blob/master/model/u2net.py)) runs them, so the
//! architecture itself tells their names. Batch normalisation is already folded into weight and bias.

mod layers;
mod ppocr;

use std::collections::HashMap;

use prost::bytes::Bytes;
use safetensors::{Dtype, SafeTensorError, tensor::TensorView};

pub use self::ppocr::ppocr;
use crate::models::onnx::{self, OnnxError, TensorProto};

/// What makes safetensors of a model's original files, in the order in which its card lists them.
pub type Conversion = fn(&[Bytes]) -> Result<Vec<u8>, ConvertError>;

/// How many convolution layers each stage of U^2-Net has on its way down, in execution order.
const STAGES: [(&str, usize); 11] = [
    ("stage1", 7),
    ("stage2", 6),
    ("stage3", 5),
    ("stage4", 4),
    ("stage5", 4),
    ("stage6", 4),
    ("stage5d", 4),
    ("stage4d", 4),
    ("stage3d", 5),
    ("stage2d", 6),
    ("stage1d", 7),
];

/// Converts the ONNX file of a U^2-Net, of either size; the same file always gives the same bytes.
pub fn u2net(files: &[Bytes]) -> Result<Vec<u8>, ConvertError> {
    let [file] = files else { return Err(ConvertError::Files { expected: 1, found: files.len() }) };
    let graph = onnx::parse(file.clone())?;
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let convolutions: Vec<_> = graph.node.iter().filter(|node| node.op_type == "Conv").collect();
    let layers = u2net_layers();
    if convolutions.len() != layers.len() {
        return Err(ConvertError::NotU2Net { expected: layers.len(), found: convolutions.len() });
    }

    let mut tensors = Vec::with_capacity(2 * layers.len());
    for (layer, convolution) in layers.iter().zip(convolutions) {
        for (input, part) in [(1, "weight"), (2, "bias")] {
            let name = format!("{layer}.{part}");
            let constant =
                convolution.input.get(input).and_then(|input| constants.get(input.as_str()));
            let Some(constant) = constant else { return Err(ConvertError::NoConstant { name }) };
            let view = TensorView::new(Dtype::F32, constant.checked_shape()?, &constant.raw_data)?;
            tensors.push((name, view));
        }
    }
    // No metadata: safetensors orders the tensors itself, so the bytes depend on nothing but the numbers.
    Ok(safetensors::serialize(tensors, None)?)
}

/// The names of all 119 convolution layers, in execution order.
fn u2net_layers() -> Vec<String> {
    let mut names = Vec::new();
    for (stage, depth) in STAGES {
        names.push(format!("{stage}.rebnconvin"));
        names.extend((1..=depth).map(|level| format!("{stage}.rebnconv{level}")));
        names.extend((1..depth).rev().map(|level| format!("{stage}.rebnconv{level}d")));
    }
    names.extend((1..=6).map(|side| format!("side{side}")));
    names.push("outconv".into());
    names
}

/// Why an ONNX file could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The file itself is not usable.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The graph is another architecture.
    #[error("the graph is not a U^2-Net: it has {found} convolutions, not {expected}")]
    NotU2Net {
        /// How many a U^2-Net has.
        expected: usize,
        /// How many the graph has.
        found: usize,
    },
    /// A convolution takes its weight or bias from elsewhere than a constant.
    #[error("the graph is not a U^2-Net: there is no constant for `{name}`")]
    NoConstant {
        /// The tensor that is missing.
        name: String,
    },
    /// The model has another number of files.
    #[error("the model is made of {expected} files, not {found}")]
    Files {
        /// How many the model has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A network for text is another architecture.
    #[error("the graph is not PP-OCR's {network}: {problem}")]
    NotPpocr {
        /// Which of its networks.
        network: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The tensors could not be written as safetensors.
    #[error("the weights cannot be written as safetensors: {0}")]
    Write(#[from] SafeTensorError),
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use safetensors::SafeTensors;

    use super::*;
    use crate::models::onnx::{GraphProto, ModelProto, NodeProto};

    /// A graph with as many convolutions as a U^2-Net, each with a weight and a bias of one element: its number.
    fn miniature() -> GraphProto {
        let mut graph = GraphProto::default();
        for number in 0..119u8 {
            let (weight, bias) = (format!("w{number}"), format!("b{number}"));
            for (name, dims) in [(&weight, vec![1, 1, 1, 1]), (&bias, vec![1])] {
                let raw_data = Bytes::copy_from_slice(&f32::from(number).to_le_bytes());
                graph.initializer.push(TensorProto {
                    dims,
                    data_type: 1,
                    name: name.clone(),
                    raw_data,
                    ..TensorProto::default()
                });
            }
            let node = |input, op_type: &str| NodeProto {
                input,
                op_type: op_type.into(),
                ..NodeProto::default()
            };
            graph.node.push(node(vec!["x".into(), weight, bias], "Conv"));
            graph.node.push(node(vec!["y".into()], "Relu"));
        }
        graph
    }

    fn convert(graph: GraphProto) -> Result<Vec<u8>, ConvertError> {
        u2net(&[ModelProto { graph: Some(graph) }.encode_to_vec().into()])
    }

    #[test]
    fn convolutions_get_the_names_of_the_reference_model_in_execution_order() {
        let file = convert(miniature()).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        assert_eq!(tensors.len(), 2 * 119);
        // Counted in the reference model: stage1 has 14 layers, the eleven stages have 112 together.
        for (name, number) in [
            ("stage1.rebnconvin.weight", 0.0_f32),
            ("stage1.rebnconv7.bias", 7.0),
            ("stage1.rebnconv6d.weight", 8.0),
            ("stage1.rebnconv1d.weight", 13.0),
            ("stage2.rebnconvin.weight", 14.0),
            ("stage1d.rebnconv1d.weight", 111.0),
            ("side1.weight", 112.0),
            ("outconv.bias", 118.0),
        ] {
            assert_eq!(tensors.tensor(name).unwrap().data(), number.to_le_bytes(), "{name}");
        }
    }

    #[test]
    fn the_order_of_the_constants_in_the_file_makes_no_difference() {
        let mut shuffled = miniature();
        shuffled.initializer.reverse();
        assert_eq!(convert(miniature()).unwrap(), convert(shuffled).unwrap());
    }

    #[test]
    fn another_architecture_is_refused() {
        let mut graph = miniature();
        graph.node.truncate(10);
        assert!(matches!(convert(graph), Err(ConvertError::NotU2Net { expected: 119, found: 5 })));
    }

    #[test]
    fn a_convolution_without_a_constant_bias_is_refused() {
        let mut graph = miniature();
        graph.node[0].input.pop();
        let error = convert(graph).unwrap_err().to_string();
        assert!(error.contains("stage1.rebnconvin.bias"), "{error}");
    }

    #[test]
    fn a_constant_shorter_than_its_shape_is_refused() {
        let mut graph = miniature();
        graph.initializer[0].dims = vec![2, 1, 1, 1];
        assert!(matches!(convert(graph), Err(ConvertError::Onnx(OnnxError::Tensor { .. }))));
    }
}
