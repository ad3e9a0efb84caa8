//! The networks that find and read text.

use std::{env, io};

use candle_core::{DType, Device, Tensor};
use inference_node::models::{
    cache::Cache,
    layers::{Compute, Workplace},
    text::{
        characters::Characters, classifier::Classifier, detector::Detector, recogniser::Recogniser,
    },
    weights::{Weights, card},
};

use super::{ROUNDS, RUNS, peer::Peer, pool};
use crate::Row;

type Run = Box<dyn Fn(&Tensor) -> candle_core::Result<()> + Send + Sync>;

/// A network, its input `[B, 3, H, W]`, and what it may cost of the peer's time.
struct Case {
    network: &'static str,
    input: [usize; 4],
    aim: &'static str,
    run: Run,
}

/// The rows of all three on the fastest kernel.
pub(crate) fn rows() -> io::Result<Vec<Row>> {
    let mut rows = rows_with(1)?;
    rows.extend(rows_with(2)?);
    Ok(rows)
}

fn rows_with(threads: usize) -> io::Result<Vec<Row>> {
    let cache =
        Cache::of_user(|name| env::var_os(name)).ok_or_else(|| io::Error::other("no HOME"))?;
    let pool = pool(threads)?;
    let mut rows = Vec::new();
    for case in cases(&cache).map_err(io::Error::other)? {
        let onnx = cache.folder().join(format!("ppocr-{}.onnx", case.network));
        let shape = case.input.map(|side| side.to_string());
        let mut arguments = vec![onnx.display().to_string(), threads.to_string()];
        arguments.extend(shape.iter().cloned());
        let mut peer = Peer::start("onnx.py", &arguments)?;
        let input = Tensor::rand(-1_f32, 1.0, &case.input[..], &Device::Cpu);
        let input = input.map_err(io::Error::other)?;
        let run = || pool.install(|| (case.run)(&input)).map_err(io::Error::other);
        let (ours, theirs) = peer.beside(ROUNDS, RUNS, run)?;
        let (ours, theirs) = (ours * 1e3, theirs * 1e3);
        rows.push(Row {
            name: format!("{} at {}, {threads} thread(s)", case.network, shape.join("x")),
            ours,
            peer: theirs,
            peer_name: peer.name.clone(),
            unit: "ms",
            ratio: ours / theirs,
            aim: case.aim.to_owned(),
            better: "lower",
        });
    }
    Ok(rows)
}

fn cases(cache: &Cache) -> Result<Vec<Case>, Box<dyn std::error::Error + Send + Sync>> {
    let card = card("ppocr").ok_or("no such model")?;
    let tensors = Weights::load(card, &cache.safetensors(card))?.into_tensors(&Compute::cpu())?;
    let list = tensors.get_unchecked_dtype("characters", DType::U8)?.to_vec1::<u8>()?;
    let classes = Characters::parse(&list).ok_or("the characters are no text")?.classes();
    let place = Workplace::new(&Compute::cpu());
    let detector = Detector::new(&place, tensors.pp("detector"))?;
    let classifier = Classifier::new(&place, tensors.pp("classifier"))?;
    let recogniser = Recogniser::new(classes, &place, tensors.pp("recogniser"))?;
    let case = |network, input, aim, run| Case { network, input, aim, run };
    Ok(vec![
        case(
            "detector",
            [1, 3, 736, 992],
            "<= 1.2",
            Box::new(move |input| detector.forward(input).map(drop)),
        ),
        case(
            "classifier",
            [6, 3, 48, 192],
            "none: a small part of a page",
            Box::new(move |input| classifier.forward(input).map(drop)),
        ),
        case(
            "recogniser",
            [6, 3, 32, 320],
            "<= 1.0",
            Box::new(move |input| recogniser.forward(input).map(drop)),
        ),
    ])
}
