//! `lunette gates`: what a gate in front of this node needs to know.

use clap::Subcommand;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use zeroize::Zeroizing;

use super::{Error, output};
use crate::config::{CommonFlags, Config, EMBEDDED_GATE, GateKey};
use crate::keys::{NAME_RULE, is_name};
use crate::provision::{root_secret, token_secrets};
use crate::secrets::{GateSecrets, PERMIT_KEY_VERSION};

#[derive(Subcommand)]
pub(super) enum GatesCommand {
    /// Print the secrets of one gate, as lines for its environment
    #[command(after_help = "Examples:
  lunette gates secrets --gate envoy-1 > envoy-1.env && chmod 600 envoy-1.env
  lunette gates secrets --gate envoy-1 --version 2     # after the first was exposed

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
        let tokens = token_secrets(&config)?;
        let realms = &config.signing_realms;
        let secrets =
            GateSecrets::derive(&root, &gate, version, config.environment, realms, &tokens);
        if json {
            output::json(&Variables(&secrets, version))?;
        } else {
            let mut lines = Zeroizing::new(String::with_capacity(8192));
            for (name, value) in secrets.variables() {
                let end = if lines.is_empty() { "" } else { "\n" };
                lines.extend([end, name, "=", value]);
            }
            output::line(&lines)?;
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

/// The variables of a gate's environment as one JSON object; the version is a number in it.
struct Variables<'a>(&'a GateSecrets, u32);

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        for (name, value) in self.0.variables() {
            if name == PERMIT_KEY_VERSION {
                map.serialize_entry(name, &self.1)?;
            } else {
                map.serialize_entry(name, value.as_str())?;
            }
        }
        map.end()
    }
}
