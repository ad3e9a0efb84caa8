//! The node's listeners speak TLS, and know their clients where they are told to.

use std::path::Path;
use std::process::Stdio;

use conformance::client;
use conformance::http2;
use conformance::node::{Home, Node, get};
use conformance::permit::Gate;
use conformance::tls::{Authority, Client, private_file};
use tokio::net::TcpStream;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ProtocolVersion, SupportedProtocolVersion};

const EXTERNAL: [&str; 4] = ["--gate", "external", "--gates", "edge-1"];
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// Files of a server, and who signed what.
struct Files {
    servers: Authority,
    clients: Authority,
    certificate: String,
    key: String,
    client_ca: String,
    folder: tempfile::TempDir,
}

impl Default for Files {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (servers, clients) = (Authority::default(), Authority::default());
        let server = servers.sign("127.0.0.1");
        let write =
            |name, text: &str| private_file(folder.path(), name, text).to_str().unwrap().to_owned();
        let certificate = write("tls.pem", &server.certificate);
        let key = write("tls.key", &server.key);
        let client_ca = write("clients.pem", &clients.certificate());
        Self { servers, clients, certificate, key, client_ca, folder }
    }
}

impl Files {
    fn arguments(&self) -> [&str; 4] {
        ["--tls-certificate", &self.certificate, "--tls-key", &self.key]
    }

    fn client(&self) -> Client<'_> {
        Client { trusts: &self.servers, identity: None, protocols: &[], versions: &VERSIONS }
    }
}

fn is_a_png(body: &[u8]) -> bool {
    body.starts_with(b"\x89PNG\r\n\x1a\n")
}

#[tokio::test]
async fn a_body_goes_up_and_a_cut_out_comes_down_over_either_version_of_http_and_of_tls() {
    let (home, files) = (Home::default(), Files::default());
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &[&EXTERNAL[..], &files.arguments()].concat()).await;
    for version in [&TLS12, &TLS13] {
        for protocol in ["h2", "http/1.1"] {
            let what = format!("{protocol} over {version:?}");
            let client = Client { protocols: &[protocol], versions: &[version], ..files.client() };
            let stream = client.connect(node.address).await.unwrap();
            let (_, session) = stream.get_ref();
            assert_eq!(session.alpn_protocol(), Some(protocol.as_bytes()), "{what}");
            let spoken: Option<ProtocolVersion> = session.protocol_version();
            assert_eq!(spoken, Some(version.version), "{what}");
            let permit = gate.permit(|_| {});
            let request = gate.request(&[&permit]);
            let answer = match protocol {
                "h2" => http2::send_on(stream, &request, 100).await.unwrap(),
                _ => client::send_on(stream, &request, 100).await.unwrap(),
            };
            assert_eq!((answer.status, is_a_png(&answer.body)), (200, true), "{what}");
        }
    }
    assert_eq!(node.inferences().await, 4);
}

#[tokio::test]
async fn where_clients_are_known_strangers_get_no_answer() {
    let (home, files) = (Home::default(), Files::default());
    let mut gate = Gate::new(&home, "edge-1");
    let known = ["--tls-client-ca", files.client_ca.as_str()];
    let node = Node::start(&home, &[&EXTERNAL[..], &files.arguments(), &known].concat()).await;
    let (friend, foreign) = (files.clients.sign("edge-1"), Authority::default().sign("edge-1"));
    for (identity, expected) in [(Some(&friend), true), (None, false), (Some(&foreign), false)] {
        for version in [&TLS12, &TLS13] {
            let permit = gate.permit(|_| {});
            let client = Client { identity, versions: &[version], ..files.client() };
            let answer = match client.connect(node.address).await {
                Ok(stream) => client::send_on(stream, &gate.request(&[&permit]), 100).await,
                Err(error) => Err(error),
            };
            let got = answer.map(|answer| answer.status).ok();
            assert_eq!(got, expected.then_some(200), "{} {version:?}", identity.is_some());
        }
    }
    assert_eq!(node.inferences().await, 2);
}

#[tokio::test]
async fn plain_http_gets_no_answer_and_a_client_who_says_nothing_keeps_nobody_waiting() {
    let (home, files) = (Home::default(), Files::default());
    let mut gate = Gate::new(&home, "edge-1");
    let node = Node::start(&home, &[&EXTERNAL[..], &files.arguments()].concat()).await;
    let permit = gate.permit(|_| {});
    let request = gate.request(&[&permit]);
    assert!(client::send(node.address, &request, usize::MAX).await.is_err());
    let _silent = TcpStream::connect(node.address).await.unwrap();
    let stream = files.client().connect(node.address).await.unwrap();
    assert_eq!(client::send_on(stream, &request, usize::MAX).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_operators_listener_knows_its_clients_too() {
    let (home, files) = (Home::default(), Files::default());
    let arguments = [
        "--operator-tls-certificate",
        &files.certificate,
        "--operator-tls-key",
        &files.key,
        "--operator-tls-client-ca",
        &files.client_ca,
    ];
    let node = Node::spawn(&home, &arguments, Stdio::inherit());
    let friend = files.clients.sign("prometheus");
    let page = async |identity, path: &str| {
        let stream = Client { identity, ..files.client() }.connect(node.operator).await?;
        client::send_on(stream, &get(path), usize::MAX).await
    };
    let mut ready = false;
    for _ in 0..1200 {
        let answer = page(Some(&friend), "/readyz").await;
        ready = answer.is_ok_and(|answer| answer.status == 200);
        if ready {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(ready, "lunette serve did not become ready");
    let metrics = page(Some(&friend), "/metrics").await.unwrap();
    assert!(String::from_utf8(metrics.body).unwrap().contains("lunette_inference_seconds"));
    for path in ["/readyz", "/metrics"] {
        assert!(page(None, path).await.is_err(), "{path}");
        assert!(client::send(node.operator, &get(path), usize::MAX).await.is_err(), "{path}");
    }
}

/// What `lunette serve` says instead of starting.
fn complaint(home: &Home, arguments: &[&str]) -> String {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"];
    let output = home.command(&serve).args(arguments).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{complaint}");
    complaint
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_setting() {
    let (home, files) = (Home::default(), Files::default());
    let other = private_file(files.folder.path(), "other.key", &files.servers.sign("x").key);
    let empty = private_file(files.folder.path(), "empty.pem", "");
    let loose = private_file(files.folder.path(), "loose.key", &files.servers.sign("x").key);
    std::fs::set_permissions(&loose, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let missing = files.folder.path().join("missing");
    let check = |arguments: [&str; 2], path: &Path, parts: [&str; 2]| {
        let [flag, setting] = arguments;
        let wrong = [flag, path.to_str().unwrap()];
        let right = files.arguments();
        let right = right.chunks(2).filter(|pair| pair[0] != flag).flatten().copied();
        let text = complaint(&home, &right.chain(wrong).collect::<Vec<_>>());
        for part in [setting, path.to_str().unwrap(), parts[0], parts[1]] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    };
    let (certificate, key) = (["--tls-certificate", "tls.certificate"], ["--tls-key", "tls.key"]);
    check(key, &loose, ["open to other users", "chmod 600"]);
    check(key, &missing, ["No such file", ""]);
    check(key, &empty, ["expected a private key", "PEM"]);
    check(key, &other, ["", ""]);
    check(certificate, &missing, ["No such file", ""]);
    check(certificate, &empty, ["expected certificates", "PEM"]);
    check(["--tls-client-ca", "tls.client_ca"], &empty, ["expected certificates", ""]);
}
