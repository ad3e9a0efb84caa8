//! `lunette bench`, as a process of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use conformance::node;
use serde_json::Value;

/// How requests are sent.
pub(super) enum Load {
    /// By so many clients, each of which waits for its answer.
    Closed(u16),
    /// So many a second, whether or not they are answered; every answer is checked.
    Open(f64),
}

/// What asks one server.
pub(super) struct Generator {
    url: String,
    model: String,
    photo: PathBuf,
    key: Option<String>,
}

impl Generator {
    /// One that sends this photo, with a key where the server wants one.
    pub(super) fn new(address: SocketAddr, model: &str, photo: &Path, key: Option<String>) -> Self {
        let url = format!("http://{address}/api/remove");
        Self { url, model: model.to_owned(), photo: photo.to_owned(), key }
    }

    /// Sends load for so many seconds.
    ///
    /// # Errors
    /// If the generator finds that an answer was wrong.
    pub(super) async fn run(&self, load: &Load, seconds: u64) -> io::Result<Report> {
        let mut command = Command::new(node::binary());
        command.args(["bench", "--json", "--form", "file", "--url", &self.url, "--image"]);
        command.arg(&self.photo).arg("--duration").arg(format!("{seconds}s"));
        command.arg("--field").arg(format!("model={}", self.model));
        match load {
            Load::Closed(clients) => command.arg("--clients").arg(clients.to_string()),
            Load::Open(rate) => {
                command.args(["--verify", "--connections", "256", "--rate"]).arg(rate.to_string())
            }
        };
        command.env_remove("LUNETTE_KEY");
        if let Some(key) = &self.key {
            command.env("LUNETTE_KEY", key);
        }
        // It ends by itself, with its time.
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.map_err(io::Error::other)??;
        let report = serde_json::from_slice(&output.stdout).map(Report);
        if !output.status.success() || report.is_err() {
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            return Err(io::Error::other(format!("{}: {err}{out}", self.url)));
        }
        report.map_err(io::Error::other)
    }
}

/// What `lunette bench --json` printed.
pub(super) struct Report(pub(super) Value);

impl Report {
    /// How many answers had a status below 400.
    pub(super) fn good(&self) -> f64 {
        self.0["good_ms"]["count"].as_f64().unwrap_or(f64::NAN)
    }

    /// The same, a second.
    pub(super) fn per_second(&self) -> f64 {
        self.0["good_per_second"].as_f64().unwrap_or(f64::NAN)
    }

    /// A quantile of those, in milliseconds.
    pub(super) fn latency(&self, quantile: &str) -> f64 {
        self.0["good_ms"][quantile].as_f64().unwrap_or(f64::NAN)
    }

    /// Seconds of CPU that the generator took.
    pub(super) fn own_cpu(&self) -> f64 {
        self.0["generator_cpu_seconds"].as_f64().unwrap_or(f64::NAN)
    }

    /// Whether each request got a 200.
    ///
    /// # Errors
    /// If one did not.
    pub(super) fn all_good(&self) -> io::Result<()> {
        let sent = &self.0["sent"];
        if sent.as_u64() == Some(0) || self.0["statuses"]["200"] != *sent {
            return Err(io::Error::other(format!("not all were answered 200: {}", self.0)));
        }
        Ok(())
    }

    /// Whether each request got an answer; which answers are right, the generator has judged.
    ///
    /// # Errors
    /// If one got none, or was not sent.
    pub(super) fn all_answered(&self) -> io::Result<()> {
        let failed = self.0["failed"].as_object().is_none_or(|failed| !failed.is_empty());
        if failed || self.0["not_sent"] != 0 || self.good() < 1.0 {
            return Err(io::Error::other(format!("not all were answered: {}", self.0)));
        }
        Ok(())
    }
}
