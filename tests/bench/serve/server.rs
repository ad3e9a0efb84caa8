//! The two servers, and what the kernel knows of their processes.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use conformance::node::{self, Home, Node};
use inference_node::models::{cache::Cache, weights::card};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::generator::Generator;
use super::photo::Photo;

/// The peer, for people.
pub(super) const PEER: &str = "rembg s 2.0.86";
/// Of the kernel's clock; it has been 100 on Linux for as long as programs have relied on it.
const TICKS: f64 = 100.0;
/// How long the peer may take to start: it imports a great deal.
const PATIENCE: Duration = Duration::from_mins(5);

/// Python with the peer's packages.
pub(super) fn python() -> io::Result<PathBuf> {
    let python = env::var_os("LUNETTE_TEST_PEERS").map(PathBuf::from);
    python.ok_or_else(|| {
        io::Error::other("LUNETTE_TEST_PEERS is not set: run scripts/setup peers, or make bench")
    })
}

/// A node, and the folder that it lives in.
pub(super) struct Ours {
    pub(super) node: Node,
    home: Home,
}

impl Ours {
    /// Starts `lunette serve` with one model for images and none for text, as the peer has, and without quotas.
    pub(super) async fn start(model: &str, more: &[&str]) -> Self {
        Self::start_with(&[&["--model", model, "--text", "off"], more].concat()).await
    }

    /// Starts `lunette serve` without quotas.
    pub(super) async fn start_with(more: &[&str]) -> Self {
        let home = Home::default();
        let file = home.path().with_extension("bench.json");
        fs::write(&file, policy().to_string()).expect("a file");
        let policy = file.to_str().expect("text");
        let arguments = [&["--policy", policy], more].concat();
        let log = home.path().with_extension("log");
        let node = Node::start_with_log(&home, &arguments, &log).await;
        Self { node, home }
    }

    pub(super) fn generator(&self, model: &str, photo: &Photo) -> Generator {
        Generator::new(self.node.address, model, &photo.path, Some(self.key()))
    }

    pub(super) fn key(&self) -> String {
        self.home.development_key()
    }
}

/// The built-in policy, without what a bench would use up.
fn policy() -> Value {
    let mut policy: Value =
        serde_json::from_str(include_str!("../../../filter/policy.json")).expect("JSON");
    policy["quotas"] = json!([]);
    for tier in policy["tiers"].as_object_mut().expect("tiers").values_mut() {
        tier["quotas"] = json!([]);
        tier.as_object_mut().expect("a tier").remove("concurrent");
    }
    policy
}

/// A running `rembg s`; killed when dropped.
pub(super) struct Rembg {
    pub(super) address: SocketAddr,
    child: Child,
    _weights: TempDir,
}

impl Rembg {
    /// Starts it with the weights that `lunette models fetch` has brought, and waits until it listens.
    pub(super) async fn start(model: &str) -> io::Result<Self> {
        let cache =
            Cache::of_user(|name| env::var_os(name)).ok_or_else(|| io::Error::other("no HOME"))?;
        let card = card(model).ok_or_else(|| io::Error::other("no such model"))?;
        let weights = TempDir::new()?;
        symlink(cache.onnx(card), weights.path().join(format!("{model}.onnx")))?;
        let address = node::free_address();
        let threads = std::thread::available_parallelism()?.to_string();
        let child = Command::new(python()?)
            .args([
                "-c",
                "from rembg.cli import main; main()",
                "s",
                "--host",
                "127.0.0.1",
                "--port",
            ])
            .arg(address.port().to_string())
            .args(["--log_level", "error", "--no-ui"])
            .env("U2NET_HOME", weights.path())
            .env("OMP_NUM_THREADS", threads)
            .env("GRADIO_ANALYTICS_ENABLED", "False")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut rembg = Self { address, child, _weights: weights };
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if rembg.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{PEER} does not start")));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(rembg)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Rembg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that is looked at from outside.
#[derive(Clone, Copy)]
pub(super) struct Watched(pub(super) u32);

impl Watched {
    /// What all its threads took, those included that have ended.
    pub(super) fn cpu_seconds(self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name of the program, in brackets, may hold anything.
        let after = text.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks = |field| {
            let ticks = after.split_whitespace().nth(field).and_then(|ticks| ticks.parse().ok());
            ticks.unwrap_or(f64::NAN)
        };
        Ok((ticks(11) + ticks(12)) / TICKS)
    }

    pub(super) fn resident_mib(self) -> io::Result<f64> {
        self.status("VmRSS:")
    }

    pub(super) fn peak_mib(self) -> io::Result<f64> {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let kib: Option<f64> = line.trim().trim_end_matches(" kB").parse().ok();
        kib.map(|kib| kib / 1024.0).ok_or_else(|| io::Error::other(format!("no {name}")))
    }
}
