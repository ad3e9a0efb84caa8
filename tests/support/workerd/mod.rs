//! The Worker on the real workerd, with its bundle as `make worker` leaves it.

mod events;
mod source;

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use filter::hex;
use filter::snapshot::SnapshotKey;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::vectors::Request;
use crate::{fault, keys};

pub use events::Events;
pub use source::{GATE_TOKEN, Source};

/// The gate's name in permits: that of every gate of the tests.
pub const NAME: &str = crate::gate::NAME;
/// The field in which Cloudflare names who connected. The harness is Cloudflare here.
pub const CONNECTING: &str = "CF-Connecting-IP";

/// What a Worker is told.
pub struct Options {
    /// Where accepted requests go, as `http://ADDRESS`.
    pub upstream: String,
    /// Where the snapshot comes from.
    pub snapshot_url: String,
    /// Who signed it.
    pub snapshot_key: SnapshotKey,
    /// Variables and secrets in place of the tests' own.
    pub environment: Vec<(String, String)>,
    /// Where its Durable Objects lie, if they are to outlive it.
    pub objects: Option<PathBuf>,
    /// A function of the Worker's module that does nothing but trap.
    pub traps: Option<&'static str>,
    /// Whether there is a queue for events; without one they are lines of the log.
    pub queue: bool,
}

impl Options {
    /// A Worker with the secrets of the tests, in front of `upstream`, which follows `source`.
    pub fn new(upstream: SocketAddr, source: &Source) -> Self {
        Self {
            upstream: format!("http://{upstream}"),
            snapshot_url: source.url(),
            snapshot_key: source.key(),
            environment: Vec::new(),
            objects: None,
            traps: None,
            queue: true,
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        let named = |name: &str, secret: &[u8]| format!("{name}:{}", hex::encode(secret));
        let realms = keys::REALM_KEYS.map(|(version, key)| named(&version.to_string(), &key));
        let (token_secret, bytes) = keys::TOKEN_SECRET;
        let own = [
            ("LUNETTE_GATE", NAME.to_owned()),
            ("LUNETTE_AUDIENCE", "tests".to_owned()),
            ("LUNETTE_ENVIRONMENT", keys::ENVIRONMENT.as_str().to_owned()),
            ("LUNETTE_UPSTREAM", self.upstream.clone()),
            ("LUNETTE_SNAPSHOT_URL", self.snapshot_url.clone()),
            ("LUNETTE_SNAPSHOT_KEY", self.snapshot_key.digits()),
            ("LUNETTE_GATE_TOKEN", GATE_TOKEN.to_owned()),
            ("LUNETTE_PERMIT_KEY", hex::encode(&keys::PERMIT_KEY)),
            ("LUNETTE_PERMIT_KEY_VERSION", "1".to_owned()),
            ("LUNETTE_PEPPER", hex::encode(&keys::PEPPER)),
            ("LUNETTE_REALM_KEYS", realms.join(",")),
            ("LUNETTE_TOKEN_SECRETS", named(token_secret, &bytes)),
        ];
        let mut variables: Vec<_> =
            own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in &self.environment {
            variables.retain(|(known, _)| known != name);
            variables.push((name.clone(), value.clone()));
        }
        variables
    }
}

/// A running workerd; killed when dropped.
pub struct Workerd {
    /// Where clients connect.
    pub address: SocketAddr,
    /// What it told of each request.
    pub events: Events,
    child: Child,
    log: Log,
    _objects: TempDir,
}

type Log = Arc<Mutex<Vec<String>>>;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Workerd {
    /// Starts workerd on a free port, and waits until it listens.
    ///
    /// # Panics
    /// If workerd or the bundle is missing (`make worker`), or does not start.
    pub async fn start(options: Options) -> Self {
        let (edge, program) = (folder(), program());
        assert!(edge.join("dist/index.js").exists(), "no bundle of the Worker: run make worker");
        let events = Events::listen().await;
        let temporary = TempDir::new().expect("a temporary folder");
        let configuration = if options.traps.is_none() && options.queue {
            edge.join("workerd/config.capnp")
        } else {
            changed(&edge, &options, temporary.path())
        };
        let folder = options.objects.as_deref().unwrap_or_else(|| temporary.path());
        let mut child = Command::new(&program)
            .arg("serve")
            .arg(configuration)
            .args(["--socket-addr", "http=127.0.0.1:0", "--control-fd=1"])
            .arg("--directory-path")
            .arg(format!("objects={}", folder.display()))
            .arg("--external-addr")
            .arg(format!("events={}", events.address))
            .env_clear()
            .envs(options.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let (log, (tell, told)) = (Log::default(), oneshot::channel());
        follow(child.stdout.take().expect("it is piped"), &log, Some(tell));
        follow(child.stderr.take().expect("it is piped"), &log, None);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut workerd = Self { address, events, child, log, _objects: temporary };
        let port = tokio::time::timeout(PATIENCE, told).await;
        let port = port.ok().and_then(Result::ok);
        let port = port.unwrap_or_else(|| panic!("workerd did not start: {:?}", workerd.log()));
        workerd.address.set_port(port);
        workerd
    }

    /// The request as it comes from Cloudflare, which says who connected.
    #[must_use]
    pub fn through_cloudflare(request: &Request) -> Request {
        let mut request = request.clone();
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CONNECTING));
        request.headers.push((CONNECTING.to_owned(), "127.0.0.1".to_owned()));
        request
    }

    /// What it wrote so far, line by line: what the Worker's log would hold.
    ///
    /// # Panics
    /// If another test thread panicked while it looked.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("a lock").clone()
    }

    /// The process, for tests that stop it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A changed copy of configuration and bundle; the former.
fn changed(edge: &Path, options: &Options, folder: &Path) -> PathBuf {
    for part in ["workerd", "dist"] {
        let copy = folder.join("changed").join(part);
        std::fs::create_dir_all(&copy).expect("a folder");
        for file in std::fs::read_dir(edge.join(part)).expect("files").flatten() {
            std::fs::copy(file.path(), copy.join(file.file_name())).expect("a copy");
        }
    }
    let module = folder.join("changed/dist/index_bg.wasm");
    if let Some(export) = options.traps {
        let faulty = fault::trapping(std::fs::read(&module).expect("the module"), export);
        std::fs::write(&module, faulty).expect("a file");
    }
    let configuration = folder.join("changed/workerd/config.capnp");
    if !options.queue {
        let text = std::fs::read_to_string(&configuration).expect("the configuration");
        let lines = text.lines().filter(|line| !line.contains("queue = (name ="));
        std::fs::write(&configuration, lines.collect::<Vec<_>>().join("\n")).expect("a file");
    }
    configuration
}

/// The Worker's folder.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge")
}

/// The program of npm's package for this machine; the package's own entry is a script, which would outlive
/// a test that kills it.
pub fn program() -> PathBuf {
    let packages = std::fs::read_dir(folder().join("node_modules/@cloudflare"));
    let mut packages = packages.expect("no workerd: run scripts/setup worker").flatten();
    let program = packages.find_map(|package| {
        let program = package.path().join("bin/workerd");
        program.exists().then_some(program)
    });
    program.expect("no workerd for this machine: run scripts/setup worker")
}

/// Reads what the program writes, since one whose output nobody reads stands still. It tells the port once it
/// is known.
fn follow(output: impl Read + Send + 'static, log: &Log, tell: Option<oneshot::Sender<u16>>) {
    let (log, mut tell) = (Arc::clone(log), tell);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let told: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let port = told["port"].as_u64().filter(|_| told["socket"] == "http");
            if let (Some(port), Some(tell)) = (port, tell.take_if(|_| port.is_some())) {
                // Nobody waits any more: the test has ended.
                let _ = tell.send(port.try_into().expect("a port"));
            }
            log.lock().expect("a lock").push(line);
        }
    });
}
