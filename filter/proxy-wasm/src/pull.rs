//! Asks the node for its snapshot, on a tick of the host.
//!
//! Every VM ticks; the one whose turn it is asks, and what it learns it writes where all of them read,
//! in the host's shared data ([`written`]). So a change costs one VM the work, and the others nothing.

mod written;

use std::time::Duration;

use filter::UnixMillis;
use filter::snapshot::{self, LENGTH_MAX, News, Statement, Trust};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, Status};
use zeroize::Zeroizing;

use crate::metrics::SnapshotMetrics;
use crate::{TICK, host};

/// How long an answer may take: it may be 16 MiB.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer: a content, and its seal.
const ANSWER_MAX: u64 = LENGTH_MAX + 8192;

/// A source of snapshots.
pub(crate) struct Pull {
    trust: Trust,
    cluster: String,
    authority: String,
    /// The value of `Authorization`.
    bearer: Zeroizing<String>,
    /// How often the node is asked; at every tick while there is nothing to judge by.
    every: Duration,
    /// The time until it is asked again.
    pause: Duration,
    /// The call that is under way.
    call: Option<u32>,
    metrics: SnapshotMetrics,
    /// What went wrong last: said once, and not every second.
    complaint: String,
}

impl Pull {
    /// Asks `cluster` of the host, as `authority`, with `token`.
    pub(crate) fn new(
        trust: Trust,
        cluster: String,
        authority: String,
        token: &str,
        every: Duration,
    ) -> Self {
        let bearer = Zeroizing::new(["Bearer ", token.trim()].concat());
        let (metrics, complaint) = (SnapshotMetrics::define(), String::new());
        let (pause, call) = (Duration::ZERO, None);
        Self { trust, cluster, authority, bearer, every, pause, call, metrics, complaint }
    }

    /// Asks the node if it is time, and if no other VM has done so just now.
    pub(crate) fn tick(&mut self) {
        self.pause = self.pause.saturating_sub(TICK);
        if !self.pause.is_zero() {
            return;
        }
        if let Err(status) = self.ask() {
            self.complain(&format!("the node cannot be asked: {status:?}"));
            self.metrics.unreachable();
        }
    }

    fn ask(&mut self) -> Result<(), Status> {
        let held = written::statement();
        self.pause = if held.is_some() { self.every } else { TICK };
        if !written::take_turn(host::now()?, self.pause / 2) {
            return Ok(());
        }
        let path = snapshot::path(held.as_ref());
        let headers = vec![
            (":method", "GET"),
            (":path", path.as_str()),
            (":authority", self.authority.as_str()),
            ("authorization", self.bearer.as_str()),
        ];
        let call = hostcalls::dispatch_http_call(&self.cluster, headers, None, vec![], TIMEOUT)?;
        self.call = Some(call);
        Ok(())
    }

    /// Takes what the node answered, `size` bytes under a head of `fields`, if it must be believed. Without a
    /// head there was no answer.
    pub(crate) fn answered(&mut self, call: u32, fields: usize, size: usize) {
        if self.call.take_if(|own| *own == call).is_none() {
            return;
        }
        // Asked for a head that is not there, the SDK panics.
        let status = (fields > 0)
            .then(|| hostcalls::get_map_value(MapType::HttpCallResponseHeaders, ":status"))
            .and_then(|status| status.ok().flatten());
        if status.as_deref() != Some("200") {
            let what = status.unwrap_or_else(|| "nothing".to_owned());
            self.complain(&format!("the node answers {what} when it is asked for its snapshot"));
            return self.metrics.unreachable();
        }
        let learnt = self.learn(size);
        match learnt {
            Ok(None) => self.complaint.clear(),
            Ok(Some(statement)) => {
                self.complaint.clear();
                self.metrics.taken(&statement);
            }
            Err(why) => {
                self.complain(&format!("snapshot ignored: {why}"));
                self.metrics.ignored();
            }
        }
    }

    fn learn(&self, size: usize) -> Result<Option<Statement>, String> {
        if u64::try_from(size).map_or(true, |size| size > ANSWER_MAX) {
            return Err(format!("it has {size} bytes, expected at most {ANSWER_MAX}"));
        }
        let failed = |status: Status| format!("the host failed: {status:?}");
        let answer = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size);
        let answer = answer.map_err(failed)?.unwrap_or_default();
        let now: UnixMillis = host::now().map_err(failed)?;
        let held = written::statement();
        let (statement, content) =
            match self.trust.judge(&answer, held.as_ref(), now).map_err(|why| why.to_string())? {
                News::Nothing => return Ok(None),
                News::Renewed(statement) => (statement, None),
                News::Changed(statement, content) => (statement, Some(content)),
            };
        written::write(&statement, content.as_deref()).map_err(|why| why.to_string())?;
        if content.is_some() {
            let said = format!("snapshot of epoch {} taken", statement.epoch);
            host::log(LogLevel::Info, &said);
        }
        Ok(Some(statement))
    }

    fn complain(&mut self, complaint: &str) {
        if self.complaint != complaint {
            host::log(LogLevel::Warn, complaint);
            complaint.clone_into(&mut self.complaint);
        }
    }
}
