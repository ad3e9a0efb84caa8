//! TLS on a listener: its certificate, its key, and which clients it knows.
//!
//! Versions 1.2 and 1.3 with *ring*. The files are read again when they change ([`renewal`]). The other way round is
//! [`outward`].

pub mod development;
pub mod outward;
pub mod renewal;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::{config, private_file};

/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// More than any private key in PEM.
const KEY_MAX: u64 = 64 * 1024;

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates cannot be read.
    #[error("{setting}: {}: {source}", path.display())]
    Unreadable {
        /// The setting.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of the key cannot be read, or others can read it too.
    #[error("{setting}: {source}")]
    Key {
        /// The setting.
        setting: String,
        /// Why.
        source: private_file::Error,
    },
    /// A file is not what it should be.
    #[error("{setting}: {}: expected {expected} in PEM", path.display())]
    Malformed {
        /// The setting.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// No authority is trusted.
    #[error(
        "{setting}: the system trusts no certificates that could be read: expected a file of them"
    )]
    NoAuthorities {
        /// The setting that would name some.
        setting: String,
    },
    /// Certificate and key are not usable, or not of each other.
    #[error("{setting}: {}: {problem}", path.display())]
    Unusable {
        /// The setting.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Takes handshakes, with the certificate that was read last. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(watch::Sender<TlsAcceptor>);

impl Acceptor {
    /// Reads the files of a listener whose settings are those of `table`.
    pub fn load(table: &str, tls: &config::Tls) -> Result<Self, TlsError> {
        Ok(Self(watch::Sender::new(read(table, tls)?)))
    }

    /// Reads the files again. Connections that are there keep what they have; if the files cannot be
    /// used, new ones get what was there before.
    fn reload(&self, table: &str, tls: &config::Tls) -> Result<(), TlsError> {
        self.0.send_replace(read(table, tls)?);
        Ok(())
    }

    /// Takes the handshake of a client; an error if it fails or takes too long.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let newest = self.0.borrow().clone();
        tokio::time::timeout(HANDSHAKE, newest.accept(stream)).await?
    }
}

/// What the files say. Sessions are remembered in it too: nobody resumes one beyond a change, so an
/// authority that is taken out of `client_ca` has no clients left but those that are connected.
fn read(table: &str, tls: &config::Tls) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(format!("{table}.certificate"), &tls.certificate)?;
    let key = key(format!("{table}.key"), &tls.key)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable(format!("{table}.certificate"), &tls.certificate))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let setting = format!("{table}.client_ca");
            let roots = authorities(&setting, path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .map_err(unusable::<VerifierBuilderError>(setting, path))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(unusable(format!("{table}.key"), &tls.key))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

/// Whom a file trusts to sign certificates.
fn authorities(setting: &str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(setting.to_owned(), path)? {
        roots.add(certificate).map_err(unusable(setting.to_owned(), path))?;
    }
    Ok(roots)
}

fn certificates(setting: String, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(source) => {
            return Err(TlsError::Unreadable { setting, path: path.to_owned(), source });
        }
    };
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => {
            let expected = "certificates";
            Err(TlsError::Malformed { setting, path: path.to_owned(), expected })
        }
    }
}

fn key(setting: String, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = match private_file::read(path, KEY_MAX) {
        Ok(text) => text,
        Err(source) => return Err(TlsError::Key { setting, source }),
    };
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| TlsError::Malformed {
        setting,
        path: path.to_owned(),
        expected: "a private key",
    })
}

/// What rustls says of a file.
fn unusable<E: std::fmt::Display>(setting: String, path: &Path) -> impl FnOnce(E) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::Unusable { setting, path, problem: error.to_string() }
}
