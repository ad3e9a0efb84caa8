//! The host's two clocks.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use filter::Clock;
use proxy_wasm::types::Status;

use crate::host;

/// What both clocks show. The steady one is the host's `CLOCK_MONOTONIC`: it has one zero for all VMs
/// of a process, in Envoy as in the embedded gate.
pub(crate) fn clock() -> Result<Clock, Status> {
    let unix = host::now()?;
    let steady = steady().ok_or(Status::InternalFailure)?;
    Ok(Clock { unix, steady })
}

/// Milliseconds of the steady clock.
fn steady() -> Option<u64> {
    /// A time and its distance from the earliest one, found once for each VM.
    static ANCHOR: OnceLock<(Instant, Duration)> = OnceLock::new();

    let now = now();
    let (anchor, distance) = ANCHOR.get_or_init(|| (now, since_earliest(now)));
    let reading = distance.checked_add(now.checked_duration_since(*anchor)?)?;
    Some(millis(reading))
}

/// The time since the earliest [`Instant`] there can be.
///
/// An `Instant` does not tell what its clock shows, and VMs must agree on that. But it cannot go back
/// beyond a fixed reading of its clock (zero, or the smallest number of seconds), so how far it can go
/// back tells where it is.
fn since_earliest(now: Instant) -> Duration {
    let seconds = (0..u64::BITS).rev().map(|bit| Duration::from_secs(1 << bit));
    let nanos = (0..30).rev().map(|bit| Duration::from_nanos(1 << bit));
    let (mut earliest, mut distance) = (now, Duration::ZERO);
    for step in seconds.chain(nanos) {
        let before = earliest.checked_sub(step).zip(distance.checked_add(step));
        (earliest, distance) = before.unwrap_or((earliest, distance));
    }
    distance
}

/// Milliseconds of a reading. Those that count from the smallest number of seconds are ahead by 2^63
/// seconds: whole multiples of 2^40 seconds, 34,000 years, are left out.
fn millis(reading: Duration) -> u64 {
    let seconds = reading.as_secs() % (1 << 40);
    seconds * 1000 + u64::from(reading.subsec_millis())
}

#[expect(clippy::disallowed_methods, reason = "the adapter is where time comes from")]
fn now() -> Instant {
    Instant::now()
}
