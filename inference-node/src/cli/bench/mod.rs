//! `lunette bench`: load for a node that is somebody's own, and what became of it.
//!
//! An open loop sends when a request is due, whether or not the ones before it were answered, and measures from then:
//! a server that stands still is seen as its clients would see it. A closed loop sends when the answer is there.

mod answer;
mod arrivals;
mod client;
mod key;
mod load;
mod message;
mod report;
mod tally;
mod target;
mod verify;

use std::io::{self, IsTerminal as _};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Error;
use crate::config::Span;
use arrivals::{Arrivals, Spacing};
use client::Client;
use load::Run;
use message::{Form, Message};
use report::Report;
use target::Target;
use verify::Verifier;

#[derive(Args)]
#[command(
    group(clap::ArgGroup::new("loop").required(true).args(["rate", "clients"])),
    after_help = "Examples:
  lunette bench --url http://127.0.0.1:8080 --face background-removal --image photo.jpg \\
      --key-file ~/.local/share/lunette/development.key --rate 5 --duration 30s --verify
  lunette bench --url http://127.0.0.1:7000/api/remove --image photo.jpg --form file \\
      --field model=u2netp --clients 4
  lunette bench --url http://127.0.0.1:9090/livez --rate 2000 --arrivals poisson --http2 --json

With --rate requests are due at times that do not depend on the answers, and a request's latency
counts from when it was due. What is due while every connection is busy is not sent, and counted so:
more --connections send it.
With --clients each client sends its next request once it has its answer.
A key is never an argument, since others see those: it comes from --key-file, or from LUNETTE_KEY.
With --verify the exit code is 1 if any answer was wrong."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Bench {
    /// Where to send requests: http://HOST:PORT, with a path unless --face gives it
    #[arg(long, value_name = "URL")]
    url: String,
    /// Requests a second, in an open loop
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// Clients that each wait for their answer, in a closed loop
    #[arg(long, value_name = "NUMBER", value_parser = at_most_4096())]
    clients: Option<NonZeroU16>,
    /// How requests of an open loop follow each other
    #[arg(long, value_enum, default_value_t = Spacing::Fixed, requires = "rate")]
    arrivals: Spacing,
    /// What the times of --arrivals poisson are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How long to send
    #[arg(long, value_name = "TIME", default_value = "10s")]
    duration: Span,
    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: Span,
    /// Connections of an open loop: as many requests are under way at most
    #[arg(long, value_name = "NUMBER", default_value = "64", value_parser = at_most_4096())]
    connections: NonZeroU16,
    /// Speak HTTP/2, without TLS
    #[arg(long)]
    http2: bool,
    /// Which API, with its own path and form, in the place of a path in --url
    #[arg(long, value_enum)]
    face: Option<Face>,
    /// A file to send, in turns if there are several; without one the method is GET
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// Send the image in a form, as the field of this name
    #[arg(long, value_name = "FIELD", requires = "image", conflicts_with = "face")]
    form: Option<String>,
    /// Another field of the form, as model=u2net
    #[arg(long, value_name = "NAME=VALUE", requires = "image")]
    field: Vec<String>,
    /// A file with the API key, which only its owner may read; `LUNETTE_KEY` may hold it instead
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Check every answer: 200 must be a picture of the right size, or JSON, as each image gave when it was sent alone
    /// before; 429 and 503 must say when to come again
    #[arg(long)]
    verify: bool,
    /// Send to another machine than this one
    #[arg(long)]
    allow_remote: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An API of the node.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Face {
    BackgroundRemoval,
    Ocr,
    Rembg,
    RemoveBg,
}

impl Face {
    fn path(self) -> &'static str {
        match self {
            Self::BackgroundRemoval => "/v1/background-removal",
            Self::Ocr => "/v1/ocr",
            Self::Rembg => "/api/remove",
            Self::RemoveBg => "/v1.0/removebg",
        }
    }

    /// The field of its form that has the image, where it has a form.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::BackgroundRemoval | Self::Ocr => None,
            Self::Rembg => Some("file"),
            Self::RemoveBg => Some("image_file"),
        }
    }
}

/// Why a load test has no result, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The system gave no threads.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The request that every image is sent with before the load got no good answer.
    #[error("--verify: {image} was sent once, alone, and {problem}")]
    Alone {
        /// The file.
        image: String,
        /// What came.
        problem: String,
    },
    /// The result says how many, and shows some.
    #[error("{0} answers were wrong")]
    Wrong(u64),
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Error> {
        let path = self.face.map(Face::path);
        let target = Target::find(&self.url, path, self.allow_remote)?;
        let key = key::find(self.key_file.as_deref())?;
        let form = match self.face {
            Some(face) => face.field(),
            None => self.form.as_deref(),
        };
        let form = Form::of(form, &self.field)?;
        let messages = Message::all(&target, &self.image, form.as_ref(), key.as_ref(), self.http2)?;
        // One thread sends; answers are checked on others, where they are.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .enable_all()
            .build()
            .map_err(BenchError::Start)?;
        let report = runtime.block_on(self.measure(&target, messages))?;
        if self.json {
            super::output::json(&report)?;
        } else {
            report.print()?;
        }
        match report.wrong {
            0 => Ok(()),
            wrong => Err(BenchError::Wrong(wrong).into()),
        }
    }

    async fn measure(&self, target: &Target, messages: Vec<Message>) -> Result<Report, BenchError> {
        let Span(timeout) = self.timeout;
        let Span(duration) = self.duration;
        let verifier = if self.verify {
            let scaled = self.face == Some(Face::RemoveBg);
            let mut client = Client::new(target.address, self.http2);
            Some(Verifier::learn(&messages, &mut client, timeout, scaled).await?)
        } else {
            None
        };
        let run = Arc::new(Run { messages, timeout, verifier });
        let clients = self.clients.unwrap_or(self.connections).get();
        let clients = (0..clients).map(|_| Client::new(target.address, self.http2)).collect();
        let shown = io::stderr().is_terminal();
        let busy = crate::metrics::process::cpu_milliseconds();
        let (tally, lasted) = match self.rate {
            Some(rate) => {
                let arrivals = Arrivals::new(rate, self.arrivals, self.seed);
                load::open(&run, arrivals, duration, clients, shown).await
            }
            None => load::closed(&run, duration, clients, shown).await,
        };
        let busy = crate::metrics::process::cpu_milliseconds().saturating_sub(busy);
        Ok(Report::new(self, &tally, lasted, Duration::from_millis(busy)))
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "expected a number from 0.001 to 1000000".to_owned())
}

fn at_most_4096() -> impl clap::builder::TypedValueParser<Value = NonZeroU16> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u16)
        .range(1..=4096)
        .try_map(|number| NonZeroU16::new(number).ok_or("expected a number from 1 to 4096"))
}
