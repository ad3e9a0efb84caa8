//! `lunette policy snapshot`: policy and key records as one document.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Error, output};
use crate::config::Config;
use crate::keys::Publisher;
use crate::provision::root_secret;

#[derive(Serialize)]
struct Snapshot<'a> {
    epoch: u64,
    policy: Value,
    keys: Vec<&'a filter::KeyRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revoked_tokens: Vec<&'a filter::key::TokenId>,
}

/// Writes the document to a file, or prints it.
pub(super) fn write(config: &Config, output: Option<&Path>) -> Result<(), Error> {
    let pepper = root_secret(config)?.pepper(config.environment);
    let publisher = Publisher::open(&config.data, &config.policy.text, config.environment, pepper)?;
    let current = publisher.current().map_err(|_| Error::Unavailable)?;
    let policy = serde_json::from_slice(current.policy()).map_err(std::io::Error::from)?;
    let document = Snapshot {
        epoch: current.epoch(),
        policy,
        keys: current.records().collect(),
        revoked_tokens: current.revoked_tokens().collect(),
    };
    match output {
        None => Ok(output::json(&document)?),
        Some(path) => {
            let text = serde_json::to_vec(&document).map_err(std::io::Error::from)?;
            let mut draft = path.as_os_str().to_owned();
            draft.push(format!(".{}.draft", std::process::id()));
            fs::write(&draft, text)?;
            Ok(fs::rename(&draft, path)?)
        }
    }
}
