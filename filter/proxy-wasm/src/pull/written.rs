//! What the VMs of a host have learnt, in the data that they share.
//!
//! Two VMs may learn at once, and either may be set aside half-way. So whoever writes first says how
//! new its snapshot is ([`NEWEST`]); each value is written by compare-and-set, and only while nobody has said
//! that theirs is newer. What an older snapshot wrote before that, the newer one writes over.

use filter::UnixMillis;
use filter::snapshot::{self, Bucket, Content, EPOCH, POLICY, Statement, Term};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;
use std::time::Duration;

/// The statement of the snapshot that is there, as JSON.
const STATEMENT: &str = "lunette.snapshot.statement";
/// How new the newest snapshot is that somebody has begun to write: epoch and time of signing.
const NEWEST: &str = "lunette.snapshot.newest";
/// When a VM last asked the node, in Unix milliseconds.
const ASKED: &str = "lunette.snapshot.asked";
/// A version that no value has: what is not there yet is created, see [`crate::memory`].
const ABSENT: u32 = u32::MAX;

/// Why nothing was written, or not all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Error {
    #[error("another VM has a newer one")]
    Raced,
    #[error("the host's shared data fails: {0:?}")]
    Host(Status),
}

/// The statement of the snapshot that is there.
pub(super) fn statement() -> Option<Statement> {
    serde_json::from_slice(&read(STATEMENT).ok()?.0).ok()
}

/// Whether it is this VM that asks the node: nobody has done so for `pause`.
pub(super) fn take_turn(now: UnixMillis, pause: Duration) -> bool {
    let Ok((last, version)) = read(ASKED) else { return false };
    let last = last.try_into().map_or(0, u64::from_le_bytes);
    let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    // A clock that was set back must not keep the gate from asking.
    let waits = now.0 >= last && now.0 < last.saturating_add(pause);
    !waits && set(ASKED, &now.0.to_le_bytes(), version).is_ok()
}

/// Writes a snapshot, or only that what is there is good for longer; the term comes last, so that a
/// request never sees an epoch whose policy or keys are not there.
pub(super) fn write(statement: &Statement, content: Option<&Content>) -> Result<(), Error> {
    let ours = Newness { epoch: statement.epoch, issued_at: statement.issued_at.0 };
    ours.announce()?;
    if let Some(content) = content {
        let filled = snapshot::fill(content);
        let empty = Vec::new();
        for bucket in snapshot::all() {
            ours.write(&Bucket::name(bucket), filled.get(&bucket).unwrap_or(&empty))?;
        }
        ours.write(POLICY, content.policy_text.as_bytes())?;
    }
    // Strings and numbers always serialise.
    ours.write(STATEMENT, &serde_json::to_vec(statement).unwrap_or_default())?;
    let term = Term { epoch: statement.epoch, expires_at: Some(statement.expires_at) };
    ours.write(EPOCH, &term.bytes())
}

/// How new a snapshot is.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Newness {
    epoch: u64,
    issued_at: u64,
}

impl Newness {
    /// Says that a snapshot as new as this is being written.
    fn announce(self) -> Result<(), Error> {
        let (newest, version) = read(NEWEST)?;
        if Self::read(&newest).is_some_and(|newest| newest > self) {
            return Err(Error::Raced);
        }
        set(NEWEST, &[self.epoch.to_le_bytes(), self.issued_at.to_le_bytes()].concat(), version)
    }

    /// Writes a value, unless it is there.
    fn write(self, name: &str, value: &[u8]) -> Result<(), Error> {
        let (held, version) = read(name)?;
        if held == value {
            return Ok(());
        }
        // Asked after the value was read: whoever says so later finds a newer version to write over.
        if Self::read(&read(NEWEST)?.0) != Some(self) {
            return Err(Error::Raced);
        }
        set(name, value, version)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (epoch, issued_at) = bytes.split_first_chunk()?;
        let [epoch, issued_at] = [*epoch, issued_at.try_into().ok()?].map(u64::from_le_bytes);
        Some(Self { epoch, issued_at })
    }
}

/// A value and its version; nothing, and the version that creates it, if it is not there.
fn read(name: &str) -> Result<(Vec<u8>, u32), Error> {
    let (value, version) = hostcalls::get_shared_data(name).map_err(Error::Host)?;
    Ok((value.unwrap_or_default(), version.unwrap_or(ABSENT)))
}

fn set(name: &str, value: &[u8], version: u32) -> Result<(), Error> {
    match hostcalls::set_shared_data(name, Some(value), Some(version)) {
        Ok(()) => Ok(()),
        Err(Status::CasMismatch) => Err(Error::Raced),
        Err(status) => Err(Error::Host(status)),
    }
}
