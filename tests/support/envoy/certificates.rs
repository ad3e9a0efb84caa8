//! The certificates around an Envoy: its own, those of clients, gate and nodes, and foreign ones.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::NODE;
use crate::tls::{Authority, Identity};

/// One authority, those it vouches for, and one identity that somebody else vouches for.
pub struct Certificates {
    /// The authority's certificate, in PEM.
    pub ca: String,
    /// Envoy, to its clients: `localhost`.
    pub server: Identity,
    /// A client.
    pub client: Identity,
    /// The gate, to its nodes.
    pub gate: Identity,
    /// A node.
    pub node: Identity,
    /// A server that the authority vouches for, but which is not called [`NODE`].
    pub other_name: Identity,
    /// The authority of `foreign`, in PEM.
    pub foreign_ca: String,
    /// One that calls itself [`NODE`], and that the authority does not vouch for.
    pub foreign: Identity,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificates {
    /// New ones.
    pub fn new() -> Self {
        let (own, other) = (Authority::default(), Authority::default());
        Self {
            ca: own.certificate(),
            server: own.sign("localhost"),
            client: own.sign("client"),
            gate: own.sign("gate"),
            node: own.sign(NODE),
            other_name: own.sign("somebody-else"),
            foreign_ca: other.certificate(),
            foreign: other.sign(NODE),
        }
    }

    /// Writes what Envoy reads, under the names that `envoy/sds` says.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn write(&self, folder: &Path) {
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
        let all = [
            ("server.crt", &self.server.certificate),
            ("server.key", &self.server.key),
            ("gate.crt", &self.gate.certificate),
            ("gate.key", &self.gate.key),
            ("clients-ca.crt", &self.ca),
            ("nodes-ca.crt", &self.ca),
        ];
        for (name, text) in all {
            write(name, text).expect("a file");
        }
    }

    /// The settings of a client that trusts the authority, speaks `protocols`, and shows the
    /// certificate of `identity` where there is one.
    ///
    /// # Panics
    /// Never, with certificates of this module.
    pub fn client(&self, identity: Option<&Identity>, protocols: &[&str]) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS12, &TLS13])
            .expect("versions that ring has")
            .with_root_certificates(roots(&self.ca));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = read(identity);
                builder.with_client_auth_cert(chain, key).expect("a certificate")
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// The settings of a server with this identity, that asks for no certificate.
    ///
    /// # Panics
    /// Never, with certificates of this module.
    pub fn server_config(&self, identity: &Identity) -> ServerConfig {
        let (chain, key) = read(identity);
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate")
    }
}

/// The chain and the key, as rustls has them.
fn read(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key in PEM");
    (vec![der(&identity.certificate)], key)
}

fn roots(ca: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(der(ca)).expect("an authority");
    roots
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM")
}
