//! What a gate makes of what the node sends it.

use sha2::{Digest as _, Sha256};

use super::{Content, LENGTH_MAX, Refused, Seal, SnapshotKey, Statement};
use crate::key::Environment;
use crate::{UnixMillis, hex};

/// Whom a gate believes, and what it is a gate of.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The node's public key.
    pub key: SnapshotKey,
    /// The deployment the gate stands in front of.
    pub audience: String,
    /// The environment whose keys it takes.
    pub environment: Environment,
}

/// What a snapshot says that the gate did not know.
#[derive(Clone, Debug)]
pub enum News {
    /// Nothing: it was signed no later than the one that the gate has.
    Nothing,
    /// What the gate has is good for longer, and perhaps in a newer epoch.
    Renewed(Statement),
    /// Policy or keys changed.
    Changed(Statement, Box<Content>),
}

impl Trust {
    /// Judges a snapshot that arrived at `now`, given what the gate has.
    ///
    /// # Errors
    /// If it must be ignored: then the gate keeps what it has, until that expires.
    pub fn judge(
        &self,
        snapshot: &[u8],
        held: Option<&Statement>,
        now: UnixMillis,
    ) -> Result<News, Refused> {
        let mut lines = snapshot.splitn(2, |&byte| byte == b'\n');
        let seal = lines.next().unwrap_or_default();
        let content = lines.next().map_or(&[][..], |line| line.strip_suffix(b"\n").unwrap_or(line));
        let statement = Seal::open(seal, &self.key, now)?;
        let Statement { audience, environment, epoch, .. } = &statement;
        if (audience, environment) != (&self.audience, &self.environment) {
            let (audience, environment) = (audience.clone(), *environment);
            return Err(Refused::Foreign { audience, environment });
        }
        if let Some(held) = held {
            if *epoch < held.epoch {
                return Err(Refused::Older { epoch: *epoch, held: held.epoch });
            }
            let same = statement.sha256 == held.sha256;
            // A node that starts anew begins an epoch, and may have nothing else to say.
            if same && *epoch > held.epoch {
                return Ok(News::Renewed(statement));
            }
            if *epoch == held.epoch {
                // Gates keep what they made of a content for as long as its epoch lasts.
                if !same {
                    return Err(Refused::Ambiguous { epoch: *epoch });
                }
                let later = statement.issued_at > held.issued_at;
                return Ok(if later { News::Renewed(statement) } else { News::Nothing });
            }
        }
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if length != statement.length || length > LENGTH_MAX {
            return Err(Refused::Content);
        }
        if hex::encode(&Sha256::digest(content)) != statement.sha256 {
            return Err(Refused::Content);
        }
        let content = Content::read(content)?;
        Ok(News::Changed(statement, Box::new(content)))
    }
}

/// Path and query at which the node gives its snapshot to a gate that has `held`.
pub fn path(held: Option<&Statement>) -> String {
    match held {
        None => "/gate/snapshot".to_owned(),
        Some(held) => format!("/gate/snapshot?have={}", held.sha256),
    }
}
