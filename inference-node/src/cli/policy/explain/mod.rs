//! `lunette policy explain`: what would become of a request, check by check.

mod gate;
mod inspection;
mod request;
mod show;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use filter::{Clock, UnixMillis};

use super::super::Error;
use crate::clock;
use crate::config::{CommonFlags, Config};
use gate::Gate;
use request::Described;

#[derive(Args)]
#[command(after_help = "Examples:
  lunette policy explain --path /v1/background-removal --key-file acme.key --image photo.jpg
  lunette policy explain --path /v1/background-removal --policy next.json --client 192.0.2.7 \\
      --header 'Content-Type: image/png' --header 'Content-Length: 70000' --json

  lunette sign --key-id Ab3dE5gH1j --body photo.jpg \\
      --url http://127.0.0.1:8080/v1/background-removal \\
      | lunette policy explain --authority 127.0.0.1:8080 --path /v1/background-removal \\
            --image photo.jpg --header @-

The request is judged as the gate and the node of this configuration would, with the keys and
secrets of this machine. Nothing is sent, decoded or remembered: quotas, nonces and failures are
judged against an empty store, as by a gate that has seen no request before.

Keep credentials in files: other users of this machine can see arguments. No field that carries a
credential is printed.

Exit codes: 0 nothing refuses the request, as far as it is described; 2 it is refused; 64 and 1
as for every command.")]
pub(in super::super) struct Explain {
    /// The raw path with its query, as `/v1/background-removal?x=1`
    #[arg(long, value_name = "PATH")]
    path: String,
    /// The method, as sent
    #[arg(long, value_name = "NAME", default_value = "POST")]
    method: String,
    /// The host and port that the client addressed [default: the Host field, if there is one]
    #[arg(long, value_name = "HOST")]
    authority: Option<String>,
    /// A header field, or @FILE with one a line as `lunette sign` prints them; - is standard input
    // Parsed later: clap would repeat a credential in its message.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Who connects to the gate: a client, or a proxy that names it in X-Forwarded-For
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    client: Option<IpAddr>,
    /// A file with an API key or a token, which only its owner may read; sent as Authorization: Bearer
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The file with the body; Content-Length and Content-Type follow from it where they are not given
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// When the request comes, in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load_for_tools(common)?;
        let now = self.at.map_or_else(clock::now, |at| UnixMillis(at.saturating_mul(1_000)));
        let json = self.json;
        let described = Described::read(self)?;
        let gate = Gate::of_this_machine(&config)?;
        let explained = gate.explain(&described, Clock::both(now.0));
        if json { show::json(&explained) } else { show::text(&explained) }?;
        if explained.is_refused() { Err(Error::Refused) } else { Ok(()) }
    }
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "expected an address such as 192.0.2.7 or 2001:db8::7")
}
