//! From a file to running VMs: read, hash, compile, link, start. Each step that fails says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proxy_wasm_host::abi::v0_2_1::{
    Callback, GuestError, GuestSpec, Host, LogSink, PluginConfig, VmServices,
};
use proxy_wasm_host::{Engine, EngineConfig, Error, Limits, Module};
use sha2::{Digest as _, Sha256};

use crate::log::{FilterLog, LINE_BYTES};
use crate::options::{GateOptions, Secret};
use crate::shared::Shared;
use crate::vm::Recipe;

/// The callbacks that a filter must export. The default answer to a missing one is "continue", which
/// would open the gate.
const REQUIRED: [Callback; 5] = [
    Callback::ContextCreate,
    Callback::Configure,
    Callback::RequestHeaders,
    Callback::RequestBody,
    Callback::ResponseHeaders,
];

/// A filter that cannot be loaded, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the filter {}: {fault}", path.display())]
pub struct LoadError {
    /// The file named to [`Gate::load`](crate::Gate::load).
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub fault: LoadFault,
}

/// Why a filter cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFault {
    /// The file cannot be read.
    #[error("the file cannot be read ({0}); build the filter or name another file")]
    Unreadable(#[source] std::io::Error),
    /// An environment variable cannot be handed to the filter.
    #[error("the environment variable {0:?} is empty-named or contains `=` in its name or a NUL")]
    Environment(String),
    /// This machine cannot run any filter.
    #[error("the Wasm runtime cannot be set up: {0}")]
    Runtime(String),
    /// The file is no valid Wasm module.
    #[error("it is not a valid Wasm module: {0}")]
    Compile(String),
    /// The module does not speak a proxy-wasm ABI that this gate knows (0.2.0, 0.2.1).
    #[error("it is not a proxy-wasm module for ABI 0.2: {0}")]
    Abi(String),
    /// The module imports what this gate does not offer, or needs more than its limits allow.
    #[error("it asks for what this gate does not offer: {0}")]
    Instantiate(String),
    /// The module lacks an export, or exports it with another type.
    #[error("its export {0:?} is missing or has another type than the ABI gives it")]
    Export(String),
    /// `proxy_on_vm_start` or `proxy_on_configure` answered false.
    #[error("it refused its configuration in {callback}; the last it said was {said:?}")]
    Refused {
        /// The callback that answered false.
        callback: &'static str,
        /// The filter's last log line.
        said: String,
    },
    /// A callback of the start failed.
    #[error("it failed while it started: {reason}; the last it said was {said:?}")]
    Start {
        /// What the runtime says.
        reason: String,
        /// The filter's last log line.
        said: String,
    },
}

impl LoadFault {
    /// Why an instance could not be made.
    pub(crate) fn of_build(error: GuestError, said: String) -> Self {
        match error {
            GuestError::UnsupportedAbi(error) => Self::Abi(error.to_string()),
            GuestError::Runtime(Error::MissingMemory) => Self::Export("memory".to_owned()),
            GuestError::Runtime(Error::MissingAllocator) => {
                Self::Export("proxy_on_memory_allocate".to_owned())
            }
            GuestError::Runtime(
                Error::ExportTypeMismatch { name } | Error::MissingExport { name },
            ) => Self::Export(name),
            GuestError::Runtime(Error::Instantiate { source }) => {
                Self::Instantiate(chain(source.as_ref()))
            }
            error => Self::Start { reason: chain(&error), said },
        }
    }
}

/// The text of an error and of everything that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A compiled filter: its digest and what each VM is made from.
pub(crate) struct Loaded {
    pub(crate) sha256: String,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) shared: Arc<Shared>,
}

/// Reads and compiles the filter at `path`, for as many VMs as `options` says.
pub(crate) fn load(path: &Path, options: GateOptions) -> Result<Loaded, LoadFault> {
    let bytes = std::fs::read(path).map_err(LoadFault::Unreadable)?;
    let sha256 = Sha256::digest(&bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });

    let engine = engine(options.call_deadline)?;
    let module = Module::new(&engine, &bytes).map_err(|error| LoadFault::Compile(chain(&error)))?;
    let host = Host::new(&engine).map_err(|error| LoadFault::Runtime(chain(&error)))?;
    check_environment(&options.environment)?;
    let environment: Vec<_> = options
        .environment
        .iter()
        .map(|(name, value)| (name.clone().into_bytes(), value.bytes().to_vec()))
        .collect();
    let shared = Arc::new(Shared::new(options.shared));
    let limits = Limits::default()
        .with_cpu_time(options.call_deadline)
        .with_memory_bytes(options.memory_bytes)
        .with_max_log_bytes(LINE_BYTES);

    let recipe = |vm| {
        let log = Arc::new(FilterLog::new(vm));
        let services = VmServices::new(Arc::clone(&log) as Arc<dyn LogSink>)
            .with_environment(environment.clone())
            .with_shared(Arc::clone(&shared) as _);
        let spec = GuestSpec::new(&host, &module, services, &limits);
        let plugin = PluginConfig::new().with_configuration(options.configuration.clone());
        Ok(Recipe {
            spec: spec.map_err(|error| LoadFault::of_build(error, String::new()))?,
            plugin,
            log,
        })
    };
    let recipes = (0..options.vms.get()).map(recipe).collect::<Result<_, LoadFault>>()?;
    require_callbacks(&module)?;
    Ok(Loaded { sha256, recipes, shared })
}

/// An engine whose clock is a quarter of the deadline, 5 ms at most.
fn engine(call_deadline: Duration) -> Result<Engine, LoadFault> {
    let period = (call_deadline / 4).clamp(Duration::from_millis(1), Duration::from_millis(5));
    let config = EngineConfig::new().with_epoch_period(period);
    config.build().map_err(|error| LoadFault::Runtime(chain(&error)))
}

/// WASI hands variables over as `name=value` with a NUL at the end.
fn check_environment(environment: &[(String, Secret)]) -> Result<(), LoadFault> {
    let bad = environment.iter().find(|(name, value)| {
        name.is_empty() || name.contains(['=', '\0']) || value.bytes().contains(&0)
    });
    bad.map_or(Ok(()), |(name, _)| Err(LoadFault::Environment(name.clone())))
}

fn require_callbacks(module: &Module) -> Result<(), LoadFault> {
    let missing = REQUIRED.iter().find(|callback| !module.has_export(callback.export_name()));
    missing.map_or(Ok(()), |callback| Err(LoadFault::Export(callback.export_name().to_owned())))
}
