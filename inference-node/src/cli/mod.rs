//! The command line.

pub mod bench;
mod changes;
mod gates;
mod keys;
pub mod models;
mod output;
mod policy;
mod serve;
mod sign;
mod tokens;

use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{CommonFlags, Config, ConfigError, argument_problem};
use crate::keys::signing::SigningError;
use crate::keys::{RightsError, StoreError};
use crate::models::cache::Cache;
use crate::private_file;
use crate::provision::ProvisionError;
use crate::serve::ServeError;
use bench::BenchError;

/// Exit code of a mistake in arguments or configuration (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;
/// Exit code of a request that is explained to be refused.
const REFUSED: u8 = 2;
/// Exit code of everything else that fails.
const FAILURE: u8 = 1;

/// Background removal behind a gate: bad requests are refused before a model runs.
#[derive(Parser)]
#[command(
    name = "lunette",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Examples:
  lunette serve                                  # gate and models on http://127.0.0.1:8080
  lunette keys new --principal acme --scope background-removal
  lunette policy check policy.json

A setting comes from lunette.toml, a LUNETTE_ variable or a flag; the later one wins.
Exit codes: 0 done, 64 a mistake in arguments or configuration, 2 a request that
`lunette policy explain` says is refused, 1 anything else."
)]
pub struct Cli {
    #[command(flatten)]
    common: CommonFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gate and the models
    Serve(Box<serve::ServeCommand>),
    /// Make, show and withdraw API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Revoke tokens of issuers before their time
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// Sign a request, and print what curl needs
    Sign(sign::Sign),
    /// Equip gates in front of this node
    #[command(subcommand)]
    Gates(gates::GatesCommand),
    /// Check a policy, explain what it does to a request, and publish it with the keys
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Send load to a node of your own, and see what becomes of it
    Bench(Box<bench::Bench>),
    /// List, fetch and verify the weights of models
    #[command(subcommand)]
    Models(models::ModelsCommand),
}

/// Why a command failed: one line for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that production needs is missing, or a secret cannot be used.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// A name is wrong.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// A public key cannot be used as was asked.
    #[error("--public-key: {0}")]
    Signing(#[from] SigningError),
    /// A file of secrets cannot be used.
    #[error(transparent)]
    File(private_file::Error),
    /// The key store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key database went out of reach between two looks at it.
    #[error("the keys cannot be read just now: try again")]
    Unavailable,
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// Serving failed.
    #[error(transparent)]
    Serve(Box<ServeError>),
    /// A load test has no result, or a bad one.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The weights of a model could not be brought or read.
    #[error(transparent)]
    Models(Box<models::ModelsError>),
    /// A request was explained, and is refused. The result says so.
    #[error("the request is refused")]
    Refused,
}

// Boxed: these two are far larger than the others.
impl From<ServeError> for Error {
    fn from(error: ServeError) -> Self {
        Self::Serve(Box::new(error))
    }
}

impl From<models::ModelsError> for Error {
    fn from(error: models::ModelsError) -> Self {
        Self::Models(Box::new(error))
    }
}

impl Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Serve(error) if error.is_a_mistake() => USAGE,
            Self::Provision(ProvisionError::Store(_))
            | Self::Store(_)
            | Self::Unavailable
            | Self::Output(_)
            | Self::Serve(_)
            | Self::Bench(_)
            | Self::Models(_) => FAILURE,
            Self::Refused => REFUSED,
            Self::Config(_)
            | Self::Provision(_)
            | Self::Argument(_)
            | Self::Rights(_)
            | Self::Signing(_)
            | Self::File(_) => USAGE,
        }
    }
}

/// Parses the arguments, runs the command, and says on standard error what went wrong.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough, as in `lunette keys list | head -1`.
        Err(error @ Error::Refused) => error.exit_code().into(),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            error.exit_code().into()
        }
    }
}

impl Cli {
    fn run(self) -> Result<(), Error> {
        match self.command {
            Command::Serve(command) => command.run(&self.common),
            Command::Keys(command) => command.run(&self.common),
            Command::Tokens(command) => command.run(&self.common),
            Command::Sign(command) => command.run(&self.common),
            Command::Gates(command) => command.run(&self.common),
            Command::Policy(command) => command.run(&self.common),
            Command::Bench(command) => command.run(),
            Command::Models(command) => {
                let config = Config::load_for_tools(&self.common)?;
                Ok(models::run(&command, &Cache::new(config.models), &mut io::stdout().lock())?)
            }
        }
    }
}

/// Help and version are wished for; a value that is not possible gets one line; what is not
/// understood at all gets clap's explanation.
fn refuse(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { USAGE } else { 0 };
    if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        let mut command = Cli::command();
        command.build();
        complain(&argument_problem(error, &command));
    } else {
        // Nobody is left to tell if this fails.
        let _ = error.print();
    }
    code.into()
}

fn complain(problem: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "lunette: {}", output::escape(problem));
}
