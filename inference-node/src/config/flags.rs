//! Flags and environment variables: the settings that outrank the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches as _};
use filter::Environment;

use super::units::{ByteRate, ByteSize, Share, Span};
use super::{ConfigError, Gate, LogFormat, Mode};
use crate::models::layers::{DeviceChoice, KernelChoice};

/// Settings that every command knows.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings of every command")]
pub struct CommonFlags {
    /// The configuration file [default: lunette.toml in this folder, if there is one]
    #[arg(long, global = true, env = "LUNETTE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of keys and secrets [default: ~/.local/share/lunette]
    #[arg(long, global = true, env = "LUNETTE_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// development or production [default: production where `listen` is not loopback]
    #[arg(long, global = true, env = "LUNETTE_MODE", value_enum, hide_possible_values = true)]
    pub mode: Option<Mode>,
    /// live or test [default: live in production, test in development]
    #[arg(long, global = true, env = "LUNETTE_ENVIRONMENT", value_parser = environment)]
    pub environment: Option<Environment>,
    /// The policy file [default: a built-in one, shown by `lunette serve --help`]
    #[arg(long, global = true, env = "LUNETTE_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The file of the root secret; `LUNETTE_ROOT_SECRET` outranks it
    #[arg(long, global = true, env = "LUNETTE_ROOT_SECRET_FILE", value_name = "FILE")]
    pub root_secret_file: Option<PathBuf>,
    /// Versions of the realm key that derive signing secrets; new keys use the first [default: 1]
    #[arg(
        long,
        global = true,
        env = "LUNETTE_SIGNING_REALMS",
        value_name = "NUMBER",
        value_delimiter = ','
    )]
    pub signing_realms: Option<Vec<u32>>,
}

/// Settings of `lunette serve`.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeFlags {
    /// Where clients connect [default: 127.0.0.1:8080]
    #[arg(long, env = "LUNETTE_LISTEN", value_name = "ADDRESS", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where health and metrics are; loopback unless clients need certificates [default: 127.0.0.1:9090]
    #[arg(long, env = "LUNETTE_OPERATOR", value_name = "ADDRESS", value_parser = address)]
    pub operator: Option<SocketAddr>,
    /// The certificates that `--listen` speaks TLS with, in PEM [default: none, plain HTTP]
    #[arg(long, env = "LUNETTE_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Their private key, in PEM; only its owner may read it
    #[arg(long, env = "LUNETTE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Whose certificates clients of `--listen` must have, in PEM [default: they need none]
    #[arg(long, env = "LUNETTE_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Speak TLS on `--listen` with a certificate that this machine makes for itself, in development
    #[arg(
        long,
        env = "LUNETTE_DEV_CERTIFICATE",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub dev_certificate: Option<bool>,
    /// Where plain HTTP is answered with the address that speaks TLS [default: nowhere]
    #[arg(long, env = "LUNETTE_REDIRECT_LISTEN", value_name = "ADDRESS", value_parser = address)]
    pub redirect_listen: Option<SocketAddr>,
    /// That address, as clients know it: HOST or HOST:PORT
    #[arg(long, env = "LUNETTE_REDIRECT_AUTHORITY", value_name = "AUTHORITY")]
    pub redirect_authority: Option<String>,
    /// The certificates that `--operator` speaks TLS with, in PEM [default: none, plain HTTP]
    #[arg(long, env = "LUNETTE_OPERATOR_TLS_CERTIFICATE", value_name = "FILE")]
    pub operator_tls_certificate: Option<PathBuf>,
    /// Their private key, in PEM; only its owner may read it
    #[arg(long, env = "LUNETTE_OPERATOR_TLS_KEY", value_name = "FILE")]
    pub operator_tls_key: Option<PathBuf>,
    /// Whose certificates clients of `--operator` must have, in PEM; needed off loopback
    #[arg(long, env = "LUNETTE_OPERATOR_TLS_CLIENT_CA", value_name = "FILE")]
    pub operator_tls_client_ca: Option<PathBuf>,
    /// How many nodes serve this deployment; several need a shared Redis [default: 1]
    #[arg(long, env = "LUNETTE_NODES", value_name = "NUMBER")]
    pub nodes: Option<u16>,
    /// The Redis where several nodes write down what was used, as redis:// or rediss://
    #[arg(long, env = "LUNETTE_SHARED_REDIS", value_name = "URL")]
    pub shared_redis: Option<String>,
    /// A private file that holds that URL, for one with a password
    #[arg(long, env = "LUNETTE_SHARED_REDIS_FILE", value_name = "FILE")]
    pub shared_redis_file: Option<PathBuf>,
    /// Whose certificate that Redis must have, in PEM [default: the system's authorities]
    #[arg(long, env = "LUNETTE_SHARED_CA", value_name = "FILE")]
    pub shared_ca: Option<PathBuf>,
    /// Run the gate in this process, or leave it to Envoy or the Worker in front [default: embedded]
    #[arg(long, env = "LUNETTE_GATE", value_enum)]
    pub gate: Option<Gate>,
    /// Gates whose permits are taken with `--gate external`: NAME, or NAME@VERSION of its key
    #[arg(long, env = "LUNETTE_GATES", value_name = "NAME", value_delimiter = ',')]
    pub gates: Option<Vec<String>>,
    /// Virtual machines of the embedded gate; 0 is one for each core [default: 0]
    #[arg(long, env = "LUNETTE_GATE_VMS", value_name = "NUMBER")]
    pub gate_vms: Option<u16>,
    /// Take requests whose failed checks a gate only reported [default: true in development alone]
    #[arg(
        long,
        env = "LUNETTE_ACCEPT_REPORT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub accept_report: Option<bool>,
    /// The compiled filter [default: `filter_proxy_wasm.wasm` beside this program]
    #[arg(long, env = "LUNETTE_FILTER", value_name = "FILE")]
    pub filter: Option<PathBuf>,
    /// The name of this deployment, which permits are bound to [default: lunette]
    #[arg(long, env = "LUNETTE_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,
    /// The folder of the models' weights [default: ~/.cache/lunette/models]
    #[arg(long, env = "LUNETTE_MODELS", value_name = "FOLDER")]
    pub models: Option<PathBuf>,
    /// The models that cut out backgrounds; the first is used where none is asked for [default: u2netp]
    #[arg(long, env = "LUNETTE_MODEL", value_name = "NAME", value_delimiter = ',')]
    pub model: Option<Vec<String>>,
    /// The model that reads text, off, or auto: ppocr, if its weights are fetched [default: auto]
    #[arg(long, env = "LUNETTE_TEXT", value_name = "NAME")]
    pub text: Option<String>,
    /// Where models run: auto, cpu or a GPU such as cuda:0 [default: auto]
    #[arg(long, env = "LUNETTE_DEVICE", value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// The instructions that models use on a CPU: avx512, avx2 or portable [default: the fastest]
    #[arg(long, env = "LUNETTE_KERNEL", value_name = "KERNEL")]
    pub kernel: Option<KernelChoice>,
    /// Threads that compute; 0 is one for each core [default: 0]
    #[arg(long, env = "LUNETTE_THREADS", value_name = "NUMBER")]
    pub threads: Option<u16>,
    /// Threads that decode and encode images; 0 is one for each core, and two at least [default: 0]
    #[arg(long, env = "LUNETTE_DECODE_THREADS", value_name = "NUMBER")]
    pub decode_threads: Option<u16>,
    /// Bytes of request bodies that may be held at once [default: 256MiB]
    #[arg(long, env = "LUNETTE_UPLOAD_TOTAL", value_name = "SIZE")]
    pub upload_total: Option<ByteSize>,
    /// How much of them one key may take [default: 1/4]
    #[arg(long, env = "LUNETTE_UPLOAD_SHARE_PER_KEY", value_name = "FRACTION")]
    pub upload_share_per_key: Option<Share>,
    /// How long one upload may take [default: 30s]
    #[arg(long, env = "LUNETTE_UPLOAD_DEADLINE", value_name = "TIME")]
    pub upload_deadline: Option<Span>,
    /// How long an upload may stand still [default: 10s]
    #[arg(long, env = "LUNETTE_UPLOAD_IDLE", value_name = "TIME")]
    pub upload_idle: Option<Span>,
    /// How fast an upload must be [default: 16KiB/s]
    #[arg(long, env = "LUNETTE_UPLOAD_MINIMUM_RATE", value_name = "RATE")]
    pub upload_minimum_rate: Option<ByteRate>,
    /// How long an upload may be slower than that at its beginning [default: 5s]
    #[arg(long, env = "LUNETTE_UPLOAD_GRACE", value_name = "TIME")]
    pub upload_grace: Option<Span>,
    /// Images that may wait for the model [default: 16]
    #[arg(long, env = "LUNETTE_QUEUE_WAITING", value_name = "NUMBER")]
    pub queue_waiting: Option<u16>,
    /// How long an image may wait for the model [default: 30s]
    #[arg(long, env = "LUNETTE_QUEUE_DEADLINE", value_name = "TIME")]
    pub queue_deadline: Option<Span>,
    /// Images that run together at most; 0 is 1 on a CPU and 8 on a GPU [default: 0]
    #[arg(long, env = "LUNETTE_QUEUE_BATCH", value_name = "NUMBER")]
    pub queue_batch: Option<u16>,
    /// Pixels that may be decoded at once [default: twice the largest image that the policy takes]
    #[arg(long, env = "LUNETTE_QUEUE_PIXELS", value_name = "NUMBER")]
    pub queue_pixels: Option<u64>,
    /// How long requests in flight may take after SIGTERM [default: 30s]
    #[arg(long, env = "LUNETTE_DRAIN_DEADLINE", value_name = "TIME")]
    pub drain_deadline: Option<Span>,
    /// The collector that traces are sent to over OTLP, as `http://127.0.0.1:4318` [default: none]
    #[arg(long, env = "LUNETTE_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// The certificates that sign that of the collector [default: the system's]
    #[arg(long, env = "LUNETTE_OTLP_CA", value_name = "FILE")]
    pub otlp_ca: Option<PathBuf>,
    /// How many requests are traced, where no caller has decided [default: 1/1]
    #[arg(long, env = "LUNETTE_OTLP_SAMPLE", value_name = "FRACTION")]
    pub otlp_sample: Option<Share>,
    /// The form of the log, on standard error [default: text]
    #[arg(long, env = "LUNETTE_LOG", value_enum)]
    pub log: Option<LogFormat>,
}

impl ServeFlags {
    /// The variables alone. For commands that do not serve: a variable that makes the deployment
    /// one of production also decides which keys they make.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let mut command = Self::augment_args(Command::new("lunette").no_binary_name(true));
        command
            .try_get_matches_from_mut(std::iter::empty::<&str>())
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| ConfigError::Argument(super::argument_problem(&error, &command)))
    }
}

fn environment(text: &str) -> Result<Environment, &'static str> {
    [Environment::Live, Environment::Test]
        .into_iter()
        .find(|environment| environment.as_str() == text)
        .ok_or("expected live or test")
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address and port such as 127.0.0.1:8080 or [::1]:8080")
}
