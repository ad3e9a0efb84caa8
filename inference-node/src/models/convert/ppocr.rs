//! PP-OCR: three networks and a list of characters, as one file.
//!
//! The exported graphs call their layers by number; as with U^2-Net, the architectures
//! ([det_mobilenet_v3](https://github.com/PaddlePaddle/PaddleOCR/tree/release/2.6/ppocr/modeling)) tell their names.

use prost::bytes::Bytes;
use safetensors::{Dtype, tensor::TensorView};

use super::{
    ConvertError,
    layers::{Layer, Layers, Problem},
};
use crate::models::onnx;

/// How many blocks each network has.
const DETECTOR_BLOCKS: usize = 15;
const CLASSIFIER_BLOCKS: usize = 11;
const RECOGNISER_BLOCKS: usize = 13;

/// Converts detector, classifier, recogniser and characters; the same files always give the same bytes.
pub fn ppocr(files: &[Bytes]) -> Result<Vec<u8>, ConvertError> {
    let [detector, classifier, recogniser, characters] = files else {
        return Err(ConvertError::Files { expected: 4, found: files.len() });
    };
    let mut tensors = Vec::new();
    let mut network =
        |network: &'static str,
         file: &Bytes,
         convert: fn(&Layers<'_>) -> Result<Vec<Tensor>, Problem>| {
            let graph = onnx::parse(file.clone())?;
            let converted = convert(&Layers::of(&graph))
                .map_err(|problem| ConvertError::NotPpocr { network, problem })?;
            tensors.extend(
                converted
                    .into_iter()
                    .map(|tensor| Tensor { name: format!("{network}.{}", tensor.name), ..tensor }),
            );
            Ok::<_, ConvertError>(())
        };
    network("detector", detector, |layers| convolutions(layers, &detector_layers()))?;
    network("classifier", classifier, |layers| {
        let mut tensors = convolutions(layers, &classifier_layers())?;
        tensors.extend(linear(layers, &["head"])?);
        Ok(tensors)
    })?;
    network("recogniser", recogniser, |layers| {
        let mut tensors = convolutions(layers, &recogniser_layers())?;
        tensors.extend(recurrent(layers)?);
        tensors.extend(linear(layers, &["head.0", "head.1"])?);
        Ok(tensors)
    })?;

    let mut views = tensors
        .iter()
        .map(|tensor| {
            Ok((
                tensor.name.as_str(),
                TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, ConvertError>>()?;
    views.push(("characters", TensorView::new(Dtype::U8, vec![characters.len()], characters)?));
    Ok(safetensors::serialize(views, None)?)
}

struct Tensor {
    name: String,
    shape: Vec<usize>,
    /// Elements, little-endian.
    bytes: Vec<u8>,
}

impl Tensor {
    fn new(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        Self { name, shape, bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect() }
    }

    fn pair(name: &str, layer: Layer) -> [Self; 2] {
        let Layer { shape, weight, bias } = layer;
        [
            Self::new(format!("{name}.weight"), shape, &weight),
            Self::new(format!("{name}.bias"), vec![bias.len()], &bias),
        ]
    }
}

/// All convolutions, which are called `names` in execution order.
fn convolutions(layers: &Layers<'_>, names: &[String]) -> Result<Vec<Tensor>, Problem> {
    let nodes = layers.nodes(&["Conv", "ConvTranspose"]);
    if nodes.len() != names.len() {
        return Err(format!("it has {} convolutions, not {}", nodes.len(), names.len()));
    }
    let mut tensors = Vec::with_capacity(2 * names.len());
    for (name, node) in names.iter().zip(nodes) {
        tensors.extend(Tensor::pair(name, layers.fold(node)?));
    }
    Ok(tensors)
}

/// All matrix products, whose weights become `[outputs, inputs]`.
fn linear(layers: &Layers<'_>, names: &[&str]) -> Result<Vec<Tensor>, Problem> {
    let nodes = layers.nodes(&["MatMul"]);
    if nodes.len() != names.len() {
        return Err(format!("it has {} matrix products, not {}", nodes.len(), names.len()));
    }
    let mut tensors = Vec::new();
    for (name, node) in names.iter().zip(nodes) {
        let Layer { shape, weight, bias } = layers.fold(node)?;
        let (inputs, outputs) = (shape[0], shape[1]);
        let turned = (0..outputs).flat_map(|output| (0..inputs).map(move |input| (input, output)));
        let weight = turned.map(|(input, output)| weight[input * outputs + output]).collect();
        tensors.extend(Tensor::pair(name, Layer { shape: vec![outputs, inputs], weight, bias }));
    }
    Ok(tensors)
}

/// The two-way LSTMs: of each, what both directions take from the line in one piece, and what each direction takes from
/// its last step. Gates are in the order input, forget, cell, output, as before the export.
fn recurrent(layers: &Layers<'_>) -> Result<Vec<Tensor>, Problem> {
    let mut tensors = Vec::new();
    for (number, node) in layers.nodes(&["LSTM"]).into_iter().enumerate() {
        let [input, hidden, bias] = [1, 2, 3].map(|input| layers.leaves(node, input));
        let (input, hidden, bias) = (input?, hidden?, bias?);
        let ([(shape, forward), (_, backward)], [first, second], [(_, a), (_, b), (_, c), (_, d)]) =
            (input.as_slice(), hidden.as_slice(), bias.as_slice())
        else {
            return Err("an LSTM does not have two directions".to_owned());
        };
        let both = |own: &[f32], recurrent: &[f32]| -> Vec<f32> {
            own.iter().zip(recurrent).map(|(own, recurrent)| own + recurrent).collect()
        };
        let layer = Layer {
            shape: vec![2 * shape[0], shape[1]],
            weight: [forward.as_slice(), backward].concat(),
            bias: [both(a, c), both(b, d)].concat(),
        };
        tensors.extend(Tensor::pair(&format!("lstm.{number}.input"), layer));
        for (direction, (shape, weight)) in [("forward", first), ("backward", second)] {
            tensors.push(Tensor::new(
                format!("lstm.{number}.{direction}.weight"),
                shape.clone(),
                weight,
            ));
        }
    }
    Ok(tensors)
}

fn detector_layers() -> Vec<String> {
    let mut names = vec!["stem".to_owned()];
    for block in 0..DETECTOR_BLOCKS {
        names.extend(parts(&format!("blocks.{block}"), &["expand", "depthwise", "project"]));
    }
    names.push("last".to_owned());
    for level in (0..4).rev() {
        names.extend(parts(&format!("lateral.{level}"), &["conv", "squeeze", "excite"]));
    }
    for level in (0..4).rev() {
        names.extend(parts(&format!("smooth.{level}"), &["conv", "squeeze", "excite"]));
    }
    names.extend(parts("head", &["conv", "up1", "up2"]));
    names
}

fn classifier_layers() -> Vec<String> {
    let mut names = vec!["stem".to_owned()];
    for block in 0..CLASSIFIER_BLOCKS {
        let is_gated = !matches!(block, 1 | 2);
        let all: &[&str] = if is_gated {
            &["expand", "depthwise", "squeeze", "excite", "project"]
        } else {
            &["expand", "depthwise", "project"]
        };
        names.extend(parts(&format!("blocks.{block}"), all));
    }
    names.push("last".to_owned());
    names
}

fn recogniser_layers() -> Vec<String> {
    let mut names = vec!["stem".to_owned()];
    for block in 0..RECOGNISER_BLOCKS {
        let is_gated = block >= RECOGNISER_BLOCKS - 2;
        let all: &[&str] = if is_gated {
            &["depthwise", "squeeze", "excite", "project"]
        } else {
            &["depthwise", "project"]
        };
        names.extend(parts(&format!("blocks.{block}"), all));
    }
    names
}

fn parts(prefix: &str, parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| format!("{prefix}.{part}")).collect()
}
