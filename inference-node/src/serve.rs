//! Puts the node together and serves until it is told to stop.

use std::convert::Infallible;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use candle_core::Device;
use filter_wasmtime::{Gate, GateOptions, LoadError, Secret, SharedSource, Stats};
use image::DynamicImage;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{Layer as _, Service};

use crate::api::operator::{self, Operator};
use crate::api::permit::{PermitTerms, Permits};
use crate::api::request_log::{self, RequestLog};
use crate::api::upload::{UploadLimits, Uploads};
use crate::api::{self, Node};
use crate::config::{self, Config, EMBEDDED_GATE};
use crate::engine::{Engine, EngineError, EngineLimits};
use crate::keys::{Publisher, StoreError};
use crate::metrics::{Metrics, Watched};
use crate::models::background::{BackgroundRemoval, LoadError as ModelLoadError, Photo, Wanted};
use crate::models::cache::Cache;
use crate::models::weights;
use crate::provision::Provisions;
use crate::readiness::Readiness;
use crate::secrets::GateSecrets;
use crate::shutdown::Drain;
use crate::{clock, server, shutdown};

/// Why the node does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The key store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No model has this name.
    #[error("model: {0:?} is not a model; `lunette models list` shows them")]
    UnknownModel(String),
    /// The weights cannot be used.
    #[error("{0}; `lunette models fetch {1}` brings them")]
    Model(#[source] Box<ModelLoadError>, String),
    /// The model cannot run.
    #[error("the model failed its first run: {0}")]
    FirstRun(#[from] EngineError),
    /// The compiled filter cannot be used.
    #[error("{0}; `make wasm` builds it, --filter names another place")]
    Gate(#[from] LoadError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused a thread or a signal.
    #[error("the system refused a thread or a signal: {0}")]
    System(#[from] std::io::Error),
    /// Requests were still in flight at the deadline.
    #[error("{0} requests were still in flight when the drain deadline ended")]
    Unfinished(usize),
}

impl ServeError {
    /// Whether the configuration is wrong, rather than the machine.
    pub fn is_a_mistake(&self) -> bool {
        matches!(self, Self::UnknownModel(_))
    }
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight.
pub fn serve(config: &Config, provisions: &Provisions) -> Result<(), ServeError> {
    // The matrix products of the model use this pool; one already built is as good.
    let _ = rayon_threads(config.threads);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(config.threads.max(4))
        .build()?;
    runtime.block_on(run(config, provisions))
}

/// The number of threads of the pool that the model's matrix products run on.
fn rayon_threads(threads: usize) -> Result<(), rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()
}

async fn run(config: &Config, provisions: &Provisions) -> Result<(), ServeError> {
    let started = clock::now();
    let publisher = Arc::new(Publisher::open(
        &config.data,
        &config.policy.text,
        config.environment,
        provisions.root.pepper(config.environment),
    )?);
    let gate = match config.gate {
        config::Gate::Embedded => Some(load_gate(config, provisions, &publisher)?),
        config::Gate::External => None,
    };
    let engine = load_model(config)?;

    let drain = Drain::default();
    let uploads = Uploads::new(upload_limits(config));
    let watched = watched(&uploads, &engine, gate.as_ref());
    let metrics = Arc::new(Metrics::new(watched));
    let readiness = Readiness::new(drain.clone());
    let node = Arc::new(Node {
        keys: Arc::clone(&publisher),
        policy: Arc::new(config.policy.policy.clone()),
        permits: Permits::new(PermitTerms {
            keys: config.permit_keys(&provisions.root),
            audience: config.audience.clone(),
            environment: config.environment,
            issuers: config
                .policy
                .policy
                .issuers
                .iter()
                .map(|issuer| issuer.name.clone())
                .collect(),
            accept_report: config.accept_report,
            started,
            longest_wait: config.upload.deadline + config.queue.deadline,
        }),
        uploads,
        background: Arc::clone(&engine),
        metrics: Arc::clone(&metrics),
        drain: drain.clone(),
    });

    let public = listen(config.listen).await?;
    let private = listen(config.operator).await?;
    let (stop, stopped) = watch::channel(false);
    let operator =
        operator::routes(Operator { metrics: Arc::clone(&metrics), readiness: readiness.clone() });
    let operator = tokio::spawn(server::serve(private, operator, stopped.clone()));

    let log = RequestLog { metrics, drain: drain.clone() };
    let routes = api::routes(node);
    let public = match gate {
        Some(gate) => spawn(public, request_log::behind_gate(log, gate.layer(routes)), stopped),
        None => spawn(public, request_log::alone(log, routes), stopped),
    };

    // Ready means that a whole job has gone through, not that a file was read.
    first_run(&engine).await?;
    readiness.model_has_run();
    announce(config, provisions);

    let signal = shutdown::signal().await?;
    tracing::info!(signal, in_flight = drain.in_flight(), "draining: new requests get 503");
    drain.begin();
    let finished = drain.wait(config.drain_deadline).await;
    stop.send_replace(true);
    let _ = tokio::join!(public, operator);
    if finished {
        tracing::info!("stopped");
        Ok(())
    } else {
        Err(ServeError::Unfinished(drain.in_flight()))
    }
}

fn spawn<S>(
    listener: TcpListener,
    service: S,
    stopped: watch::Receiver<bool>,
) -> tokio::task::JoinHandle<()>
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    tokio::spawn(server::serve(listener, service, stopped))
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

/// Loads the compiled filter with the policy and keys of this process.
fn load_gate(
    config: &Config,
    provisions: &Provisions,
    publisher: &Arc<Publisher>,
) -> Result<Gate, LoadError> {
    struct Shared(Arc<Publisher>);

    impl SharedSource for Shared {
        fn get(&self, key: &[u8]) -> Option<(Vec<u8>, NonZeroU32)> {
            let (value, version) = self.0.get(key)?;
            Some((value, NonZeroU32::new(version)?))
        }
    }

    let secrets = GateSecrets::derive(
        &provisions.root,
        EMBEDDED_GATE,
        1,
        config.environment,
        &config.signing_realms,
        &provisions.token_secrets,
    );
    let variables = secrets.variables();
    let configuration = serde_json::json!({
        "gate": EMBEDDED_GATE,
        "audience": config.audience,
        "environment": config.environment,
    });
    let gate = Gate::load(
        &config.filter,
        GateOptions {
            vms: NonZeroUsize::new(config.gate_vms).unwrap_or(NonZeroUsize::MIN),
            configuration: configuration.to_string().into_bytes(),
            environment: variables
                .map(|(name, value)| (name.into(), Secret::from(value.to_string())))
                .collect(),
            body_idle: config.upload.idle,
            body_deadline: config.upload.deadline,
            shared: Arc::new(Shared(Arc::clone(publisher))),
            ..GateOptions::default()
        },
    )?;
    tracing::info!(file = %config.filter.display(), sha256 = gate.sha256(), "the filter is loaded");
    Ok(gate)
}

fn load_model(config: &Config) -> Result<Arc<Engine<BackgroundRemoval>>, ServeError> {
    let card = weights::card(&config.model)
        .ok_or_else(|| ServeError::UnknownModel(config.model.clone()))?;
    let file = Cache::new(&config.models).safetensors(card);
    let model = BackgroundRemoval::load(card, &file, Device::Cpu)
        .map_err(|error| ServeError::Model(Box::new(error), config.model.clone()))?;
    tracing::info!(model = card.name, file = %file.display(), "the model is loaded");
    let limits = EngineLimits { waiting: config.queue.waiting, patience: config.queue.deadline };
    Ok(Engine::start(model, limits)?)
}

async fn first_run(engine: &Engine<BackgroundRemoval>) -> Result<(), ServeError> {
    let turn = engine.admit()?.turn().await.ok_or(EngineError::WaitedTooLong)?;
    let photo = Photo { image: DynamicImage::new_rgb8(32, 32), wanted: Wanted::default() };
    let done = engine.run(turn, photo).await?;
    tracing::info!(milliseconds = done.ran.as_millis(), "the model has run");
    Ok(())
}

fn announce(config: &Config, provisions: &Provisions) {
    tracing::info!(
        gate = ?config.gate,
        environment = config.environment.as_str(),
        public = %format_args!("http://{}", config.listen),
        operator = %format_args!("http://{}", config.operator),
        "ready"
    );
    if !config.listen.ip().is_loopback() {
        tracing::warn!("this listener speaks plain HTTP: put something that ends TLS before it");
    }
    if config.accept_report && config.mode == config::Mode::Production {
        tracing::warn!("requests are taken whose failed checks a gate only reported");
    }
    if let Some(file) = &provisions.development_key {
        tracing::info!(file = %file.display(), "the development key is in this file");
    }
}

fn upload_limits(config: &Config) -> UploadLimits {
    let config::Upload { total, per_key, deadline, idle, minimum_rate, grace } = config.upload;
    UploadLimits {
        total_bytes: total,
        holder_bytes: per_key,
        deadline,
        idle,
        min_rate: minimum_rate,
        grace,
    }
}

/// Name, help, whether it only grows, and where it is among the counts of a gate.
type GateReading = (&'static str, &'static str, bool, fn(&Stats) -> u64);

/// What is read when someone asks for the metrics.
fn watched(
    uploads: &Uploads,
    engine: &Arc<Engine<BackgroundRemoval>>,
    gate: Option<&Gate>,
) -> Vec<Watched> {
    let (uploads, engine) = (uploads.clone(), Arc::clone(engine));
    let mut watched = vec![
        Watched {
            name: "uploads_reserved_bytes",
            help: "Bytes reserved for uploads in progress",
            grows: false,
            read: Box::new(move || uploads.reserved_bytes()),
        },
        Watched {
            name: "jobs_admitted",
            help: "Jobs that wait or run",
            grows: false,
            read: Box::new(move || engine.admitted() as u64),
        },
    ];
    let readings: [GateReading; 7] = [
        ("gate_requests", "Requests that reached the embedded gate", true, |s| s.requests),
        ("gate_released", "Requests that it let through", true, |s| s.released),
        ("gate_unavailable", "Requests that it could not judge", true, |s| s.unavailable),
        ("gate_traps", "Failures of a VM by a trap", true, |s| s.traps),
        ("gate_deadlines", "Failures of a VM by its deadline", true, |s| s.deadlines),
        ("gate_rebuilds", "VMs built anew", true, |s| s.rebuilds),
        ("gate_contexts", "Requests under way in the gate", false, |s| s.live_contexts as u64),
    ];
    if let Some(gate) = gate {
        watched.extend(readings.map(|(name, help, grows, of)| {
            let gate = gate.clone();
            Watched { name, help, grows, read: Box::new(move || of(&gate.stats())) }
        }));
        watched.extend(FILTER_METRICS.map(|(metric, name, help)| {
            let gate = gate.clone();
            let read = move || gate.metrics().get(metric).copied().unwrap_or_default();
            Watched { name, help, grows: true, read: Box::new(read) }
        }));
    }
    watched
}

/// What the filter counts itself: its own name for it, ours, and help.
const FILTER_METRICS: [(&str, &str, &str); 6] = [
    ("lunette.rejection_cache.hits", "gate_cache_hits", "Requests whose refusal was remembered"),
    ("lunette.rejection_cache.inserts", "gate_cache_inserts", "Refusals that were remembered"),
    (
        "lunette.rejection_cache.evictions",
        "gate_cache_evictions",
        "Remembered refusals that gave way to others of their source",
    ),
    (
        "lunette.rejection_cache.dropped",
        "gate_cache_dropped",
        "Refusals for which there was no room",
    ),
    (
        "lunette.rejection_cache.epoch_flushes",
        "gate_cache_epoch_flushes",
        "Epochs that ended all remembered refusals",
    ),
    (
        "lunette.rejection_cache.false_rejections",
        "gate_cache_false_rejections",
        "Good requests that were refused from memory: must stay 0",
    ),
];
