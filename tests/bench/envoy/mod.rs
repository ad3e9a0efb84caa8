//! What the filter costs in a real Envoy, beside what people use there today.
//!
//! One Envoy for each way to check a key, with one worker, all in front of the same upstream and asked
//! in turns. CPU is that of the Envoy's threads, as the kernel counts it; the client and the upstream
//! are in this process and do not count.

mod load;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use load::Upstream;
use process::{Check, Envoy};

use crate::{Row, decision};

const ROUNDS: usize = 8;
/// Connections of the rounds that measure CPU.
const CONNECTIONS: usize = 16;
/// Requests of a round that measures CPU: of eight rounds, no more than the quota of the key that signs.
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
    let [bare, native, lua, noop, lunette] = [
        start(Check::None)?,
        start(Check::ApiKeyAuth)?,
        start(Check::Lua)?,
        start(Check::Noop)?,
        start(Check::Lunette)?,
    ];
    for envoy in [&bare, &native, &lua, &noop, &lunette] {
        envoy.ready().await?;
    }
    let (mut key, mut signed) = (Requests::Key, Requests::Signed { next: 0 });
    let mut unknown = Requests::Unknown;
    let mut measured: Vec<Measured> = Vec::new();
    let mut sides: Vec<(&str, &Envoy, &mut Requests)> = Vec::new();
    let (mut key2, mut key3, mut key4, mut key5) =
        (Requests::Key, Requests::Key, Requests::Key, Requests::Key);
    let (mut signed2, mut unsigned) = (Requests::Signed { next: 0 }, Requests::Signed { next: 0 });
    sides.push(("nothing", &bare, &mut key));
    sides.push(("api_key_auth", &native, &mut key2));
    sides.push(("Lua key check", &lua, &mut key3));
    sides.push(("Wasm no-op", &noop, &mut key4));
    sides.push(("Lunette, key", &lunette, &mut key5));
    sides.push(("nothing, signed", &bare, &mut unsigned));
    sides.push(("Wasm no-op, signed", &noop, &mut signed2));
    sides.push(("Lunette, signed", &lunette, &mut signed));
    sides.push(("Lunette, rejected", &lunette, &mut unknown));
    for (name, _, _) in &sides {
        measured.push(Measured { name: (*name).to_owned(), cpu: Vec::new(), latency: Vec::new() });
    }
    for round in 0..=ROUNDS {
        for ((name, envoy, requests), measured) in sides.iter_mut().zip(&mut measured) {
            let status = requests.status();
            let failed = |error| std::io::Error::other(format!("{name}: {error}"));
            let alone = load::round(envoy.address, 1, requests.make(ALONE), status);
            let alone = alone.await.map_err(failed)?;
            let before = envoy.cpu()?;
            let batch = requests.make(REQUESTS);
            let done = load::round(envoy.address, CONNECTIONS, batch, status);
            done.await.map_err(failed)?;
            let cpu = envoy.cpu()?.saturating_sub(before);
            // The first round warms both sides up.
            if round > 0 {
                measured.cpu.push(cpu / u32::try_from(REQUESTS).unwrap_or(u32::MAX));
                measured.latency.push(decision::median(alone));
            }
        }
        eprint_progress(round)?;
    }
    Ok(table(&measured))
}

fn eprint_progress(round: usize) -> std::io::Result<()> {
    use std::io::Write as _;
    write!(std::io::stderr().lock(), "\r  envoy: round {round} of {ROUNDS}")?;
    if round == ROUNDS { writeln!(std::io::stderr()) } else { Ok(()) }
}

/// What is sent.
enum Requests {
    /// One key, always the same request.
    Key,
    /// Every request signed anew.
    Signed { next: usize },
    /// A key that does not exist, a new one each time.
    Unknown,
}

impl Requests {
    fn make(&mut self, count: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Key => vec![load::bytes(&decision::upload("image/png", load::PNG.len())); count],
            Self::Unknown => {
                (0..count).map(|n| load::bytes(&decision::unknown(n, load::PNG.len()))).collect()
            }
            Self::Signed { next } => {
                let from = *next;
                *next += count;
                let signed = |n| load::bytes(&decision::signed_upload(n, &load::PNG));
                (from..*next).map(signed).collect()
            }
        }
    }

    fn status(&self) -> &'static str {
        if matches!(self, Self::Unknown) { "401" } else { "200" }
    }
}

struct Measured {
    name: String,
    /// For each request of a round.
    cpu: Vec<Duration>,
    /// Medians of the rounds, in microseconds.
    latency: Vec<f64>,
}

impl Measured {
    fn cpu_us(&self) -> Vec<f64> {
        self.cpu.iter().map(|cpu| cpu.as_secs_f64() * 1e6).collect()
    }
}

fn table(measured: &[Measured]) -> Vec<Row> {
    let of = |name: &str| measured.iter().find(|one| one.name == name).expect("it was measured");
    // Differences within a round, because the machine is not the same in each.
    let added = |name: &str, base: &str, of_what: fn(&Measured) -> Vec<f64>| {
        let pairs = of_what(of(name)).into_iter().zip(of_what(of(base)));
        middle(pairs.map(|(ours, base)| ours - base).collect())
    };
    let cpu = Measured::cpu_us;
    let latency = |one: &Measured| one.latency.clone();
    let mut rows = Vec::new();
    for (name, base, peer, aim) in [
        ("api_key_auth", "nothing", "Lua key check", "no aim"),
        ("Lua key check", "nothing", "api_key_auth", "no aim"),
        ("Wasm no-op", "nothing", "Lua key check", "no aim"),
        ("Lunette, key", "nothing", "Lua key check", "no aim"),
        ("Lunette, signed", "nothing, signed", "Lua key check", "no aim"),
    ] {
        for (what, of_what) in
            [("CPU", cpu as fn(&Measured) -> Vec<f64>), ("latency", latency as _)]
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
    for (name, base, aim) in [
        ("Lunette, key", "Wasm no-op", "at most 6 us more than it"),
        ("Lunette, signed", "Wasm no-op, signed", "at most 20 us more than it"),
    ] {
        let over = added(name, base, cpu);
        rows.push(row(
            format!(
                "Envoy, CPU of a request, 16 connections: {name} ({over:.1} us over the no-op)"
            ),
            middle(cpu(of(name))),
            middle(cpu(of(base))),
            "a Wasm filter that does nothing".to_owned(),
            aim,
        ));
    }
    rows.push(row(
        "Envoy, CPU of a request that Lunette rejects".to_owned(),
        middle(cpu(of("Lunette, rejected"))),
        middle(cpu(of("nothing"))),
        "forwarding it with no filter at all".to_owned(),
        "a ratio below 1",
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
