//! TLS to a server that this node asks: whom it trusts to say who that is.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{TlsError, authorities, unusable};

/// A client that trusts the authorities in the file `ca`, or else the system's; `setting` is what names the file.
pub fn connector(setting: &str, ca: Option<&Path>) -> Result<TlsConnector, TlsError> {
    let roots = match ca {
        Some(path) => authorities(setting, path)?,
        None => of_the_system(setting)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable(setting.to_owned(), ca.unwrap_or_else(|| Path::new(""))))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// What can be used of what the system trusts: there is often one that cannot.
fn of_the_system(setting: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (used, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if used == 0 {
        return Err(TlsError::NoAuthorities { setting: setting.to_owned() });
    }
    Ok(roots)
}
