//! `lunette serve`.

use std::io::IsTerminal as _;

use clap::Args;

use super::Error;
use crate::config::{CommonFlags, Config, LogFormat, ServeFlags};
use crate::provision::provision;

/// What both forms of the help end with.
macro_rules! examples {
    () => {
        "Examples:
  lunette serve
  lunette serve --listen 127.0.0.1:8000 --threads 4
  lunette serve --gate external --gates envoy-1,envoy-2
  LUNETTE_ROOT_SECRET=… lunette serve --mode production --policy policy.json

RUST_LOG says how much is logged, as RUST_LOG=debug."
    };
}

#[derive(Args)]
#[command(
    after_help = examples!(),
    after_long_help = concat!(
        examples!(),
        "\n\nThe built-in policy:\n\n",
        include_str!("../../../filter/policy.json"),
    )
)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    flags: ServeFlags,
}

impl ServeCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load(common, &self.flags)?;
        log(config.log);
        let provisions = provision(&config)?;
        Ok(crate::serve::serve(&config, &provisions)?)
    }
}

/// Sends the log to standard error.
fn log(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
