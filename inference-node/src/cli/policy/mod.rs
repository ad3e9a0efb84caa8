//! `lunette policy`: what is allowed, for people and for gates.

mod check;
mod explain;
mod schema;
mod snapshot;
mod warnings;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Error, output};
use crate::config::{CommonFlags, Config};

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Say whether a policy file is right, what it allows, and what deserves a second look
    #[command(after_help = "Examples:
  lunette policy check policy.json
  lunette policy check policy.json --json | jq .warnings

Standard output has what the policy allows and what it takes to remember it; warnings go to
standard error. With --json all of it is one document: the file itself is in `policy`, and what
follows from it beside it.")]
    Check {
        /// The policy file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what would become of a request, check by check
    Explain(Box<explain::Explain>),
    /// Print the JSON Schema of a policy file
    #[command(after_help = "Examples:
  lunette policy schema > policy.schema.json
  lunette policy schema --event

A file that fits the schema can still be refused: what its fields must mean together is said by
`lunette policy check`.")]
    Schema {
        /// Print the one of the inspection event, which the audit gets
        #[arg(long)]
        event: bool,
    },
    /// Write what gates are told: policy, key records and revoked tokens, signed
    #[command(after_help = "Examples:
  lunette policy snapshot --output snapshot
  lunette policy snapshot --json | jq .epoch

A snapshot is good for 15 minutes. Gates that can reach the node take it from there themselves:
GET /gate/snapshot on the operator's listener. It holds no secret: records are of no use without the
gate's pepper. With --json it is printed as one document, unsigned, to be read by people.")]
    Snapshot {
        /// The file to write; readers see the old one or the new one, never a part
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl PolicyCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        match self {
            Self::Check { file, json } => check::check(&file, common, json),
            Self::Explain(explain) => explain.run(common),
            Self::Schema { event } => schema::print(event),
            Self::Snapshot { output, json } => {
                snapshot::write(&Config::load_for_tools(common)?, output.as_deref(), json)
            }
        }
    }
}
