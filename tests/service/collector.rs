//! A collector of traces: rotel, which hands them on to a script that reads them.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use conformance::node::free_address;
use conformance::tls::Identity;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::process::{Running, python};

/// A running collector.
pub(crate) struct Collector {
    /// Where it takes OTLP over plain HTTP.
    pub(crate) address: SocketAddr,
    rotel: Running,
    reader: Running,
    spans: Lines<BufReader<ChildStdout>>,
}

impl Collector {
    /// Starts one, and waits until it listens.
    pub(crate) async fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("service/reader.py");
        let mut reader = Command::new(python());
        let mut reader =
            Running(reader.arg(script).stdout(Stdio::piped()).spawn().expect("Python"));
        let mut spans = BufReader::new(reader.0.stdout.take().unwrap()).lines();
        let port = spans.next().expect("a port").expect("text");
        let (address, unused) = (free_address(), free_address());
        let mut rotel = Command::new(python().with_file_name("rotel"));
        rotel.arg("start").args(["--otlp-http-endpoint", &address.to_string()]);
        rotel.args(["--otlp-grpc-endpoint", &unused.to_string()]);
        rotel.args(["--otlp-exporter-endpoint", &format!("http://127.0.0.1:{port}")]);
        rotel.args(["--otlp-exporter-protocol", "http"]);
        let mut rotel = Running(rotel.stdout(Stdio::null()).spawn().expect("rotel"));
        while TcpStream::connect(address).await.is_err() {
            assert_eq!(rotel.0.try_wait().unwrap(), None, "rotel ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { address, rotel, reader, spans }
    }

    /// Ends it in order, so that it hands on what it has; all spans that it ever got.
    pub(crate) fn spans(mut self) -> Vec<Value> {
        let pid = self.rotel.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.rotel.0.wait().unwrap().success(), "rotel hands on what it has");
        self.reader.0.kill().unwrap();
        self.spans.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    }
}

/// An address that speaks TLS and passes everything on to another: this collector speaks none.
pub(crate) async fn behind_tls(identity: &Identity, to: SocketAddr) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let mut client = tls.accept(stream).await?;
                let mut server = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    address
}
