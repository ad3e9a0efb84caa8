//! Another runtime in a process of its own, which runs its model when told to and says how long that took.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

pub(super) struct Peer {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Name and version.
    pub(super) name: String,
}

impl Peer {
    /// Starts the script `script` of `tests/bench/peers`, and waits until it has run once.
    pub(super) fn start<A: AsRef<OsStr>>(script: &str, arguments: &[A]) -> io::Result<Self> {
        let python = env::var_os("LUNETTE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let script: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "bench", "peers", script].iter().collect();
        let mut process = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("a peer has no pipes"));
        };
        let mut peer =
            Self { process, orders, answers: BufReader::new(answers), name: String::new() };
        peer.name = peer.line()?;
        Ok(peer)
    }

    /// Seconds of one run of ours and one of the peer's, in alternating rounds of so many runs each; the least of a
    /// side's rounds, after a run of ours that does not count.
    pub(super) fn beside(
        &mut self,
        rounds: usize,
        runs: u32,
        run: impl Fn() -> io::Result<()>,
    ) -> io::Result<(f64, f64)> {
        run()?;
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let start = Instant::now();
            for _ in 0..runs {
                run()?;
            }
            ours = ours.min(start.elapsed().as_secs_f64() / f64::from(runs));
            theirs = theirs.min(self.time(runs)?.as_secs_f64());
        }
        Ok((ours, theirs))
    }

    /// The time of one run, over `runs` of them.
    fn time(&mut self, runs: u32) -> io::Result<Duration> {
        writeln!(self.orders, "{runs}")?;
        let seconds: f64 = self.line()?.parse().map_err(io::Error::other)?;
        Ok(Duration::from_secs_f64(seconds) / runs)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::Error::other("a peer ended before it answered"));
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
