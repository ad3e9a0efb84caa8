//! Authorities that tests make up, the certificates that they sign, and a client that shows them.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// Someone who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }
}

impl Authority {
    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name or an address.
    pub fn sign(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        // With the authority's own name, which is the default, others than rustls take it for its own issuer.
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// Writes a file that only its owner can read, and gives its path.
pub fn private_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode");
    path
}

/// A client that trusts one authority and shows one certificate, or none.
pub struct Client<'a> {
    /// Whom it trusts.
    pub trusts: &'a Authority,
    /// Who it is.
    pub identity: Option<&'a Identity>,
    /// The protocols that it offers, such as `h2`.
    pub protocols: &'a [&'a str],
    /// The versions of TLS that it speaks.
    pub versions: &'a [&'static SupportedProtocolVersion],
}

impl Client<'_> {
    /// Connects to 127.0.0.1 and takes the handshake.
    ///
    /// # Errors
    /// If either side refuses the other. With TLS 1.3 a server's refusal shows only when its answer
    /// is read.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.trusts.certificate())).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.versions)
            .expect("versions that ring can do")
            .with_root_certificates(roots);
        let mut config = match self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
                let chain = vec![certificate(&identity.certificate)];
                config.with_client_auth_cert(chain, key).expect("a certificate and its key")
            }
        };
        config.alpn_protocols =
            self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::from(to.ip());
        let stream = TcpStream::connect(to).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM")
}
