//! Certificates are read again when their files change.

use std::path::PathBuf;
use std::time::Duration;

use conformance::client;
use conformance::node::{Home, Node};
use conformance::tls::{Authority, Client, private_file};
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::cut_out;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The files of a server, whose authority can change.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn signed_by(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
        let files = Self { folder, certificate, key };
        files.replace(authority);
        files
    }

    fn replace(&self, authority: &Authority) {
        let identity = authority.sign("127.0.0.1");
        private_file(self.folder.path(), "tls.pem", &identity.certificate);
        private_file(self.folder.path(), "tls.key", &identity.key);
    }

    pub(crate) fn arguments(&self) -> [&str; 4] {
        let [certificate, key] =
            [&self.certificate, &self.key].map(|path| path.to_str().expect("text"));
        ["--tls-certificate", certificate, "--tls-key", key]
    }
}

fn trusting(authority: &Authority) -> Client<'_> {
    Client { trusts: authority, identity: None, protocols: &[], versions: &VERSIONS }
}

/// Waits until a metric has a value.
async fn until(node: &Node, metric: &str, value: u64) {
    for _ in 0..200 {
        if node.metric(metric).await == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{metric} did not become {value}");
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (home, first, second) = (Home::default(), Authority::default(), Authority::default());
    let files = Files::signed_by(&first);
    let node = Node::start(&home, &files.arguments()).await;
    let key = home.development_key();
    let request = cut_out(&key, &[]);
    // A connection from before the change, on which nothing was sent yet.
    let old = trusting(&first).connect(node.address).await.unwrap();
    assert!(trusting(&second).connect(node.address).await.is_err());

    files.replace(&second);
    until(&node, "lunette_certificate_renewals_total", 1).await;
    let new = trusting(&second).connect(node.address).await.unwrap();
    assert!(trusting(&first).connect(node.address).await.is_err());
    for stream in [old, new] {
        let answer = client::send_on(stream, &request, usize::MAX).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").is_some());
    }

    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n").unwrap();
    until(&node, "lunette_certificate_renewal_failures_total", 1).await;
    let stream = trusting(&second).connect(node.address).await.unwrap();
    assert_eq!(client::send_on(stream, &request, usize::MAX).await.unwrap().status, 200);
    files.replace(&first);
    until(&node, "lunette_certificate_renewals_total", 2).await;
    trusting(&first).connect(node.address).await.unwrap();
}

#[tokio::test]
async fn in_development_the_node_makes_a_certificate_that_curl_can_be_told_to_trust() {
    let home = Home::default();
    let node = Node::start(&home, &["--dev-certificate"]).await;
    let certificate = home.path().join("development-tls.pem");
    let url = format!("https://localhost:{}/nothing", node.address.port());
    let output = std::process::Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--cacert"])
        .arg(&certificate)
        .arg(url)
        .output()
        .expect("curl");
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(text.contains("404"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("strict-transport-security"), "localhost is not only ours: {text}");
}
