//! The whole product over HTTP beside `rembg s`, with the same weights, on the same cores.
//!
//! Both servers are up, and one at a time is asked by `lunette bench`, in turns: a JPEG of 1024 x 768 in a form to
//! `POST /api/remove`, which both have. Of the rounds of a side the middle one counts. CPU is that of a server's
//! process, memory its highest mark.

mod generator;
mod memory;
pub(crate) mod overload;
mod photo;
mod server;

use std::io;

use generator::{Generator, Load, Report};
use photo::Photo;
use server::{Ours, Rembg, Watched};

use crate::Row;

const ROUNDS: usize = 3;
/// Seconds of a round, unless the command line says otherwise.
pub(crate) const SECONDS: u64 = 10;
const CLIENTS: [u16; 3] = [1, 2, 4];

/// The rows of both sizes of U^2-Net, and of twice the load that the node can carry.
///
/// # Errors
/// If a server does not start, or answers what it must not.
pub(crate) async fn rows(seconds: u64) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (model, aim) in [("u2netp", 2.5), ("u2net", 1.8)] {
        rows.extend(beside_rembg(model, aim, seconds).await?);
    }
    rows.push(memory::row().await?);
    rows.push(overload::row(seconds).await?);
    Ok(rows)
}

/// What a round of one side gave.
struct Round {
    report: Report,
    /// Seconds of CPU that the server took.
    busy: f64,
}

async fn beside_rembg(model: &str, aim: f64, seconds: u64) -> io::Result<Vec<Row>> {
    let photo = Photo::make()?;
    let ours = Ours::start(model, &[]).await;
    let rembg = Rembg::start(model).await?;
    let sides = [
        (Watched(ours.node.pid()), ours.generator(model, &photo)),
        (Watched(rembg.pid()), Generator::new(rembg.address, model, &photo.path, None)),
    ];
    // Whatever is made at the first requests is made before the first round.
    for (_, generator) in &sides {
        generator.run(&Load::Closed(4), seconds.min(4)).await?.all_good()?;
    }
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let mut rounds = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for ((server, generator), rounds) in sides.iter().zip(&mut rounds) {
                let before = server.cpu_seconds()?;
                let report = generator.run(&Load::Closed(clients), seconds).await?;
                let busy = server.cpu_seconds()? - before;
                report.all_good()?;
                rounds.push(Round { report, busy });
            }
            say(&format!("{model}, {clients} client(s), round {} of {ROUNDS}", round + 1));
        }
        rows.extend(rows_of(model, clients, aim, &rounds));
    }
    let peaks = [sides[0].0.peak_mib()?, sides[1].0.peak_mib()?];
    rows.push(row(format!("serve {model}, highest memory"), peaks, "MiB", "<= 0.4", "lower"));
    Ok(rows)
}

fn rows_of(model: &str, clients: u16, aim: f64, rounds: &[Vec<Round>; 2]) -> Vec<Row> {
    let of = |value: &dyn Fn(&Round) -> f64| {
        let [ours, peer] = rounds;
        [ours, peer].map(|rounds| middle(rounds.iter().map(value).collect()))
    };
    let name = |what: &str| format!("serve {model}, {clients} client(s), {what}");
    let aim = if clients == 4 { format!(">= {aim}") } else { "none".to_owned() };
    let each = |seconds: f64, round: &Round| seconds * 1e3 / round.report.good();
    let ours = |value: &dyn Fn(&Round) -> f64| middle(rounds[0].iter().map(value).collect());
    let generated = [
        ours(&|round| each(round.report.own_cpu(), round)),
        ours(&|round| each(round.busy, round)),
    ];
    vec![
        row(
            name("throughput"),
            of(&|round| round.report.per_second()),
            "requests/s",
            &aim,
            "higher",
        ),
        row(name("p50"), of(&|round| round.report.latency("p50")), "ms", "none", "lower"),
        row(name("p99"), of(&|round| round.report.latency("p99")), "ms", "none", "lower"),
        row(name("CPU of a request"), of(&|round| each(round.busy, round)), "ms", "none", "lower"),
        Row {
            peer_name: "our server for the same request".to_owned(),
            ..row(name("CPU of the generator"), generated, "ms", "none", "lower")
        },
    ]
}

fn row(
    name: String,
    [ours, peer]: [f64; 2],
    unit: &'static str,
    aim: &str,
    better: &'static str,
) -> Row {
    Row {
        name,
        ours,
        peer,
        peer_name: server::PEER.to_owned(),
        unit,
        ratio: ours / peer,
        aim: aim.to_owned(),
        better,
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn say(text: &str) {
    // Progress that nobody can read is no reason to stop.
    let _ = io::Write::write_all(&mut io::stderr(), format!("  {text}\n").as_bytes());
}
