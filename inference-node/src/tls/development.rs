//! A certificate that this machine signs for itself, to try TLS with.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use zeroize::Zeroizing;

use crate::config::Tls;
use crate::private_file;

/// Whom it is for: this machine, by each of its names.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// How long it is good for.
const GOOD: Duration = Duration::from_hours(90 * 24);
/// How old it may be at a start; then there is a new one.
const RENEWED: Duration = Duration::from_hours(30 * 24);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be made.
    #[error("development certificate: {0}")]
    Made(#[from] rcgen::Error),
    /// It could not be written.
    #[error("development certificate: {0}")]
    File(#[from] private_file::Error),
}

/// Where certificate and key are in a data folder.
pub fn files(data: &Path) -> Tls {
    Tls {
        certificate: data.join("development-tls.pem"),
        key: data.join("development-tls.key"),
        client_ca: None,
    }
}

/// Makes certificate and key, unless there are young ones.
pub fn ensure(tls: &Tls) -> Result<(), Error> {
    if is_young(&tls.certificate) && is_young(&tls.key) {
        return Ok(());
    }
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "Lunette on this machine");
    let now = SystemTime::now();
    params.not_before = now.into();
    params.not_after = (now + GOOD).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = Zeroizing::new(key.serialize_pem());
    private_file::replace(&tls.key, key.as_bytes())?;
    private_file::replace(&tls.certificate, certificate.pem().as_bytes())?;
    tracing::info!(file = %tls.certificate.display(), "made a certificate for this machine");
    Ok(())
}

fn is_young(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age < RENEWED))
}
