//! Puts the node together and serves until it is told to stop.

mod loading;

use std::convert::Infallible;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response};
use filter::UnixMillis;
use filter_wasmtime::{Gate, GateOptions, LoadError, Secret, SharedSource, Stats};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{Layer as _, Service};

use crate::api::concurrent::Concurrent;
use crate::api::operator::{self, GateSnapshots, Operator};
use crate::api::permit::{PermitTerms, Permits, SharedError, SharedRecord};
use crate::api::refusal_lines::RefusalLines;
use crate::api::request_log::{self, RequestLog};
use crate::api::upload::{UploadLimits, Uploads};
use crate::api::{self, Node};
use crate::config::{self, Config, EMBEDDED_GATE};
use crate::engine::EngineError;
use crate::image::pool::Pool;
use crate::keys::{Publisher, Snapshots, Store, StoreError};
use crate::lingering::RequestBody;
use crate::metrics::{Metrics, Watched, process};
use crate::models::background::LoadError as ModelLoadError;
use crate::models::layers::NoDevice;
use crate::models::text::LoadError as TextLoadError;
use crate::provision::Provisions;
use crate::readiness::Readiness;
use crate::secrets::GateSecrets;
use crate::server::Listener;
use crate::shutdown::Drain;
use crate::tls::renewal::{Renewal, Renewals};
use crate::tls::{Acceptor, TlsError};
use crate::traces::Tracer;
use crate::{clock, redirect, server, shutdown};
use loading::{Load, Loaded};

/// How long what is left of the traces may take at the end.
const LAST_TRACES: Duration = Duration::from_secs(2);

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
    /// The weights for text cannot be used.
    #[error(transparent)]
    Text(Box<TextLoadError>),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] NoDevice),
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
    /// A listener, or what asks the collector, cannot speak TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What several nodes share cannot be used.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// The system refused the threads that decode.
    #[error("the system refused the threads that decode: {0}")]
    Codec(#[from] rayon::ThreadPoolBuildError),
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
        match self {
            Self::UnknownModel(_) | Self::Tls(_) | Self::Device(_) => true,
            Self::Shared(error) => error.is_a_mistake(),
            _ => false,
        }
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
    Store::open(&config.data)?.begin_epoch(started)?;
    let (tls, renewal) = acceptor("tls", config.tls.as_ref())?;
    let (operator_tls, operator_renewal) = acceptor("operator_tls", config.operator_tls.as_ref())?;
    let renewals = Arc::new(Renewals::default());
    let (stop, stopped) = watch::channel(false);
    let (tracer, last_traces) = tracer(config, &stopped)?.unzip();
    let shared = shared(config).await?;
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
    let Loaded { background, text, loads } = loading::load(config)?;

    let codec = Arc::new(Pool::start(config.decode_threads)?);

    let drain = Drain::default();
    let uploads = Uploads::new(upload_limits(config));
    let mut watched = watched(&uploads, loads, gate.as_ref());
    watched.extend(shared.iter().flat_map(SharedRecord::watched));
    watched.extend(process::watched());
    watched.extend(of_the_node(&renewals, &drain, tracer.as_ref()));
    watched.push(of_the_codec(&codec));
    let metrics = Arc::new(Metrics::new(&config.background.join(","), watched));
    let readiness = Readiness::new(drain.clone());
    let node = Arc::new(Node {
        keys: Arc::clone(&publisher),
        policy: Arc::new(config.policy.policy.clone()),
        permits: permits(config, provisions, started, shared),
        uploads,
        concurrent: Concurrent::default(),
        background,
        text,
        codec,
        metrics: Arc::clone(&metrics),
        drain: drain.clone(),
    });

    let public = listen(config.listen, tls).await?;
    let private = listen(config.operator, operator_tls).await?;
    let redirect = match &config.redirect {
        Some(redirect) => Some((listen(redirect.listen, None).await?, &redirect.authority)),
        None => None,
    };
    if let Some((listener, authority)) = redirect {
        spawn(listener, redirect::service(authority), stopped.clone());
    }
    for renewal in [renewal, operator_renewal].into_iter().flatten() {
        tokio::spawn(renewal.follow(Arc::clone(&renewals), stopped.clone()));
    }
    let operator = operator::routes(Operator {
        metrics: Arc::clone(&metrics),
        readiness: readiness.clone(),
        gates: gate_snapshots(config, provisions, &publisher),
        hsts: config.operator_tls.is_some(),
    });
    let operator = tokio::spawn(server::serve(private, operator, stopped.clone()));

    let log = RequestLog {
        metrics,
        drain: drain.clone(),
        policy: Arc::new(config.policy.policy.clone()),
        tracer,
        // A browser that was told so once would speak it with everything else on `localhost` too.
        hsts: config.tls.is_some() && !config.dev_certificate,
        refusals: Arc::new(RefusalLines::new(Instant::now())),
    };
    let routes = api::routes(Arc::clone(&node));
    let public = match gate {
        Some(gate) => spawn(public, request_log::behind_gate(log, gate.layer(routes)), stopped),
        None => spawn(public, request_log::alone(log, routes), stopped),
    };

    // Ready means that a whole job has gone through, not that a file was read.
    loading::first_runs(&node.background, node.text.as_deref()).await?;
    readiness.model_has_run();
    announce(config, provisions);

    let signal = shutdown::signal().await?;
    tracing::info!(signal, in_flight = drain.in_flight(), "draining: new requests get 503");
    drain.begin();
    let finished = drain.wait(config.drain_deadline).await;
    stop.send_replace(true);
    let _ = tokio::join!(public, operator);
    if let Some(last_traces) = last_traces {
        let _ = tokio::time::timeout(LAST_TRACES, last_traces).await;
    }
    if finished {
        tracing::info!("stopped");
        Ok(())
    } else {
        Err(ServeError::Unfinished(drain.in_flight()))
    }
}

/// What gates in other processes are told, and their tokens. The embedded gate shares the publisher.
fn gate_snapshots(
    config: &Config,
    provisions: &Provisions,
    publisher: &Arc<Publisher>,
) -> GateSnapshots {
    let signer = provisions.root.snapshot_signer(config.environment);
    let snapshots =
        Snapshots::new(Arc::clone(publisher), signer, &config.audience, config.environment);
    let gates = config.gates.iter().filter(|key| key.gate != EMBEDDED_GATE);
    let tokens = gates.map(|key| provisions.root.gate_token(&key.gate, key.version)).collect();
    GateSnapshots { snapshots: Arc::new(snapshots), tokens }
}

fn spawn<S>(
    listener: Listener,
    service: S,
    stopped: watch::Receiver<bool>,
) -> tokio::task::JoinHandle<()>
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    tokio::spawn(server::serve(listener, service, stopped))
}

async fn listen(
    address: std::net::SocketAddr,
    tls: Option<Acceptor>,
) -> Result<Listener, ServeError> {
    match TcpListener::bind(address).await {
        Ok(socket) => Ok(Listener { socket, tls }),
        Err(source) => Err(ServeError::Listen { address, source }),
    }
}

/// What takes handshakes on a listener, and what looks after its files.
fn acceptor(
    table: &'static str,
    tls: Option<&config::Tls>,
) -> Result<(Option<Acceptor>, Option<Renewal>), TlsError> {
    Ok(tls.map(|tls| Renewal::begin(table, tls)).transpose()?.unzip())
}

/// What takes traces, and the task that sends them.
fn tracer(
    config: &Config,
    stopped: &watch::Receiver<bool>,
) -> Result<Option<(Tracer, tokio::task::JoinHandle<()>)>, TlsError> {
    let start = |otlp| Tracer::start(otlp, &config.listen.to_string(), stopped.clone());
    config.otlp.as_ref().map(start).transpose()
}

/// How long after its head a request may be recorded as used.
fn longest_wait(config: &Config) -> Duration {
    config.upload.deadline + config.queue.deadline
}

/// The record that several nodes share, if they do.
async fn shared(config: &Config) -> Result<Option<SharedRecord>, SharedError> {
    let Some(shared) = &config.shared else { return Ok(None) };
    let (audience, environment) = (&config.audience, config.environment);
    SharedRecord::connect(shared, audience, environment, longest_wait(config)).await.map(Some)
}

fn permits(
    config: &Config,
    provisions: &Provisions,
    started: UnixMillis,
    shared: Option<SharedRecord>,
) -> Permits {
    let issuers = &config.policy.policy.issuers;
    let terms = PermitTerms {
        keys: config.permit_keys(&provisions.root),
        audience: config.audience.clone(),
        environment: config.environment,
        issuers: issuers.iter().map(|issuer| issuer.name.clone()).collect(),
        accept_report: config.accept_report,
        started,
        longest_wait: longest_wait(config),
    };
    match shared {
        Some(record) => Permits::shared(terms, record),
        None => Permits::new(terms),
    }
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
        // They cost a good part of a refusal, and are only for this log.
        "events": tracing::enabled!(target: "lunette::event", tracing::Level::DEBUG),
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

fn announce(config: &Config, provisions: &Provisions) {
    tracing::info!(
        gate = ?config.gate,
        environment = config.environment.as_str(),
        public = %format_args!("{}://{}", scheme(config.tls.as_ref()), config.listen),
        operator = %format_args!("{}://{}", scheme(config.operator_tls.as_ref()), config.operator),
        "ready"
    );
    if !config.listen.ip().is_loopback() && config.tls.is_none() {
        tracing::warn!("`listen` speaks plain HTTP: set tls.certificate, or end TLS before it");
    }
    if config.accept_report && config.mode == config::Mode::Production {
        tracing::warn!("requests are taken whose failed checks a gate only reported");
    }
    if let Some(file) = &provisions.development_key {
        tracing::info!(file = %file.display(), "the development key is in this file");
    }
}

fn scheme(tls: Option<&config::Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
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
fn watched(uploads: &Uploads, loads: Vec<Load>, gate: Option<&Gate>) -> Vec<Watched> {
    let (uploads, loads) = (uploads.clone(), Arc::new(loads));
    let jobs = Arc::clone(&loads);
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
            read: Box::new(move || jobs.iter().map(|load| load().0 as u64).sum()),
        },
        Watched {
            name: "decoded_pixels",
            help: "Pixels of the images that are decoded, or that have their turn to be",
            grows: false,
            read: Box::new(move || loads.iter().map(|load| load().1).sum()),
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

/// Likewise, of the threads that decode.
fn of_the_codec(codec: &Arc<Pool>) -> Watched {
    let codec = Arc::clone(codec);
    Watched {
        name: "codec_jobs",
        help: "Images that are being decoded or encoded, or wait for a thread that does",
        grows: false,
        read: Box::new(move || codec.jobs() as u64),
    }
}

/// Likewise, of the node as a whole.
fn of_the_node(renewals: &Arc<Renewals>, drain: &Drain, tracer: Option<&Tracer>) -> Vec<Watched> {
    let counter = |name, help, read: Box<dyn Fn() -> u64 + Send + Sync>| Watched {
        name,
        help,
        grows: true,
        read,
    };
    let (done, failed, drain) = (Arc::clone(renewals), Arc::clone(renewals), drain.clone());
    let mut watched = vec![
        Watched {
            name: "requests_in_flight",
            help: "Requests whose answer has not begun",
            grows: false,
            read: Box::new(move || drain.in_flight() as u64),
        },
        counter(
            "certificate_renewals",
            "Certificates that were read again because their files changed",
            Box::new(move || done.done.load(Ordering::Relaxed)),
        ),
        counter(
            "certificate_renewal_failures",
            "Files of certificates that changed and could not be used: the old ones are kept",
            Box::new(move || failed.failed.load(Ordering::Relaxed)),
        ),
    ];
    if let Some(tracer) = tracer {
        let (sent, dropped) = (tracer.counts(), tracer.counts());
        watched.push(counter(
            "traces_sent",
            "Requests whose trace the collector has",
            Box::new(move || sent.sent.load(Ordering::Relaxed)),
        ));
        watched.push(counter(
            "traces_dropped",
            "Requests whose trace found no room, or no collector",
            Box::new(move || dropped.dropped.load(Ordering::Relaxed)),
        ));
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
