//! A flood of junk over connections that stay, as fast as whoever is asked refuses it.
//!
//! `LUNETTE_TEST_FLOOD=60` lets one last a minute; a test prints the rate.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use crate::client;
use crate::vectors::{Request, named};

/// Connections that flood, each with one request under way: Envoy ends one on which more wait.
const FLOODING: usize = 64;
/// Envoy ends a connection after as many requests, and one more.
const OF_A_CONNECTION: usize = 9_999;

/// How long a flood lasts: as many seconds as `LUNETTE_TEST_FLOOD` says, or these.
///
/// # Panics
/// If it is no number.
pub fn lasts(seconds: u64) -> Duration {
    let said = std::env::var("LUNETTE_TEST_FLOOD").ok();
    Duration::from_secs(said.map_or(seconds, |text| text.parse().expect("seconds")))
}

/// What no route takes, and without a body: the connection stays.
pub fn junk() -> Request {
    let mut junk = named("an unknown key").request();
    "GET".clone_into(&mut junk.method);
    junk.body.clear();
    junk.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    junk
}

/// A flood that is on.
pub struct Flood {
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
    began: Instant,
}

impl Flood {
    /// Begins to send this request over connections that `connect` makes.
    pub fn begin<C, F, S>(junk: &Request, connect: C) -> Self
    where
        C: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stop, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let junk: Arc<[u8]> = client::head_bytes(junk).into();
        let clients = (0..FLOODING).map(|_| {
            let (connect, junk) = (connect.clone(), Arc::clone(&junk));
            tokio::spawn(flood(connect, junk, Arc::clone(&stop), Arc::clone(&refused)))
        });
        let clients = clients.collect();
        Self { stop, refused, clients, began: Instant::now() }
    }

    /// Ends it; how many requests were refused, and in which time.
    ///
    /// # Panics
    /// If junk got another answer than a refusal.
    pub async fn end(self) -> (u64, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("the flood");
        }
        (self.refused.load(Ordering::Relaxed), self.began.elapsed())
    }
}

/// Refusals, one after the other, until it is told to stop.
async fn flood<F, S>(
    connect: impl Fn() -> F,
    junk: Arc<[u8]>,
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
) where
    F: Future<Output = io::Result<S>>,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = connect().await else { continue };
        for _ in 0..OF_A_CONNECTION {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            stream.write_all(&junk).await.expect("a connection that stays");
            let mut read = 0;
            while !is_whole(&answer[..read]) {
                let more = stream.read(&mut answer[read..]).await.expect("an answer");
                assert!(more > 0, "the connection ended");
                read += more;
            }
            assert!(answer.starts_with(b"HTTP/1.1 4"), "junk got another answer");
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A problem is an object, and it ends the answer, or the last chunk does.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}") || answer.ends_with(b"\r\n0\r\n\r\n")
}

/// The memory of a process.
///
/// # Panics
/// If there is no such process.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
