//! How many lines of the log refusals may take: a flood of them must not fill the disk.
//!
//! The same numbers hold in `envoy/sds/logged-refusals.yaml`. Metrics count every request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most lines at once.
const AT_ONCE: u32 = 1000;
/// After how long one more may be written: 100 a second.
const ONE_MORE: Duration = Duration::from_millis(10);

/// What the lines of refusals have left.
pub struct RefusalLines(Mutex<State>);

struct State {
    left: u32,
    /// When the last one more was given.
    given: Instant,
    left_out: u64,
}

/// What becomes of one line.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line {
    /// It is written; so many before it were not.
    Written(u64),
    /// It is left out.
    LeftOut,
}

impl RefusalLines {
    /// All of it is left.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(State { left: AT_ONCE, given: now, left_out: 0 }))
    }

    /// Asks for one line.
    pub(super) fn take(&self, now: Instant) -> Line {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(state.given);
        let more = u32::try_from(passed.as_nanos() / ONE_MORE.as_nanos()).unwrap_or(u32::MAX);
        if more >= AT_ONCE {
            (state.left, state.given) = (AT_ONCE, now);
        } else {
            state.left = state.left.saturating_add(more).min(AT_ONCE);
            state.given += ONE_MORE * more;
        }
        if let Some(left) = state.left.checked_sub(1) {
            state.left = left;
            Line::Written(std::mem::take(&mut state.left_out))
        } else {
            state.left_out += 1;
            Line::LeftOut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_thousand_lines_and_a_hundred_a_second() {
        let began = Instant::now();
        let lines = RefusalLines::new(began);
        let written = |count: u32, at: Duration| {
            (0..count).filter(|_| lines.take(began + at) != Line::LeftOut).count()
        };
        assert_eq!(written(20_000, Duration::ZERO), 1000);
        assert_eq!(written(20_000, Duration::from_secs(1)), 100);
        assert_eq!(written(20_000, Duration::from_millis(1995)), 99);
        assert_eq!(written(1, Duration::from_millis(1999)), 0);
        assert_eq!(written(1, Duration::from_secs(2)), 1);
        assert_eq!(written(20_000, Duration::from_hours(1)), 1000);
    }

    #[test]
    fn the_next_line_tells_how_many_were_left_out() {
        let began = Instant::now();
        let lines = RefusalLines::new(began);
        for _ in 0..1000 {
            assert_eq!(lines.take(began), Line::Written(0));
        }
        for _ in 0..7 {
            assert_eq!(lines.take(began), Line::LeftOut);
        }
        assert_eq!(lines.take(began + ONE_MORE), Line::Written(7));
        assert_eq!(lines.take(began + ONE_MORE * 2), Line::Written(0));
    }
}
