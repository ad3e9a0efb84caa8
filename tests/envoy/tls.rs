//! Who may connect, and whom Envoy connects to.

use std::sync::Arc;

use conformance::client;
use conformance::envoy::{Certificates, Envoy, NodeAt, Options};
use conformance::tls::Identity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ProtocolVersion;

use crate::upstream::Upstream;
use crate::{before, default_policy, good, options, problem, send};

/// A `ClientHello` that offers TLS 1.1 at most.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    // No session; ECDHE-RSA-AES128-SHA and AES128-SHA; no compression.
    hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let length = u16::try_from(hello.len()).expect("short").to_be_bytes();
    let handshake = [&[1, 0, length[0], length[1]], hello.as_slice()].concat();
    let length = u16::try_from(handshake.len()).expect("short").to_be_bytes();
    [&[22, 3, 1, length[0], length[1]], handshake.as_slice()].concat()
}

#[tokio::test]
async fn tls_is_1_2_or_1_3() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let mut old = TcpStream::connect(envoy.https).await.expect("a connection");
    old.write_all(&hello_of_tls_1_1()).await.expect("a hello");
    let mut alert = [0; 7];
    old.read_exact(&mut alert).await.expect("an alert");
    assert_eq!((alert[0], alert[6]), (21, 70), "protocol_version, and not {alert:?}");
    for protocol in ["http/1.1", "h2"] {
        let config = envoy.certificates.client(None, &[protocol]);
        let stream = envoy.connect_with(config).await.expect("a connection");
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(session.alpn_protocol(), Some(protocol.as_bytes()));
    }
}

#[tokio::test]
async fn mutual_tls_turns_away_who_has_no_certificate_of_the_right_authority() {
    let upstream = Upstream::plain().await;
    let required = Options { client_certificates: true, ..options(&upstream, default_policy()) };
    let envoy = Envoy::start(required).await;
    assert_eq!(status(&envoy, Some(&envoy.certificates.client)).await, Some(200));
    assert_eq!(status(&envoy, None).await, None);
    assert_eq!(status(&envoy, Some(&envoy.certificates.foreign)).await, None);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn without_mutual_tls_a_foreign_certificate_is_turned_away_still() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    assert_eq!(status(&envoy, None).await, Some(200));
    assert_eq!(status(&envoy, Some(&envoy.certificates.client)).await, Some(200));
    assert_eq!(status(&envoy, Some(&envoy.certificates.foreign)).await, None);
}

async fn status(envoy: &Envoy, identity: Option<&Identity>) -> Option<u16> {
    let stream = envoy.connect(identity).await.ok()?;
    let answer = client::send_on(stream, &good(), usize::MAX).await.ok()?;
    Some(answer.status)
}

#[tokio::test]
async fn a_node_is_believed_only_with_its_name_from_the_right_authority() {
    let certificates = Arc::new(Certificates::new());
    let of = |identity: &Identity| certificates.server_config(identity);
    let own = Upstream::start(Some(of(&certificates.node))).await;
    let foreign = Upstream::start(Some(of(&certificates.foreign))).await;
    let other_name = Upstream::start(Some(of(&certificates.other_name))).await;
    for (upstream, believed) in [(own, true), (foreign, false), (other_name, false)] {
        let envoy = Envoy::start(Options {
            nodes: vec![NodeAt::new(upstream.address)],
            node_tls: true,
            certificates: Arc::clone(&certificates),
            ..Options::told(default_policy())
        })
        .await;
        let answer = send(&envoy, &good()).await;
        if believed {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(problem(&answer), (503, "node-unavailable".into()));
        }
        assert_eq!(upstream.count(), usize::from(believed));
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart() {
    let upstream = Upstream::plain().await;
    let envoy = before(&upstream, default_policy()).await;
    let next = Certificates::new();
    let folder = envoy.folder().join("tls");
    for (name, text) in [("server.key", &next.server.key), ("server.crt", &next.server.certificate)]
    {
        std::fs::write(folder.join("next"), text).expect("a file");
        std::fs::rename(folder.join("next"), folder.join(name)).expect("a rename");
    }
    for _ in 0..200 {
        if envoy.connect_with(next.client(None, &["http/1.1"])).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the new certificate was not taken:\n{}", envoy.log());
}
