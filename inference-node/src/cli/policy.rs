//! `lunette policy`: checking a policy, and publishing it with the keys.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::{Error, output};
use crate::config::{CommonFlags, Config, PolicySource};
use crate::keys::Publisher;
use crate::provision::root_secret;

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Say whether a policy file is right, and show its routes
    #[command(after_help = "Examples:
  lunette policy check policy.json
  lunette policy check policy.json --json")]
    Check {
        /// The policy file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write policy and key records as one JSON document for gates
    #[command(after_help = "Examples:
  lunette policy snapshot --output snapshot.json
  lunette policy snapshot --policy policy.json | jq .epoch

The document holds no secret: records are of no use without the gate's pepper.")]
    Snapshot {
        /// The file to write; readers see the old one or the new one, never a part
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Snapshot<'a> {
    epoch: u64,
    policy: Value,
    keys: Vec<&'a filter::KeyRecord>,
}

impl PolicyCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        match self {
            Self::Check { file, json } => check(&file, json),
            Self::Snapshot { output } => {
                snapshot(&Config::load_for_tools(common)?, output.as_deref())
            }
        }
    }
}

fn check(file: &Path, json: bool) -> Result<(), Error> {
    let source = PolicySource::read(file)?;
    if json {
        let value: Value = serde_json::from_slice(&source.text).map_err(std::io::Error::from)?;
        return Ok(output::json(&value)?);
    }
    let rows = source.policy.routes.iter().map(|route| {
        let limits = route.image;
        [
            route.name.clone(),
            format!("{} {}", route.method, route.path),
            route.scopes.join(","),
            route.max_bytes.to_string(),
            format!("{}x{}", limits.max_width, limits.max_height),
            limits.max_pixels.to_string(),
            limits.max_frames.to_string(),
        ]
    });
    output::table(["ROUTE", "REQUEST", "SCOPES", "BYTES", "SIZE", "PIXELS", "FRAMES"], rows)?;
    Ok(output::remark(&format!("{} is right.", file.display()))?)
}

fn snapshot(config: &Config, output: Option<&Path>) -> Result<(), Error> {
    let pepper = root_secret(config)?.pepper(config.environment);
    let publisher = Publisher::open(&config.data, &config.policy.text, config.environment, pepper)?;
    let current = publisher.current().map_err(|_| Error::Unavailable)?;
    let policy = serde_json::from_slice(current.policy()).map_err(std::io::Error::from)?;
    let document = Snapshot { epoch: current.epoch(), policy, keys: current.records().collect() };
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
