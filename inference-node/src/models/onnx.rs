//! The few parts of an ONNX file that a conversion needs.
//!
//! The messages are those of [onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), cut down to the
//! fields that are read; everything else in the file is skipped. Reading never panics. It can cost more memory than
//! the file has bytes (a list of empty messages), so files of unknown origin are refused by digest before they come
//! here.

use prost::{Message, bytes::Bytes};

/// A file longer than this is refused: no model of the catalogue comes near.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// `TensorProto.DataType.FLOAT`: 32-bit IEEE 754.
const FLOAT: i32 = 1;

/// A model: a graph, and things about it that are not read.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
}

/// A computation: nodes in execution order, and the constants they use.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// The operations, each after those it depends on.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// The constants: the trained weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// The names of the values it takes; for `Conv`: input, weight, bias.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// The names of the values it gives.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// What it does: `Conv`, `Relu`, ...
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// How it does it.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// A setting of an operation; for `Constant`, the constant itself.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// What is set: `epsilon`, `value`, ...
    #[prost(string, tag = "1")]
    pub name: String,
    /// The number, where it is one.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// The tensor, where it is one.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
}

/// A constant tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Its shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// The type of its elements; 1 is `f32`.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Its elements, row by row, unless they are in `raw_data`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// The name that nodes call it by.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Its elements, row by row, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
}

/// Why a file is not an ONNX model that can be used.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file is longer than any model here.
    #[error("the ONNX file has {0} bytes, more than {MAX_BYTES}")]
    TooLong(usize),
    /// The bytes are not the protobuf message of a model.
    #[error("not an ONNX file: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The model has no graph.
    #[error("the ONNX file has no graph")]
    NoGraph,
    /// A tensor is not what its header claims.
    #[error("ONNX tensor `{name}`: {problem}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Reads the graph of an ONNX file.
pub fn parse(file: Bytes) -> Result<GraphProto, OnnxError> {
    if file.len() > MAX_BYTES {
        return Err(OnnxError::TooLong(file.len()));
    }
    ModelProto::decode(file)?.graph.ok_or(OnnxError::NoGraph)
}

impl TensorProto {
    /// The shape, once it is certain that the data has exactly that many `f32` elements.
    pub fn checked_shape(&self) -> Result<Vec<usize>, OnnxError> {
        let problem = |problem| OnnxError::Tensor { name: self.name.clone(), problem };
        if self.data_type != FLOAT {
            return Err(problem("its elements are not 32-bit floats"));
        }
        let shape =
            self.dims.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| problem("a dimension is negative or too large"))?;
        let bytes = shape.iter().try_fold(size_of::<f32>(), |bytes, &dim| bytes.checked_mul(dim));
        if bytes != Some(self.raw_data.len()) {
            return Err(problem("its data does not have the length that its shape asks for"));
        }
        Ok(shape)
    }

    /// The shape and the elements, from whichever of the two fields has them.
    pub fn floats(&self) -> Result<(Vec<usize>, Vec<f32>), OnnxError> {
        if self.float_data.is_empty() {
            let shape = self.checked_shape()?;
            let (elements, _) = self.raw_data.as_chunks();
            return Ok((shape, elements.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()));
        }
        let raw_data = self.float_data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { raw_data, float_data: Vec::new(), ..self.clone() }.floats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], bytes: usize) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type: FLOAT,
            name: "weight".into(),
            raw_data: Bytes::from(vec![0; bytes]),
            ..TensorProto::default()
        }
    }

    #[test]
    fn elements_are_the_same_from_either_field() {
        let raw_data = [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let raw = TensorProto { raw_data, ..tensor(&[2, 1], 0) };
        let listed = TensorProto { float_data: vec![1.5, -2.0], ..tensor(&[2, 1], 0) };
        assert_eq!(raw.floats().unwrap(), (vec![2, 1], vec![1.5, -2.0]));
        assert_eq!(listed.floats().unwrap(), raw.floats().unwrap());
        assert!(TensorProto { float_data: vec![1.5], ..tensor(&[2, 1], 0) }.floats().is_err());
    }

    #[test]
    fn a_tensor_with_the_length_of_its_shape_is_accepted() {
        assert_eq!(tensor(&[2, 3], 24).checked_shape().unwrap(), [2, 3]);
        assert_eq!(tensor(&[], 4).checked_shape().unwrap(), [0; 0]);
        assert_eq!(tensor(&[0, 5], 0).checked_shape().unwrap(), [0, 5]);
    }

    #[test]
    fn a_tensor_with_another_length_or_an_impossible_shape_is_refused() {
        for (dims, bytes) in
            [(&[2, 3][..], 23), (&[2, 3], 28), (&[-1], 4), (&[i64::MAX, i64::MAX], 8)]
        {
            assert!(tensor(dims, bytes).checked_shape().is_err(), "{dims:?} in {bytes} bytes");
        }
    }

    #[test]
    fn a_tensor_of_another_type_is_refused() {
        let double = TensorProto { data_type: 11, ..tensor(&[1], 8) };
        assert!(double.checked_shape().is_err());
    }

    #[test]
    fn any_truncation_and_any_changed_byte_is_read_or_refused_but_never_panics() {
        let node = NodeProto {
            input: vec!["x".into(), "weight".into(), "bias".into()],
            op_type: "Conv".into(),
            ..NodeProto::default()
        };
        let graph = GraphProto { node: vec![node], initializer: vec![tensor(&[2, 3], 24)] };
        let file = ModelProto { graph: Some(graph.clone()) }.encode_to_vec();
        assert_eq!(parse(file.clone().into()).unwrap(), graph);

        for end in 0..file.len() {
            assert!(parse(Bytes::copy_from_slice(&file[..end])).is_err(), "cut at {end}");
        }
        for position in 0..file.len() {
            for value in 0..=255 {
                let mut damaged = file.clone();
                damaged[position] = value;
                if let Ok(graph) = parse(damaged.into()) {
                    graph.initializer.iter().for_each(|tensor| drop(tensor.checked_shape()));
                }
            }
        }
    }

    #[test]
    fn a_deeply_nested_file_is_refused_without_exhausting_the_stack() {
        // Groups inside groups of an unknown field: the one way to nest in what is skipped.
        let file = vec![0x7b; 1_000_000];
        assert!(matches!(parse(file.into()), Err(OnnxError::Malformed(_))));
    }
}
