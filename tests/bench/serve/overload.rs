//! Twice the load that the node can carry: for a row of `bench serve`, and for as long as `bench soak` is told.
//!
//! The generator sends at fixed times, whatever comes back, and judges each answer: the picture that this photo gave
//! when it was sent alone, or 429 or 503 with a `Retry-After`. Anything else is an error.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::generator::{Generator, Load, Report};
use super::photo::Photo;
use super::server::{Ours, Watched};
use super::{middle, say};
use crate::Row;

const MODEL: &str = "u2netp";
/// How long an image may wait for its turn.
const DEADLINE: &str = "2s";
const DEADLINE_MS: f64 = 2000.0;
/// Clients that measure what it can carry.
const CLIENTS: u16 = 4;
/// Memory at the end may exceed that after the first tenth by so much of it.
const MARGIN: f64 = 0.1;

/// How long the slowest of the good answers took, beside what the queue's deadline allows.
pub(super) async fn row(seconds: u64) -> io::Result<Row> {
    let (photo, ours) = start().await?;
    let generator = ours.generator(MODEL, &photo);
    let alone = generator.run(&Load::Closed(1), seconds).await?;
    alone.all_good()?;
    let report = twice(&generator, seconds, 2 * seconds).await?;
    let took = report.latency("p99");
    // It waits for a turn, and then it is decoded and run like any other, beside one more.
    let allowed = DEADLINE_MS + 2.0 * alone.latency("max");
    Ok(Row {
        name: format!("serve {MODEL}, p99 of what is let in under twice the load"),
        ours: took,
        peer: allowed,
        peer_name: format!("queue.deadline = {DEADLINE}, and the time of two images"),
        unit: "ms",
        ratio: took / allowed,
        aim: "<= 1".to_owned(),
        better: "lower",
    })
}

async fn start() -> io::Result<(Photo, Ours)> {
    Ok((Photo::make()?, Ours::start(MODEL, &["--queue-deadline", DEADLINE]).await))
}

/// Measures for some seconds what the node can carry, and sends twice as much for some more.
async fn twice(generator: &Generator, measured: u64, seconds: u64) -> io::Result<Report> {
    let carried = generator.run(&Load::Closed(CLIENTS), measured).await?;
    carried.all_good()?;
    let rate = 2.0 * carried.per_second();
    say(&format!("{:.2} requests a second are carried; {rate:.2} for {seconds} s", rate / 2.0));
    let report = generator.run(&Load::Open(rate), seconds).await?;
    report.all_answered()?;
    Ok(report)
}

/// Sends twice the load for so many seconds, notes the memory each second, and writes `soak.json` into `folder`.
///
/// # Errors
/// If an answer was neither right nor honest, or if memory grew.
pub(crate) async fn soak(seconds: u64, folder: &Path) -> io::Result<()> {
    let (photo, ours) = start().await?;
    let (generator, server) = (ours.generator(MODEL, &photo), Watched(ours.node.pid()));
    let measured = (seconds / 10).clamp(5, 20);
    let mut memory: Vec<f64> = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let load = twice(&generator, measured, seconds);
    tokio::pin!(load);
    let report = loop {
        tokio::select! {
            report = &mut load => break report?,
            _ = ticks.tick() => memory.push(server.resident_mib()?),
        }
    };
    // What was sent before, to measure what it can carry, is no part of it.
    let memory =
        memory.split_off(memory.len().saturating_sub(usize::try_from(seconds).unwrap_or(0)));
    let tenth = memory.len().div_ceil(10);
    let early = middle(memory.iter().skip(tenth).take(tenth).copied().collect());
    let late = middle(memory.iter().rev().take(tenth).copied().collect());
    std::fs::create_dir_all(folder)?;
    let result = json!({
        "seconds": seconds, "model": MODEL, "resident_mib": memory, "peak_mib": server.peak_mib()?,
        "after_first_tenth_mib": early, "at_the_end_mib": late, "margin": MARGIN, "report": report.0,
    });
    std::fs::write(folder.join("soak.json"), serde_json::to_vec_pretty(&result)?)?;
    let statuses = &report.0["statuses"];
    say(&format!(
        "{early:.0} MiB after the first tenth, {late:.0} MiB at the end; answers: {statuses}"
    ));
    if late > early * (1.0 + MARGIN) {
        return Err(io::Error::other(format!("memory grew by more than {MARGIN} of it")));
    }
    Ok(())
}
