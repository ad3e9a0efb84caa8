//! `bench cuda`, on a machine that has a GPU: images per second by batch size, beside `PyTorch` on the same card, and how
//! far a photo's mask is from the CPU's.

use std::{env, io, path::PathBuf};

use candle_core::{DType, Device, Module as _, Tensor};
use candle_nn::{VarBuilder, VarMap};
use inference_node::models::{
    background::network::{Config, SIDE, U2Net},
    background::preprocess,
    cache::Cache,
    layers::{Compute, DeviceChoice, Workplace},
    weights::{Weights, card},
};

use super::peer::Peer;
use crate::Row;

const ROUNDS: usize = 4;
const RUNS: u32 = 5;

/// One row for every network and batch size.
pub(crate) fn rows() -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let compute = Compute::open(DeviceChoice::Cuda(0), None).map_err(io::Error::other)?;
    for name in ["u2netp", "u2net"] {
        let (network, weights) = network(name, &compute)?;
        if weights.is_some() {
            rows.push(accuracy(name, &network, &compute)?);
        }
        for batch in [1, 8, 32] {
            rows.push(throughput(name, batch, &network, &compute, weights.as_ref())?);
            crate::print(&rows[rows.len() - 1..])?;
        }
    }
    Ok(rows)
}

/// The network and the file of its weights; random ones, which take as long, where the file is not there.
fn network(name: &str, compute: &Compute) -> io::Result<(U2Net, Option<PathBuf>)> {
    let cache =
        Cache::of_user(|name| env::var_os(name)).ok_or_else(|| io::Error::other("no HOME"))?;
    let card = card(name).ok_or_else(|| io::Error::other("no such model"))?;
    let config = Config::of(name).ok_or_else(|| io::Error::other("no such network"))?;
    let file = cache.safetensors(card);
    let parameters = VarMap::new();
    let (weights, file) = if file.is_file() {
        let weights = Weights::load(card, &file).map_err(io::Error::other)?;
        (weights.into_tensors(compute).map_err(io::Error::other)?, Some(file))
    } else {
        (VarBuilder::from_varmap(&parameters, DType::F32, &compute.device), None)
    };
    Ok((U2Net::new(&config, weights, &Workplace::new(compute)).map_err(io::Error::other)?, file))
}

fn throughput(
    name: &str,
    batch: usize,
    network: &U2Net,
    compute: &Compute,
    weights: Option<&PathBuf>,
) -> io::Result<Row> {
    let mut arguments = vec![name.to_owned(), batch.to_string()];
    arguments.extend(weights.map(|file| file.display().to_string()));
    let mut peer = Peer::start("torch_u2net.py", &arguments)?;
    let shape = (batch, 3, usize::from(SIDE), usize::from(SIDE));
    let image = Tensor::rand(-2_f32, 2.0, shape, &compute.device).map_err(io::Error::other)?;
    let run = || -> candle_core::Result<()> {
        network.forward(&image)?.to_device(&Device::Cpu).map(drop)
    };
    let (ours, theirs) = peer.beside(ROUNDS, RUNS, || run().map_err(io::Error::other))?;
    #[expect(clippy::cast_precision_loss, reason = "at most 32")]
    let per_second = |seconds: f64| batch as f64 / seconds;
    Ok(Row {
        name: format!("{name} at {SIDE}, GPU, batch {batch}"),
        ours: per_second(ours),
        peer: per_second(theirs),
        peer_name: peer.name.clone(),
        unit: "images/s",
        ratio: theirs / ours,
        aim: "none: shows where it stands".to_owned(),
        better: "higher",
    })
}

/// How far the GPU's mask of a photo is from the CPU's at most, in steps of 1/255.
fn accuracy(name: &str, network: &U2Net, compute: &Compute) -> io::Result<Row> {
    let photo = image::load_from_memory(include_bytes!("../../../docs/pictures/photo.jpg"));
    let photo = photo.map_err(io::Error::other)?;
    let (cpu_network, _) = self::network(name, &Compute::cpu())?;
    let steps = || -> candle_core::Result<f64> {
        let image = preprocess::normalise(&photo, &Device::Cpu)?.unsqueeze(0)?;
        let cpu = cpu_network.forward(&image)?;
        let gpu = network.forward(&image.to_device(&compute.device)?)?.to_device(&Device::Cpu)?;
        let greatest = (cpu - gpu)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        Ok(f64::from(greatest) * 255.0)
    };
    let ours = steps().map_err(io::Error::other)?;
    Ok(Row {
        name: format!("{name} at {SIDE}, GPU: greatest difference of a photo's mask"),
        ours,
        peer: 1.0,
        peer_name: "one step of 8 bits".to_owned(),
        unit: "1/255",
        ratio: ours,
        aim: "<= 1".to_owned(),
        better: "lower",
    })
}
