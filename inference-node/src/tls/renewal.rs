//! Certificates that are read again when their files change, without a restart.
//!
//! The files are looked at, and not watched: that also sees a link that is turned to another folder,
//! as Kubernetes does it, and works on every file system.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::{Acceptor, TlsError};
use crate::config;

/// How often the files are looked at. A change must be there twice, so that a certificate is not read
/// whose key is still being written.
const INTERVAL: Duration = Duration::from_millis(500);

/// How often files were read again, over all listeners.
#[derive(Default)]
pub struct Renewals {
    /// They were good.
    pub done: AtomicU64,
    /// They were not, and the old ones are still used.
    pub failed: AtomicU64,
}

/// Looks after the files of one listener.
pub struct Renewal {
    acceptor: Acceptor,
    table: &'static str,
    tls: config::Tls,
    used: Stamps,
    seen: Stamps,
}

/// What tells one state of the files from another.
type Stamps = [Option<Stamp>; 3];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    file: (u64, u64),
    changed: (i64, i64),
    bytes: u64,
}

impl Renewal {
    /// Reads the files for the first time.
    pub fn begin(table: &'static str, tls: &config::Tls) -> Result<(Acceptor, Self), TlsError> {
        // Looked at first: what changes while it is read is read again.
        let used = stamps(tls);
        let acceptor = Acceptor::load(table, tls)?;
        Ok((acceptor.clone(), Self { acceptor, table, tls: tls.clone(), used, seen: used }))
    }

    /// Reads them again whenever they change, until `stop`.
    pub async fn follow(mut self, renewals: Arc<Renewals>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let pause = tokio::time::timeout(INTERVAL, stop.changed()).await;
            if matches!(pause, Ok(Err(_))) {
                return;
            }
            let table = self.table;
            // A file system may be slow, or gone.
            let looked = tokio::task::spawn_blocking(move || (self.look(), self)).await;
            let Ok((read, renewal)) = looked else { return };
            self = renewal;
            match read {
                None => {}
                Some(Ok(())) => {
                    renewals.done.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(listener = table, "the certificate was read again");
                }
                Some(Err(error)) => {
                    renewals.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(listener = table, %error, "the old certificate is kept");
                }
            }
        }
    }

    /// Reads the files if they have changed and are at rest since the last look.
    fn look(&mut self) -> Option<Result<(), TlsError>> {
        let now = stamps(&self.tls);
        let at_rest = std::mem::replace(&mut self.seen, now) == now;
        if now == self.used || !at_rest {
            return None;
        }
        // Also if they cannot be used: that is said once, and not twice a second.
        self.used = now;
        Some(self.acceptor.reload(self.table, &self.tls))
    }
}

fn stamps(tls: &config::Tls) -> Stamps {
    [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()].map(|path| stamp(path?))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    Some(Stamp {
        file: (file.dev(), file.ino()),
        changed: (file.ctime(), file.ctime_nsec()),
        bytes: file.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::development;

    #[test]
    fn a_change_is_read_once_it_is_at_rest_and_a_broken_one_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let tls = development::files(folder.path());
        development::ensure(&tls).unwrap();
        let (_, mut renewal) = Renewal::begin("tls", &tls).unwrap();
        assert!(renewal.look().is_none());

        std::fs::remove_file(&tls.key).unwrap();
        development::ensure(&tls).unwrap();
        assert!(renewal.look().is_none(), "it may still be changing");
        assert!(renewal.look().unwrap().is_ok());
        assert!(renewal.look().is_none());

        std::fs::write(&tls.certificate, "nothing").unwrap();
        assert!(renewal.look().is_none());
        let error = renewal.look().unwrap().unwrap_err().to_string();
        assert!(error.starts_with("tls.certificate: "), "{error}");
        assert!(renewal.look().is_none());
    }
}
