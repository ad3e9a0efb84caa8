//! What the filter costs in a real Envoy, beside what people use there today.
//!
//! One Envoy for each way to check a key, with one worker, all in front of the same upstream and asked
//! in turns. CPU is that of all the Envoy's threads, as the kernel counts it; the client and the upstream
//! are in this process and do not count. Rounds count once V8 has compiled what is called often, which
//! it does beside the first thousands of requests: a gateway runs for weeks.

mod http2;
pub(crate) mod load;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use http2::Kept;
use load::Upstream;
use process::{Check, Envoy};

use crate::decision::Fields;
use crate::{Row, decision};

const ROUNDS: usize = 8;
/// Rounds before them.
const WARM: usize = 12;
/// Connections of the rounds that measure CPU.
const CONNECTIONS: usize = 16;
/// Requests of a round that measures CPU.
const REQUESTS: usize = 800;
/// Requests of a round that measures latency, over one connection.
const ALONE: usize = 150;

/// The rows of the table.
///
/// # Errors
/// If an Envoy does not start, or does not answer as it must.
pub(crate) async fn rows() -> std::io::Result<Vec<Row>> {
    let upstream = Upstream::start().await?;
    let start = |check| Envoy::start(check, upstream.address);
    let [bare, native, lua, noop, calls, lunette] = [
        start(Check::None)?,
        start(Check::ApiKeyAuth)?,
        start(Check::Lua)?,
        start(Check::Noop)?,
        start(Check::Calls)?,
        start(Check::Lunette)?,
    ];
    for envoy in [&bare, &native, &lua, &noop, &calls, &lunette] {
        envoy.ready().await?;
    }
    let mut sides = [
        Side::new("nothing", &bare, Sent::Key),
        Side::new("api_key_auth", &native, Sent::Key),
        Side::new("Lua key check", &lua, Sent::Key),
        Side::new("Wasm no-op", &noop, Sent::Key),
        Side::new("calls alone", &calls, Sent::Key),
        Side::new("Lunette, key", &lunette, Sent::Key),
        Side::new("nothing, signed", &bare, Sent::Signed),
        Side::new("Wasm no-op, signed", &noop, Sent::Signed),
        Side::new("Lunette, signed", &lunette, Sent::Signed),
        Side::new("nothing, HTTP/2", &bare, Sent::Key).over_http2().await?,
        Side::new("Lunette, HTTP/2", &lunette, Sent::Key).over_http2().await?,
        Side::new("Lunette, rejected, HTTP/2", &lunette, Sent::Unknown).over_http2().await?,
        Side::new("Lunette, rejected", &lunette, Sent::Unknown),
    ];
    for round in 0..WARM + ROUNDS {
        for side in &mut sides {
            let name = side.name;
            let failed = |error| std::io::Error::other(format!("{name}: {error}"));
            side.round(round >= WARM).await.map_err(failed)?;
        }
        eprint_progress(round + 1)?;
    }
    Ok(table(&sides))
}

fn eprint_progress(round: usize) -> std::io::Result<()> {
    use std::io::Write as _;
    let all = WARM + ROUNDS;
    write!(std::io::stderr().lock(), "\r  envoy: round {round} of {all}")?;
    if round == all { writeln!(std::io::stderr()) } else { Ok(()) }
}

/// What is sent.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Sent {
    /// One key, always the same request.
    Key,
    /// Every request signed anew.
    Signed,
    /// A key that does not exist, a new one each time.
    Unknown,
}

/// One Envoy, asked in one way.
struct Side<'a> {
    name: &'static str,
    envoy: &'a Envoy,
    sent: Sent,
    /// How many requests were sent.
    next: usize,
    /// Without them, each round has connections of its own, by HTTP/1.1.
    kept: Option<Kept>,
    /// For each request of a round.
    cpu: Vec<Duration>,
    /// Medians of the rounds, in microseconds.
    latency: Vec<f64>,
}

impl<'a> Side<'a> {
    fn new(name: &'static str, envoy: &'a Envoy, sent: Sent) -> Self {
        Self { name, envoy, sent, next: 0, kept: None, cpu: Vec::new(), latency: Vec::new() }
    }

    async fn over_http2(self) -> std::io::Result<Self> {
        let kept = Kept::connect(self.envoy.address, CONNECTIONS).await?;
        Ok(Self { kept: Some(kept), ..self })
    }

    async fn round(&mut self, counts: bool) -> std::io::Result<()> {
        let status = if self.sent == Sent::Unknown { 401 } else { 200 };
        let address = self.envoy.address;
        let alone = match &self.kept {
            None => load::round(address, 1, self.make(ALONE), status).await?,
            Some(_) => Vec::new(),
        };
        let batch = self.make(REQUESTS);
        let before = self.envoy.cpu()?;
        match &self.kept {
            None => drop(load::round(address, CONNECTIONS, batch, status).await?),
            Some(kept) => kept.round(batch, status).await?,
        }
        let cpu = self.envoy.cpu()?.saturating_sub(before);
        if counts {
            self.cpu.push(cpu / u32::try_from(REQUESTS).unwrap_or(u32::MAX));
            self.latency.push(decision::median(alone));
        }
        Ok(())
    }

    fn make(&mut self, count: usize) -> Vec<Fields> {
        let numbers = self.next..self.next + count;
        self.next = numbers.end;
        let fields = |n| match self.sent {
            Sent::Key => decision::upload("image/png", load::PNG.len()),
            Sent::Signed => decision::signed_upload(n, &load::PNG),
            Sent::Unknown => decision::unknown(n, load::PNG.len()),
        };
        numbers.map(fields).collect()
    }

    fn cpu_us(&self) -> Vec<f64> {
        self.cpu.iter().map(|cpu| cpu.as_secs_f64() * 1e6).collect()
    }
}

fn table(measured: &[Side<'_>]) -> Vec<Row> {
    let of = |name: &str| measured.iter().find(|one| one.name == name).expect("it was measured");
    // Differences within a round, because the machine is not the same in each.
    let added = |name: &str, base: &str, of_what: fn(&Side<'_>) -> Vec<f64>| {
        let pairs = of_what(of(name)).into_iter().zip(of_what(of(base)));
        middle(pairs.map(|(ours, base)| ours - base).collect())
    };
    let cpu = |one: &Side<'_>| one.cpu_us();
    let latency = |one: &Side<'_>| one.latency.clone();
    let mut rows = Vec::new();
    for (name, base, peer, aim) in [
        ("api_key_auth", "nothing", "Lua key check", "no aim"),
        ("Lua key check", "nothing", "api_key_auth", "no aim"),
        ("Wasm no-op", "nothing", "Lua key check", "no aim"),
        ("Lunette, key", "nothing", "Lua key check", "no aim"),
        ("Lunette, signed", "nothing, signed", "Lua key check", "no aim"),
    ] {
        for (what, of_what) in
            [("CPU", cpu as fn(&Side<'_>) -> Vec<f64>), ("latency", latency as _)]
        {
            let (ours, peer_us) = (added(name, base, of_what), added(peer, "nothing", of_what));
            rows.push(row(
                format!("Envoy, {what} added by: {name}"),
                ours,
                peer_us,
                peer.to_owned(),
                aim,
            ));
        }
    }
    for (name, side, base, aim) in [
        ("a gate's calls of Envoy, alone", "calls alone", "Wasm no-op", "no aim"),
        ("Lunette, key", "Lunette, key", "Wasm no-op", "at most 6 us more than it"),
        ("Lunette, signed", "Lunette, signed", "Wasm no-op, signed", "at most 20 us more than it"),
    ] {
        let over = added(side, base, cpu);
        rows.push(row(
            format!(
                "Envoy, CPU of a request, 16 connections: {name} ({over:.1} us over the no-op)"
            ),
            middle(cpu(of(side))),
            middle(cpu(of(base))),
            "a Wasm filter that does nothing".to_owned(),
            aim,
        ));
    }
    for (protocol, ours, peer) in [
        ("HTTP/2, kept connections", "Lunette, rejected, HTTP/2", "nothing, HTTP/2"),
        ("HTTP/1.1", "Lunette, rejected", "nothing"),
    ] {
        rows.push(row(
            format!("Envoy, CPU of an upload that Lunette rejects at its head: {protocol}"),
            middle(cpu(of(ours))),
            middle(cpu(of(peer))),
            "forwarding it with no filter at all".to_owned(),
            "a ratio below 1",
        ));
    }
    rows.push(row(
        "Envoy, CPU of a request: Lunette, key, HTTP/2".to_owned(),
        middle(cpu(of("Lunette, HTTP/2"))),
        middle(cpu(of("nothing, HTTP/2"))),
        "forwarding it with no filter at all".to_owned(),
        "no aim",
    ));
    rows
}

fn row(name: String, ours: f64, peer: f64, peer_name: String, aim: &str) -> Row {
    let (ratio, aim) = (ours / peer, aim.to_owned());
    Row { name, ours, peer, peer_name, unit: "us", ratio, aim, better: "lower" }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The Envoy that `make bench` installs.
fn binary() -> std::io::Result<PathBuf> {
    let missing = || std::io::Error::other("LUNETTE_TEST_ENVOY names no Envoy: use `make bench`");
    std::env::var_os("LUNETTE_TEST_ENVOY").map(PathBuf::from).ok_or_else(missing)
}
