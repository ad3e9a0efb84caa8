//! The signed snapshot of what is published, for gates in other processes.

use std::sync::{Arc, Mutex};

use filter::snapshot::{self, LIFETIME, SnapshotSigner, Statement};
use filter::{Environment, Unavailable, UnixMillis, hex};
use sha2::{Digest as _, Sha256};

use super::Publisher;

/// How old a seal may be, in milliseconds, before it is made anew.
const RESEAL_EVERY: u64 = 60_000;

/// Makes snapshots of what a [`Publisher`] publishes. It has no `Debug`: it holds the signing key.
pub struct Snapshots {
    publisher: Arc<Publisher>,
    signer: SnapshotSigner,
    audience: String,
    environment: Environment,
    /// The last one, of which the content is kept while its epoch lasts.
    last: Mutex<Option<Arc<Snapshot>>>,
}

/// One signed snapshot.
#[derive(Debug)]
pub struct Snapshot {
    /// What is signed.
    pub statement: Statement,
    /// The first line.
    seal: String,
    /// The second line, with its line end.
    content: Arc<str>,
}

impl Snapshots {
    /// Snapshots of `publisher` for the gates of one deployment.
    pub fn new(
        publisher: Arc<Publisher>,
        signer: SnapshotSigner,
        audience: &str,
        environment: Environment,
    ) -> Self {
        Self {
            publisher,
            signer,
            audience: audience.to_owned(),
            environment,
            last: Mutex::new(None),
        }
    }

    /// The snapshot of what is published at `now`. It may take a tenth of a second where there are
    /// many keys and one of them changed.
    ///
    /// # Errors
    /// If the key store cannot be read: gates then keep what they have, until it expires.
    pub fn current(&self, now: UnixMillis) -> Result<Arc<Snapshot>, Unavailable> {
        let published = self.publisher.current()?;
        // Held while one is made, so that several gates that ask at once have it made once.
        let mut last = self.last.lock().map_err(|_| Unavailable)?;
        let same = last.as_ref().filter(|last| last.statement.epoch == published.epoch());
        if let Some(same) = same {
            let issued = same.statement.issued_at;
            if issued <= now && now < issued.plus(RESEAL_EVERY) {
                return Ok(Arc::clone(same));
            }
        }
        let content = if let Some(same) = same {
            Arc::clone(&same.content)
        } else {
            let (keys, tokens) = (published.records(), published.revoked_tokens());
            let content = snapshot::write_content(published.policy(), keys, tokens);
            let mut content = content.map_err(|_| Unavailable)?;
            content.push('\n');
            Arc::from(content)
        };
        let signed = content.trim_end();
        let statement = Statement {
            audience: self.audience.clone(),
            environment: self.environment,
            epoch: published.epoch(),
            issued_at: now,
            expires_at: now.plus(LIFETIME),
            sha256: match same {
                Some(same) => same.statement.sha256.clone(),
                None => hex::encode(&Sha256::digest(signed)),
            },
            length: signed.len() as u64,
        };
        let seal = self.signer.seal(&statement);
        let snapshot = Arc::new(Snapshot { statement, seal, content });
        *last = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

impl Snapshot {
    /// Its text: both lines, or the first alone for a gate that has the content.
    pub fn text(&self, have: Option<&str>) -> String {
        let content = if have == Some(self.statement.sha256.as_str()) { "" } else { &self.content };
        [&self.seal, "\n", content].concat()
    }
}
