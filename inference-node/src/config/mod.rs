//! The configuration: `lunette.toml`, outranked by `LUNETTE_*` variables, outranked by flags.
//!
//! A [`Config`] in hand is already right. It holds no secret: those are read by
//! [`secrets`](crate::secrets) from a variable or a file of their own.

mod arguments;
mod check;
mod error;
mod file;
mod flags;
mod outward;
mod shared;
mod units;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use filter::{Environment, PermitKey, Policy};
use serde::Deserialize;

use crate::models::layers::{DeviceChoice, KernelChoice};
use crate::secrets::RootSecret;

pub use arguments::argument_problem;
pub use error::ConfigError;
pub use flags::{CommonFlags, ServeFlags};
pub use outward::{Otlp, OtlpTls, Redirect};
pub use shared::{RedisUrl, Shared, Tls};
pub use units::{ByteRate, ByteSize, Malformed, Share, Span};

/// The file that is read where none is named.
const FILE: &str = "lunette.toml";
/// The policy that holds where none is named.
pub const DEFAULT_POLICY: &str = include_str!("../../../filter/policy.json");
/// The name of the gate in this process.
pub const EMBEDDED_GATE: &str = "embedded";

/// The version of the realm key that a deployment begins with.
const FIRST_REALM: u32 = 1;

/// Whether mistakes are forgiven.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// On one's own machine: missing secrets are made at random.
    Development,
    /// For others: nothing that matters has a default.
    Production,
}

/// Where the gate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// In this process.
    Embedded,
    /// In front of it: Envoy or the Worker.
    External,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that was decided before the start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Whether mistakes are forgiven.
    pub mode: Mode,
    /// Where clients, or the gates in front, connect.
    pub listen: SocketAddr,
    /// Where health and metrics are; loopback, or with a certificate asked of clients.
    pub operator: SocketAddr,
    /// What `listen` speaks TLS with; plain HTTP without it.
    pub tls: Option<Tls>,
    /// What `operator` speaks TLS with; likewise.
    pub operator_tls: Option<Tls>,
    /// Whether the certificate of `tls` is one that this machine makes for itself.
    pub dev_certificate: bool,
    /// Where plain HTTP is answered with the address that speaks TLS.
    pub redirect: Option<Redirect>,
    /// The collector that traces are sent to.
    pub otlp: Option<Otlp>,
    /// How many nodes serve the deployment, at least 1.
    pub nodes: usize,
    /// What they share; always there where they are several.
    pub shared: Option<Shared>,
    /// Where the gate is.
    pub gate: Gate,
    /// Whose permits are taken: the embedded gate's, or those of the gates in front.
    pub gates: Vec<GateKey>,
    /// Virtual machines of the embedded gate, at least 1.
    pub gate_vms: usize,
    /// The compiled filter, a `.wasm` file. It may be missing.
    pub filter: PathBuf,
    /// The policy.
    pub policy: PolicySource,
    /// The deployment that permits are bound to.
    pub audience: String,
    /// The environment whose keys are taken.
    pub environment: Environment,
    /// The folder of keys and secrets. It may be missing.
    pub data: PathBuf,
    /// The file of the root secret, if one is named.
    pub root_secret_file: Option<PathBuf>,
    /// The versions of the realm key that derive signing secrets, one or two; the first is for new
    /// keys.
    pub signing_realms: Vec<u32>,
    /// The files of the secrets that issuers of tokens share with the gates, by name.
    pub token_secrets: BTreeMap<String, PathBuf>,
    /// Whether requests are taken whose failed checks a gate only reported.
    pub accept_report: bool,
    /// The folder of the models' weights. It may be missing.
    pub models: PathBuf,
    /// The names of the models that cut out backgrounds, unchecked: at least one, none twice. The first is used
    /// where none is asked for.
    pub background: Vec<String>,
    /// What reads text.
    pub text: Text,
    /// Where models run.
    pub device: DeviceChoice,
    /// The instructions of models on a CPU, if they are not to be the fastest.
    pub kernel: Option<KernelChoice>,
    /// Threads that compute, at least 1.
    pub threads: usize,
    /// Threads that decode and encode images, at least 1.
    pub decode_threads: usize,
    /// Bounds on the bodies that are being received.
    pub upload: Upload,
    /// Bounds on the images that wait for the model.
    pub queue: Queue,
    /// How long requests in flight may take after SIGTERM.
    pub drain_deadline: Duration,
    /// The form of the log.
    pub log: LogFormat,
}

/// What reads text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Text {
    /// The catalogue's model, if its weights are in the cache.
    IfFetched,
    /// The model of this name, unchecked.
    Model(String),
    /// Nothing.
    Off,
}

/// A gate and the version of its permit key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GateKey {
    /// The gate's name.
    pub gate: String,
    /// The version of its key, from 1.
    pub version: u32,
}

/// The policy, as text for gates and as checked for this process.
#[derive(Clone, Debug)]
pub struct PolicySource {
    /// Where it came from, for messages.
    pub origin: String,
    /// The file.
    pub text: Vec<u8>,
    /// What it says.
    pub policy: Policy,
}

/// What a policy says follows from its text.
impl PartialEq for PolicySource {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin && self.text == other.text
    }
}

impl Eq for PolicySource {}

/// Bounds on the request bodies that are being received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Upload {
    /// Bytes that may be held at once, over all requests.
    pub total: u64,
    /// Bytes that the requests of one key may hold; no less than any route's `max_bytes`.
    pub per_key: u64,
    /// How long one body may take.
    pub deadline: Duration,
    /// How long it may stand still.
    pub idle: Duration,
    /// Bytes per second it must bring on average.
    pub minimum_rate: u64,
    /// From when on the rate is asked for.
    pub grace: Duration,
}

/// Bounds on the images that wait for the model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queue {
    /// How many may wait.
    pub waiting: usize,
    /// How long one may wait.
    pub deadline: Duration,
    /// How many run together at most; 0 is for the device to say.
    pub batch: usize,
    /// Pixels of all images that are decoded at once, on each device; no less than any route's `max_pixels`.
    pub pixels: u64,
}

impl Config {
    /// Reads the file and puts the flags and variables over it.
    pub fn load(common: &CommonFlags, serve: &ServeFlags) -> Result<Self, ConfigError> {
        let file = match &common.config {
            Some(path) => file::read(path)?,
            None if Path::new(FILE).exists() => file::read(Path::new(FILE))?,
            None => file::Settings::default(),
        };
        check::check(common.clone(), serve.clone(), file, &check::Machine::this())
    }

    /// The configuration for a command that does not serve.
    pub fn load_for_tools(common: &CommonFlags) -> Result<Self, ConfigError> {
        Self::load(common, &ServeFlags::from_environment()?)
    }

    /// The version of the realm key that derives the signing secrets of new keys.
    pub fn newest_realm(&self) -> u32 {
        self.signing_realms.first().copied().unwrap_or(FIRST_REALM)
    }

    /// The keys of the gates whose permits are taken.
    pub fn permit_keys(&self, root: &RootSecret) -> Vec<PermitKey> {
        self.gates.iter().map(|key| root.permit_key(&key.gate, key.version)).collect()
    }
}

impl PolicySource {
    /// The built-in policy.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse("built-in policy".to_owned(), DEFAULT_POLICY.into())
    }

    /// Reads and checks a policy file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path.display().to_string(), text)
    }

    fn parse(origin: String, text: Vec<u8>) -> Result<Self, ConfigError> {
        match Policy::parse(&text) {
            Ok(policy) => Ok(Self { origin, text, policy }),
            Err(error) => Err(ConfigError::Policy { file: origin, error }),
        }
    }

    /// The scopes that its routes ask for, each once.
    pub fn scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> =
            self.policy.routes.iter().flat_map(|route| &route.scopes).map(String::as_str).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }
}
