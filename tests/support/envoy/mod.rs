//! The real Envoy, with `envoy/envoy.yaml` as it is shipped.
//!
//! Only addresses, ports, paths and the plugin's configuration are replaced; where a test has no TLS
//! or no operator listener behind Envoy, that part of its cluster is taken out.
//!
//! ```no_run
//! # async fn example(node: std::net::SocketAddr) {
//! use conformance::envoy::{Envoy, NodeAt, Options, snapshot};
//! use conformance::{vectors, vectors::named};
//!
//! let options = Options::told(snapshot(1, &vectors::policy("default")));
//! let envoy = Envoy::start(Options { nodes: vec![NodeAt::new(node)], ..options }).await;
//! let request = named("a PNG with a good key").request();
//! let answer = envoy.send(&request, usize::MAX).await.expect("an answer");
//! let line = envoy.access_line(answer.header("x-request-id").expect("an id")).await;
//! assert_eq!(line["verdict"], "released");
//! # }
//! ```
//!
//! `LUNETTE_TEST_ENVOY` names the binary; `make` installs it. Where it is not set, it is looked for
//! where `scripts/setup envoy` puts it.

mod admin;
mod certificates;
mod configuration;
mod log;
mod told;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::client::{self, Answer};
use crate::gate;
use crate::tls::Identity;
use crate::vectors::Request;

pub use certificates::Certificates;
pub use told::{AUDIENCE, GATE_TOKEN, Told, secrets, signer, snapshot, snapshot_of};

/// The gate's name, as in permits and in `envoy.yaml`.
pub const GATE: &str = "envoy-1";
/// The name of the nodes, as in their certificates and in `envoy.yaml`.
pub const NODE: &str = "lunette-node";
/// How long Envoy may take to begin: V8 compiles the filter first.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a node is.
#[derive(Clone, Copy, Debug)]
pub struct NodeAt {
    /// Its public listener.
    pub address: SocketAddr,
    /// Its operator's listener. Without one, Envoy does not check how it is.
    pub operator: Option<SocketAddr>,
}

impl NodeAt {
    /// A node whose health nobody asks for.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, operator: None }
    }
}

/// What differs between the Envoys of the tests.
pub struct Options {
    /// What is behind it.
    pub nodes: Vec<NodeAt>,
    /// How the gate learns policy and keys.
    pub told: Told,
    /// How many workers it has.
    pub concurrency: usize,
    /// Whether the nodes speak TLS, with certificates for [`NODE`].
    pub node_tls: bool,
    /// Whether clients need a certificate.
    pub client_certificates: bool,
    /// All certificates.
    pub certificates: Arc<Certificates>,
    /// The deployment that permits are for.
    pub audience: String,
    /// What the gate's VM reads from its environment.
    pub secrets: Vec<(String, String)>,
    /// The module; [`gate::module`] if it is not said.
    pub module: PathBuf,
    /// What else is changed in the configuration.
    pub change: fn(&mut Value),
}

impl Options {
    /// One worker, nothing behind it, no TLS behind it.
    pub fn told(told: impl Into<Told>) -> Self {
        Self {
            nodes: Vec::new(),
            told: told.into(),
            concurrency: 1,
            node_tls: false,
            client_certificates: false,
            certificates: Arc::new(Certificates::new()),
            audience: AUDIENCE.to_owned(),
            secrets: secrets(),
            module: gate::module(),
            change: |_| {},
        }
    }
}

/// A running Envoy; killed when dropped.
pub struct Envoy {
    /// Where clients connect with TLS.
    pub https: SocketAddr,
    /// Where clients without TLS are sent to the other.
    pub http: SocketAddr,
    /// Where metrics are.
    pub stats: SocketAddr,
    /// All certificates.
    pub certificates: Arc<Certificates>,
    child: Child,
    folder: TempDir,
}

impl Envoy {
    /// Starts it, and waits until it takes requests.
    ///
    /// # Panics
    /// If it does not begin; with what it logged.
    pub async fn start(options: Options) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = configuration::write(&options, folder.path());
        let log = std::fs::File::create(folder.path().join("envoy.log")).expect("a file");
        let concurrency = options.concurrency.to_string();
        let child = Command::new(binary())
            .args(["--use-dynamic-base-id", "--file-flush-interval-msec", "20"])
            .args(["--log-level", "warning", "--component-log-level", "wasm:info"])
            .args(["--drain-time-s", "1", "--concurrency", &concurrency])
            .arg("-c")
            .arg(&file)
            .env_clear()
            .envs(options.secrets)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", binary().display()));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let certificates = options.certificates;
        let mut envoy =
            Self { https: nowhere, http: nowhere, stats: nowhere, certificates, child, folder };
        envoy.wait().await;
        envoy
    }

    async fn wait(&mut self) {
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let ended = self.child.try_wait().expect("its state");
            assert_eq!(ended, None, "Envoy ended:\n{}", self.log());
            if self.admin("/ready").await.is_ok_and(|answer| answer.status == 200) {
                self.https = self.listener("https").await;
                self.http = self.listener("http").await;
                self.stats = self.listener("stats").await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Envoy did not begin:\n{}", self.log());
    }

    async fn listener(&self, name: &str) -> SocketAddr {
        let listeners: Value = self.admin_json("/listeners?format=json").await;
        let statuses = listeners["listener_statuses"].as_array().expect("listeners");
        let status = statuses.iter().find(|status| status["name"] == name).expect("a listener");
        let address = &status["local_address"]["socket_address"];
        let port = address["port_value"].as_u64().and_then(|port| u16::try_from(port).ok());
        SocketAddr::from(([127, 0, 0, 1], port.expect("a port")))
    }

    /// Sends one request over a TLS connection of its own, as HTTP/1.1.
    ///
    /// # Errors
    /// If the connection fails before a whole answer arrived.
    pub async fn send(&self, request: &Request, piece: usize) -> io::Result<Answer> {
        client::send_on(self.connect(None).await?, request, piece).await
    }

    /// A TLS connection that speaks HTTP/1.1; with the certificate of `identity`, if there is one.
    ///
    /// # Errors
    /// If the handshake fails. With TLS 1.3 a refused certificate shows only when something is read.
    pub async fn connect(&self, identity: Option<&Identity>) -> io::Result<TlsStream<TcpStream>> {
        self.connect_with(self.certificates.client(identity, &["http/1.1"])).await
    }

    /// A TLS connection with settings of the test's own.
    ///
    /// # Errors
    /// If the handshake fails.
    ///
    /// # Panics
    /// Never: `localhost` is a name.
    pub async fn connect_with(
        &self,
        config: tokio_rustls::rustls::ClientConfig,
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.https).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a name");
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the gate another snapshot, if it is [`Told::Pushed`]; it holds some milliseconds later.
    pub fn push(&self, snapshot: &str) {
        configuration::push(self.folder.path(), snapshot);
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary.
pub fn binary() -> PathBuf {
    std::env::var_os("LUNETTE_TEST_ENVOY")
        .map_or_else(|| root().join("target/envoy/envoy"), Into::into)
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
