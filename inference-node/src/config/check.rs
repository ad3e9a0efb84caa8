//! From what was written to a [`Config`]: ranks, defaults and what fits together.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use filter::Environment;

use super::file::Settings;
use super::units::Share;
use super::{
    CommonFlags, Config, ConfigError, EMBEDDED_GATE, FIRST_REALM, Gate, GateKey, LogFormat, Mode,
    PolicySource, Queue, ServeFlags, Text, Tls, Upload, file, outward, shared,
};
use crate::keys::{NAME_RULE, is_name};
use crate::tls::development;

/// The most threads or virtual machines: more is a slip of the finger.
const THREADS_MAX: u16 = 1024;
/// The most images that may wait.
const WAITING_MAX: u16 = 4096;
/// The most images that may run together.
const BATCH_MAX: u16 = 64;
/// The most models that cut out backgrounds.
const BACKGROUND_MAX: usize = 8;
/// The most versions of the realm key at once: the new one, and the one it takes over from.
const REALMS_MAX: usize = 2;
/// The most issuers that share a secret.
const TOKEN_SECRETS_MAX: usize = 16;

/// What defaults depend on.
pub(super) struct Machine {
    /// Where the user's data go, if that is known.
    pub(super) data: Option<PathBuf>,
    /// Where the user's caches go, if that is known.
    pub(super) cache: Option<PathBuf>,
    /// The folder of this program.
    pub(super) program: PathBuf,
    /// How many threads run at once.
    pub(super) cores: usize,
}

impl Machine {
    pub(super) fn this() -> Self {
        let folder = |variable: &str| {
            // The XDG base directory specification: a relative path is to be ignored.
            env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let home = |below: &str| folder("HOME").map(|home| home.join(below));
        let program = env::current_exe().ok();
        Self {
            data: folder("XDG_DATA_HOME").or_else(|| home(".local/share")),
            cache: folder("XDG_CACHE_HOME").or_else(|| home(".cache")),
            program: program
                .as_deref()
                .and_then(|path| path.parent())
                .unwrap_or_else(|| "".as_ref())
                .into(),
            cores: thread::available_parallelism().map_or(1, Into::into),
        }
    }
}

pub(super) fn check(
    common: CommonFlags,
    serve: ServeFlags,
    file: Settings,
    machine: &Machine,
) -> Result<Config, ConfigError> {
    let listen = serve.listen.or(file.listen).unwrap_or_else(|| loopback(8080));
    let operator = serve.operator.or(file.operator).unwrap_or_else(|| loopback(9090));
    let (nodes, shared) = shared::nodes(&serve, &file)?;
    let (mut tls, operator_tls) = tls(&serve, file.tls, file.operator_tls)?;
    check_listeners(listen, operator, operator_tls.as_ref())?;
    let policy = match common.policy.or(file.policy) {
        Some(path) => PolicySource::read(&path)?,
        None => PolicySource::built_in()?,
    };
    let upload = upload(&serve, &file.upload, &policy)?;
    let queue = queue(&serve, &file.queue, &policy)?;
    let mode = mode(common.mode.or(file.mode), listen)?;
    let data = place(common.data.or(file.data), machine.data.as_ref(), "lunette")
        .ok_or(ConfigError::NoHome { setting: "data", variable: "XDG_DATA_HOME" })?;
    let dev_certificate = serve.dev_certificate.or(file.dev_certificate).unwrap_or_default();
    if dev_certificate {
        tls = Some(development_tls(mode, tls.as_ref(), &data)?);
    }
    let redirect = outward::redirect(&serve, file.redirect, tls.as_ref())?;
    let otlp = outward::otlp(&serve, file.otlp)?;
    let environment = common.environment.or(file.environment).unwrap_or(match mode {
        Mode::Development => Environment::Test,
        Mode::Production => Environment::Live,
    });
    let gate = serve.gate.or(file.gate).unwrap_or(Gate::Embedded);
    let gates = gates(gate, serve.gates.or(file.gates).unwrap_or_default())?;
    let audience = serve.audience.or(file.audience).unwrap_or_else(|| "lunette".to_owned());
    require(is_name(&audience), "audience", || format!("{audience:?}: {NAME_RULE}"))?;
    let signing_realms = signing_realms(common.signing_realms.or(file.signing_realms))?;
    check_token_secrets(&file.token_secrets)?;
    let models = place(serve.models.or(file.models), machine.cache.as_ref(), "lunette/models");
    Ok(Config {
        mode,
        listen,
        operator,
        tls,
        operator_tls,
        dev_certificate,
        redirect,
        otlp,
        nodes,
        shared,
        gate,
        gates,
        gate_vms: count("gate_vms", serve.gate_vms.or(file.gate_vms), machine)?,
        filter: serve
            .filter
            .or(file.filter)
            .unwrap_or_else(|| machine.program.join("filter_proxy_wasm.wasm")),
        audience,
        environment,
        data,
        root_secret_file: common.root_secret_file.or(file.root_secret_file),
        signing_realms,
        token_secrets: file.token_secrets,
        accept_report: serve
            .accept_report
            .or(file.accept_report)
            .unwrap_or(mode == Mode::Development),
        models: models
            .ok_or(ConfigError::NoHome { setting: "models", variable: "XDG_CACHE_HOME" })?,
        background: background(serve.model.or_else(|| file.model.map(Into::into)))?,
        text: match serve.text.or(file.text) {
            None => Text::IfFetched,
            Some(name) => match name.as_str() {
                "auto" => Text::IfFetched,
                "off" => Text::Off,
                _ => Text::Model(name),
            },
        },
        device: serve.device.or(file.device).unwrap_or_default(),
        kernel: serve.kernel.or(file.kernel),
        threads: count("threads", serve.threads.or(file.threads), machine)?,
        decode_threads: decode_threads(serve.decode_threads.or(file.decode.threads), machine)?,
        upload,
        queue,
        drain_deadline: span(serve.drain_deadline.or(file.drain_deadline), 30),
        log: serve.log.or(file.log).unwrap_or(LogFormat::Text),
        policy,
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The TLS of the public listener, and of the operator's.
fn tls(
    serve: &ServeFlags,
    public: file::Tls,
    operator: file::Tls,
) -> Result<(Option<Tls>, Option<Tls>), ConfigError> {
    let rank = |flag: &Option<PathBuf>, file| flag.clone().or(file);
    let public = shared::tls(
        &shared::TlsSettings { table: "tls", certificate: "tls.certificate", key: "tls.key" },
        [
            rank(&serve.tls_certificate, public.certificate),
            rank(&serve.tls_key, public.key),
            rank(&serve.tls_client_ca, public.client_ca),
        ],
    )?;
    let operator = shared::tls(
        &shared::TlsSettings {
            table: "operator_tls",
            certificate: "operator_tls.certificate",
            key: "operator_tls.key",
        },
        [
            rank(&serve.operator_tls_certificate, operator.certificate),
            rank(&serve.operator_tls_key, operator.key),
            rank(&serve.operator_tls_client_ca, operator.client_ca),
        ],
    )?;
    Ok((public, operator))
}

/// The certificate that this machine makes for itself, in place of one that is named.
fn development_tls(mode: Mode, named: Option<&Tls>, data: &Path) -> Result<Tls, ConfigError> {
    require(
        mode == Mode::Development,
        "dev_certificate",
        || "nobody else trusts such a certificate: expected tls.certificate and tls.key in production",
    )?;
    require(
        named.is_none(),
        "dev_certificate",
        || "tls.certificate is set too: expected one of them",
    )?;
    Ok(development::files(data))
}

fn check_listeners(
    listen: SocketAddr,
    operator: SocketAddr,
    operator_tls: Option<&Tls>,
) -> Result<(), ConfigError> {
    let clients_are_known = operator_tls.is_some_and(|tls| tls.client_ca.is_some());
    require(operator.ip().is_loopback() || clients_are_known, "operator", || {
        format!(
            "{operator} is not loopback: health and metrics have no login, expected 127.0.0.1 or \
             [::1], or operator_tls.client_ca so that clients need a certificate"
        )
    })?;
    // Port 0 asks the system for a free port, so two of them are two.
    require(listen != operator || listen.port() == 0, "operator", || {
        format!("{operator} is the address of `listen` too: expected another port")
    })
}

fn mode(wanted: Option<Mode>, listen: SocketAddr) -> Result<Mode, ConfigError> {
    if listen.ip().is_loopback() {
        return Ok(wanted.unwrap_or(Mode::Development));
    }
    require(wanted != Some(Mode::Development), "mode", || {
        format!(
            "development with `listen` at {listen}, which other machines can reach: \
             listen on 127.0.0.1, or set the mode to production"
        )
    })?;
    Ok(Mode::Production)
}

/// The gates whose permits are taken. Behind the embedded gate no other one can be: it would strip
/// their permits.
fn gates(gate: Gate, names: Vec<String>) -> Result<Vec<GateKey>, ConfigError> {
    if gate == Gate::Embedded {
        return Ok(vec![GateKey { gate: EMBEDDED_GATE.to_owned(), version: 1 }]);
    }
    require(
        !names.is_empty(),
        "gates",
        || "with an external gate, name the gates whose permits are taken, as gates = [\"envoy-1\"]",
    )?;
    let mut gates = Vec::new();
    for name in names {
        let key = GateKey::parse(&name).ok_or_else(|| {
            let problem = format!("{name:?}: {NAME_RULE}, or NAME@VERSION with a version from 1");
            ConfigError::setting("gates", problem)
        })?;
        require(key.gate != EMBEDDED_GATE, "gates", || {
            format!("{EMBEDDED_GATE:?} is the name of the gate in this process: choose another")
        })?;
        require(!gates.contains(&key), "gates", || format!("{name:?} is there twice"))?;
        gates.push(key);
    }
    Ok(gates)
}

fn signing_realms(wanted: Option<Vec<u32>>) -> Result<Vec<u32>, ConfigError> {
    let realms = wanted.unwrap_or_else(|| vec![FIRST_REALM]);
    let fine = (1..=REALMS_MAX).contains(&realms.len())
        && realms.iter().all(|&realm| realm > 0)
        && realms.first() != realms.get(1);
    require(fine, "signing_realms", || {
        format!("{realms:?}: expected one number from 1, or two while the second is being replaced")
    })?;
    Ok(realms)
}

fn check_token_secrets(files: &BTreeMap<String, PathBuf>) -> Result<(), ConfigError> {
    require(files.len() <= TOKEN_SECRETS_MAX, "token_secrets", || {
        format!("expected at most {TOKEN_SECRETS_MAX}, got {}", files.len())
    })?;
    // In the gate's variable, a colon ends the name.
    let bad = files.keys().find(|name| !is_name(name) || name.contains(':'));
    bad.map_or(Ok(()), |name| {
        let problem = format!("{name:?}: expected 1 to 64 letters, digits, '-', '_' or '.'");
        Err(ConfigError::setting("token_secrets", problem))
    })
}

impl GateKey {
    /// Reads `NAME` or `NAME@VERSION`.
    fn parse(text: &str) -> Option<Self> {
        let (gate, version) = text.split_once('@').unwrap_or((text, "1"));
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        let version = version.parse().ok().filter(|&version| digits && version > 0)?;
        is_name(gate).then(|| Self { gate: gate.to_owned(), version })
    }
}

fn upload(
    serve: &ServeFlags,
    file: &file::Upload,
    policy: &PolicySource,
) -> Result<Upload, ConfigError> {
    let total = serve.upload_total.or(file.total).map_or(256 << 20, |size| size.0);
    let share = serve.upload_share_per_key.or(file.share_per_key).unwrap_or(Share::QUARTER);
    let per_key = share.part_of(total);
    let largest = policy.policy.routes.iter().map(|route| route.max_bytes).max().unwrap_or(0);
    require(per_key >= largest, "upload.total", || {
        format!(
            "the share of one key is {per_key} bytes, but the policy allows bodies of {largest}: \
             raise upload.total or upload.share_per_key, or lower max_bytes"
        )
    })?;
    let upload = Upload {
        total,
        per_key,
        deadline: span(serve.upload_deadline.or(file.deadline), 30),
        idle: span(serve.upload_idle.or(file.idle), 10),
        minimum_rate: serve
            .upload_minimum_rate
            .or(file.minimum_rate)
            .map_or(16 << 10, |rate| rate.0),
        grace: span(serve.upload_grace.or(file.grace), 5),
    };
    for (setting, span) in [("upload.deadline", upload.deadline), ("upload.idle", upload.idle)] {
        require(!span.is_zero(), setting, || "expected more than 0: nothing could be uploaded")?;
    }
    Ok(upload)
}

fn queue(
    serve: &ServeFlags,
    file: &file::Queue,
    policy: &PolicySource,
) -> Result<Queue, ConfigError> {
    let waiting = serve.queue_waiting.or(file.waiting).unwrap_or(16);
    require(waiting <= WAITING_MAX, "queue.waiting", || format!("expected 0 to {WAITING_MAX}"))?;
    let batch = serve.queue_batch.or(file.batch).unwrap_or(0);
    require(batch <= BATCH_MAX, "queue.batch", || {
        format!("{batch}: expected 1 to {BATCH_MAX}, or 0 for 1 on a CPU and 8 on a GPU")
    })?;
    let largest = policy.policy.routes.iter().map(|route| route.image.max_pixels).max();
    let largest = largest.unwrap_or_default();
    // One image runs while the next one is decoded, whatever their size.
    let pixels = serve.queue_pixels.or(file.pixels).unwrap_or_else(|| largest.saturating_mul(2));
    require(pixels >= largest, "queue.pixels", || {
        format!("{pixels}, but the policy takes images of {largest}: raise it, or lower max_pixels")
    })?;
    let deadline = span(serve.queue_deadline.or(file.deadline), 30);
    Ok(Queue { waiting: waiting.into(), deadline, batch: batch.into(), pixels })
}

/// The models that cut out backgrounds.
fn background(wanted: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let models = wanted.unwrap_or_else(|| vec!["u2netp".to_owned()]);
    require((1..=BACKGROUND_MAX).contains(&models.len()), "model", || {
        format!("expected 1 to {BACKGROUND_MAX} names, got {}", models.len())
    })?;
    let twice = models
        .iter()
        .enumerate()
        .find(|(at, name)| models.iter().take(*at).any(|other| other == *name));
    twice.map_or(Ok(()), |(_, name)| {
        Err(ConfigError::setting("model", format!("{name:?} is there twice")))
    })?;
    Ok(models)
}

fn place(wanted: Option<PathBuf>, default: Option<&PathBuf>, below: &str) -> Option<PathBuf> {
    wanted.or_else(|| default.map(|folder| folder.join(below)))
}

fn count(
    setting: &'static str,
    wanted: Option<u16>,
    machine: &Machine,
) -> Result<usize, ConfigError> {
    match wanted.unwrap_or(0) {
        0 => Ok(machine.cores),
        number if number <= THREADS_MAX => Ok(number.into()),
        number => {
            let problem = format!("{number}: expected 1 to {THREADS_MAX}, or 0 for the cores");
            Err(ConfigError::setting(setting, problem))
        }
    }
}

/// Threads that decode. By default there are two at least: one image that takes long is not to hold up all others.
fn decode_threads(wanted: Option<u16>, machine: &Machine) -> Result<usize, ConfigError> {
    let threads = count("decode.threads", wanted, machine)?;
    Ok(if wanted.unwrap_or(0) == 0 { threads.max(2) } else { threads })
}

fn span(wanted: Option<super::Span>, default_seconds: u64) -> Duration {
    wanted.map_or_else(|| Duration::from_secs(default_seconds), |span| span.0)
}

pub(super) fn require<P: Into<String>>(
    holds: bool,
    setting: &'static str,
    problem: impl FnOnce() -> P,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::setting(setting, problem())) }
}

#[cfg(test)]
mod tests;
