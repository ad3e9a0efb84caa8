//! `lunette policy snapshot`: what gates are told, as the node signs it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Error, output};
use crate::clock;
use crate::config::Config;
use crate::keys::{Published, Publisher, Snapshots};
use crate::provision::root_secret;

/// The same for people, unsigned.
#[derive(Serialize)]
struct Document<'a> {
    epoch: u64,
    policy: Value,
    keys: Vec<&'a filter::KeyRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revoked_tokens: Vec<&'a filter::key::TokenId>,
}

/// Writes the snapshot to a file, or prints it.
pub(super) fn write(config: &Config, output: Option<&Path>, json: bool) -> Result<(), Error> {
    let root = root_secret(config)?;
    let environment = config.environment;
    let pepper = root.pepper(environment);
    let publisher = Publisher::open(&config.data, &config.policy.text, environment, pepper)?;
    let text = if json {
        document(&*publisher.current().map_err(|_| Error::Unavailable)?)?
    } else {
        let signer = root.snapshot_signer(environment);
        let snapshots = Snapshots::new(Arc::new(publisher), signer, &config.audience, environment);
        snapshots.current(clock::now()).map_err(|_| Error::Unavailable)?.text(None)
    };
    match output {
        None => Ok(output::line(text.trim_end())?),
        Some(path) => {
            let mut draft = path.as_os_str().to_owned();
            draft.push(format!(".{}.draft", std::process::id()));
            fs::write(&draft, text)?;
            Ok(fs::rename(&draft, path)?)
        }
    }
}

fn document(published: &Published) -> Result<String, std::io::Error> {
    let mut text = serde_json::to_string_pretty(&Document {
        epoch: published.epoch(),
        policy: serde_json::from_slice(published.policy())?,
        keys: published.records().collect(),
        revoked_tokens: published.revoked_tokens().collect(),
    })?;
    text.push('\n');
    Ok(text)
}
