//! `lunette gates`: what a gate in front of this node needs to know.

use clap::Subcommand;
use filter::hex;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Error, output};
use crate::config::{CommonFlags, Config, EMBEDDED_GATE, GateKey};
use crate::keys::{NAME_RULE, is_name};
use crate::provision::root_secret;

#[derive(Subcommand)]
pub(super) enum GatesCommand {
    /// Print the secrets of one gate, as lines for its environment
    #[command(after_help = "Examples:
  lunette gates secrets --gate envoy-1 > envoy-1.env && chmod 600 envoy-1.env
  lunette gates secrets --gate envoy-1 --version 2     after the first was exposed

The node takes a gate's permits once its configuration names it: gates = [\"envoy-1\"],
or gates = [\"envoy-1\", \"envoy-1@2\"] while the gate moves to version 2.")]
    Secrets {
        /// The gate's name
        #[arg(long, value_name = "NAME")]
        gate: String,
        /// Which of the gate's permit keys
        #[arg(long, value_name = "NUMBER", default_value = "1",
              value_parser = clap::value_parser!(u32).range(1..))]
        version: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The variables of a gate's environment.
#[derive(Serialize)]
struct Secrets<'a> {
    #[serde(rename = "LUNETTE_PERMIT_KEY")]
    key: &'a str,
    #[serde(rename = "LUNETTE_PERMIT_KEY_VERSION")]
    version: u32,
    #[serde(rename = "LUNETTE_PEPPER")]
    pepper: &'a str,
}

impl GatesCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let Self::Secrets { gate, version, json } = self;
        if !is_name(&gate) {
            return Err(Error::Argument(format!("--gate {gate:?}: {NAME_RULE}")));
        }
        if gate == EMBEDDED_GATE {
            return Err(Error::Argument(format!(
                "--gate {EMBEDDED_GATE}: the gate in this process needs no secrets from outside"
            )));
        }
        let config = Config::load_for_tools(common)?;
        let root = root_secret(&config)?;
        let key = digits(&root.permit_key_bytes(&gate, version));
        let pepper = digits(&root.pepper_bytes(config.environment));
        if json {
            output::json(&Secrets { key: &key, version, pepper: &pepper })?;
        } else {
            output::line(&Zeroizing::new(format!(
                "LUNETTE_PERMIT_KEY={}\nLUNETTE_PERMIT_KEY_VERSION={version}\nLUNETTE_PEPPER={}",
                key.as_str(),
                pepper.as_str(),
            )))?;
        }
        let named = config.gates.contains(&GateKey { gate: gate.clone(), version });
        if !named {
            output::remark(&format!(
                "Its permits are not taken yet: set gate = \"external\" and add {gate:?} to gates."
            ))?;
        }
        Ok(())
    }
}

fn digits(secret: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(secret))
}
