//! What a network costs beside ONNX Runtime on the same cores, and beside `PyTorch` on the same GPU.
//!
//! Both sides run the same weights in alternating rounds, a few runs each. The least of a side's rounds counts: what
//! else the machine does can only add to it.

pub(crate) mod cuda;
mod peer;
pub(crate) mod text;

use std::{env, io};

use candle_core::{Device, Module as _, Tensor};
use inference_node::models::{
    background::network::{Config, SIDE, U2Net},
    cache::Cache,
    layers::{Compute, DeviceChoice, KernelChoice, Workplace},
    weights::{Weights, card},
};
use rayon::{ThreadPool, ThreadPoolBuilder};

use self::peer::Peer;
use crate::Row;

const ROUNDS: usize = 5;
const RUNS: u32 = 3;

/// The rows of both sizes of U^2-Net on the CPU.
pub(crate) fn rows() -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in ["u2netp", "u2net"] {
        for threads in [1, 2] {
            rows.extend(u2net(name, threads)?);
        }
    }
    Ok(rows)
}

fn u2net(name: &'static str, threads: usize) -> io::Result<Vec<Row>> {
    let cache =
        Cache::of_user(|name| env::var_os(name)).ok_or_else(|| io::Error::other("no HOME"))?;
    let card = card(name).ok_or_else(|| io::Error::other("no such model"))?;
    let side = SIDE.to_string();
    let onnx = cache.onnx(card).display().to_string();
    let mut peer =
        Peer::start("onnx.py", &[onnx.as_str(), &threads.to_string(), "1", "3", &side, &side])?;
    let pool = pool(threads)?;
    let kernels: Vec<_> = ["avx512", "avx2", "portable"]
        .into_iter()
        .filter_map(|name| name.parse::<KernelChoice>().ok())
        .collect();
    let image = Tensor::rand(-2_f32, 2.0, (1, 3, SIDE.into(), SIDE.into()), &Device::Cpu);
    let image = image.map_err(io::Error::other)?;
    let mut rows = Vec::new();
    for kernel in kernels {
        let compute = Compute::open(DeviceChoice::Cpu, Some(kernel));
        let compute = compute.map_err(io::Error::other)?;
        let weights = Weights::load(card, &cache.safetensors(card)).map_err(io::Error::other)?;
        let weights = weights.into_tensors(&compute).map_err(io::Error::other)?;
        let config = Config::of(name).ok_or_else(|| io::Error::other("no such network"))?;
        let network = pool
            .install(|| U2Net::new(&config, weights, &Workplace::new(&compute)))
            .map_err(io::Error::other)?;
        let run = || pool.install(|| network.forward(&image).map(drop)).map_err(io::Error::other);
        let (ours, theirs) = peer.beside(ROUNDS, RUNS, run)?;
        let (ours, theirs) = (ours * 1e3, theirs * 1e3);
        let fastest = kernel.0 == kernels::Kernel::best();
        rows.push(Row {
            name: format!("{name} at {SIDE}, {threads} thread(s), {}", kernel.0),
            ours,
            peer: theirs,
            peer_name: peer.name.clone(),
            unit: "ms",
            ratio: ours / theirs,
            aim: if fastest {
                "<= 0.67".to_owned()
            } else {
                "none: shows what the path costs".to_owned()
            },
            better: "lower",
        });
    }
    Ok(rows)
}

fn pool(threads: usize) -> io::Result<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)
}
