//! What the Worker costs in a real workerd, beside Workers that do less.
//!
//! One workerd for each, asked in turns. CPU is that of all its threads; the client and the upstream are in
//! this process and do not count. The Worker has no queue here, since on this machine the queue would
//! be a part of the process that is measured.

mod process;

use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

use conformance::workerd::{self, Workerd};
use image::{GrayImage, ImageFormat, Luma};
use tokio::io::AsyncWriteExt as _;

use crate::decision::{self, Fields};
use crate::envoy::load::{self, PNG, Upstream, connect, ready};
use crate::{Row, cpu};
use process::Peer;

const ROUNDS: usize = 8;
/// Rounds before them, in which V8 compiles what is called often.
const WARM: usize = 6;
const CONNECTIONS: usize = 8;
/// Rejections of a round.
const REQUESTS: usize = 2000;
/// Bodies of a round, one after the other, and their sides: a byte for each pixel is 10 MB.
const BODIES: usize = 6;
const SIDES: (u32, u32) = (3200, 3125);

/// The rows of the table.
///
/// # Errors
/// If a workerd does not start, or does not answer as it must.
pub(crate) async fn rows() -> std::io::Result<Vec<Row>> {
    let upstream = Upstream::start().await?;
    let ours = Workerd::start(options(upstream.address)).await;
    let (hello, pass) = (Peer::start("hello")?, Peer::start("pass")?);
    let good = through_cloudflare(decision::upload("image/png", PNG.len()));
    ready(ours.address, &good, 200).await?;
    ready(hello.address, &good, 401).await?;
    pass.listens().await?;
    let body = long_body()?;
    let long =
        head(&through_cloudflare(decision::upload("image/png", body.len())), decision::AUTHORITY);
    // It goes on to the host that it is for.
    let passed = head(&decision::upload("image/png", body.len()), &upstream.address.to_string());
    let mut next = 0;
    let (mut rejected, mut forwarded) = (Pair::default(), Pair::default());
    for round in 0..WARM + ROUNDS {
        let unknown = |n| through_cloudflare(decision::unknown(n, PNG.len()));
        let requests: Vec<Fields> = (next..next + REQUESTS).map(unknown).collect();
        next += REQUESTS;
        let ours_cost = cost(ours.pid(), REQUESTS, async {
            load::round(ours.address, CONNECTIONS, requests.clone(), 401).await
        });
        let ours_cost = ours_cost.await?;
        let peer_cost = cost(hello.pid(), REQUESTS, async {
            load::round(hello.address, CONNECTIONS, requests, 401).await
        });
        rejected.add(round, ours_cost, peer_cost.await?);
        let ours_cost = cost(ours.pid(), BODIES, upload(ours.address, &long, &body)).await?;
        let peer_cost = cost(pass.pid(), BODIES, upload(pass.address, &passed, &body)).await?;
        forwarded.add(round, ours_cost, peer_cost);
    }
    let row = |name: &str, pair: &Pair, peer_name: &str| {
        let (ours, peer) = (middle(&pair.ours), middle(&pair.peer));
        Row {
            name: name.to_owned(),
            ours,
            peer,
            peer_name: peer_name.to_owned(),
            unit: "us",
            ratio: ours / peer,
            aim: "a ratio of at most 1.3".to_owned(),
            better: "lower",
        }
    };
    Ok(vec![
        row(
            "Worker, CPU of a request whose key nobody has (a new one each time)",
            &rejected,
            "a Worker in Rust that answers and does nothing else",
        ),
        row(
            "Worker, CPU of a body of 10 MB that goes on to the node",
            &forwarded,
            "a Worker in JavaScript that passes the request on",
        ),
    ])
}

/// What both sides cost in each round that counts, in microseconds.
#[derive(Default)]
struct Pair {
    ours: Vec<f64>,
    peer: Vec<f64>,
}

impl Pair {
    fn add(&mut self, round: usize, ours: Duration, peer: Duration) {
        if round >= WARM {
            self.ours.push(ours.as_secs_f64() * 1e6);
            self.peer.push(peer.as_secs_f64() * 1e6);
        }
    }
}

/// The CPU of a process for each of so many requests.
async fn cost<T>(
    pid: u32,
    count: usize,
    work: impl Future<Output = std::io::Result<T>>,
) -> std::io::Result<Duration> {
    let before = cpu::of(pid)?;
    work.await?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(cpu::of(pid)?.saturating_sub(before) / count)
}

fn options(upstream: SocketAddr) -> workerd::Options {
    let secrets = decision::secrets().into_iter();
    workerd::Options {
        upstream: format!("http://{upstream}"),
        snapshot_url: format!("http://{upstream}/gate/snapshot"),
        snapshot_key: decision::snapshot_key(),
        environment: secrets.map(|(name, value)| (name.to_owned(), value)).collect(),
        objects: None,
        traps: None,
        queue: false,
    }
}

fn through_cloudflare(mut fields: Fields) -> Fields {
    fields.push((workerd::CONNECTING.to_owned(), "127.0.0.1".to_owned()));
    fields
}

fn head(fields: &Fields, host: &str) -> Vec<u8> {
    let mut head = format!("POST {} HTTP/1.1\r\nhost: {host}\r\n", decision::TARGET);
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A PNG of noise, which no encoder shortens.
fn long_body() -> std::io::Result<Vec<u8>> {
    let mut state = 1u32;
    let noise = GrayImage::from_fn(SIDES.0, SIDES.1, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Luma([state.to_be_bytes()[0]])
    });
    let mut body = Cursor::new(Vec::new());
    noise.write_to(&mut body, ImageFormat::Png).map_err(std::io::Error::other)?;
    Ok(body.into_inner())
}

/// Sends the bodies one after the other. An answer may come before the whole body was sent, and the
/// connection end then: it is read meanwhile, so that it is the answer that is reported.
async fn upload(address: SocketAddr, head: &[u8], body: &[u8]) -> std::io::Result<()> {
    let mut stream = connect(address).await?;
    let mut buffer = vec![0; 4096];
    for _ in 0..BODIES {
        let (mut reader, mut writer) = stream.split();
        let sending = async {
            writer.write_all(head).await?;
            writer.write_all(body).await
        };
        let (sent, read) = tokio::join!(sending, load::whole_answer(&mut reader, &mut buffer));
        let answer = read?;
        if sent.is_err() || !answer.starts_with("HTTP/1.1 200") {
            return Err(std::io::Error::other(format!("10 MB: {sent:?}, {answer}")));
        }
    }
    Ok(())
}

fn middle(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
