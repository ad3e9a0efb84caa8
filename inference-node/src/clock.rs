//! The time of day, and the system's randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use filter::{PermitId, UnixMillis};

/// The time now; a clock set before 1970 counts as 1970.
pub fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(millis(since_1970))
}

/// Whole milliseconds; a span beyond 64 bits becomes the longest there is.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// An id for a request that has none; all zeros if the system has no randomness, for it names only
/// an answer.
pub fn random_id() -> PermitId {
    let mut id = [0; 16];
    let _ = getrandom::fill(&mut id);
    PermitId(id)
}

/// A time as people read it: `2026-03-01 12:00:05Z`.
pub fn display(time: UnixMillis) -> String {
    let seconds = time.0 / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a day since 1970-01-01, after Howard Hinnant's `civil_from_days`. Years
/// begin in March there, so that the leap day is the last day of a year.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468; // 0000-03-01
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_utc_dates() {
        // Expected values from `date -u -d @SECONDS`.
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_709_251_200, "2024-03-01 00:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(display(UnixMillis(seconds * 1000 + 999)), text);
        }
        assert!(!display(UnixMillis(u64::MAX)).is_empty());
    }
}
