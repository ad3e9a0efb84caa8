//! When a signature was made, and whether that is near enough.

use std::time::{Duration, UNIX_EPOCH};

use super::Error;
use crate::UnixMillis;

/// The most digits of a time in seconds: enough for the next 30,000 years.
const DIGITS_MAX: usize = 12;

/// Checks that `created` is at most `skew` milliseconds from `now`, before or after.
///
/// A time ahead of ours is refused like one behind: whoever remembers a nonce must know how long the
/// signature can still be shown.
pub(super) fn check(created: UnixMillis, now: UnixMillis, skew: u64) -> Result<(), Error> {
    if created.0.abs_diff(now.0) <= skew {
        Ok(())
    } else {
        Err(Error::Stale { created, now, skew })
    }
}

/// Reads Unix seconds, as plain digits.
pub(super) fn seconds(text: &str) -> Option<UnixMillis> {
    let plain = text.len() <= DIGITS_MAX && text.bytes().all(|digit| digit.is_ascii_digit());
    let seconds: u64 = text.parse().ok().filter(|_| plain)?;
    Some(UnixMillis(seconds * 1000))
}

/// Reads a date as HTTP writes it (RFC 9110 §5.6.7).
pub(super) fn http_date(text: &str) -> Option<UnixMillis> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(UnixMillis)
}

/// Writes a date as HTTP does. `None` after the year 9999.
pub(super) fn format_http_date(time: UnixMillis) -> Option<String> {
    /// 9999-12-31T23:59:59Z.
    const LAST: u64 = 253_402_300_799_000;
    (time.0 <= LAST)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.0 / 1000)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_skew_is_two_sided_and_includes_its_ends() {
        let at = |created| check(UnixMillis(created), UnixMillis(1000), 300).is_ok();
        assert_eq!([at(699), at(700), at(1300), at(1301)], [false, true, true, false]);
    }

    #[test]
    fn seconds_are_plain_digits() {
        assert_eq!(seconds("1618884473"), Some(UnixMillis(1_618_884_473_000)));
        for text in ["", "+1", "-1", " 1", "1 ", "1.5", "0x1", "1234567890123", "１"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_read_as_http_writes_them() {
        let date = "Tue, 20 Apr 2021 02:07:53 GMT";
        assert_eq!(http_date(date), Some(UnixMillis(1_618_884_473_000)));
        assert_eq!(format_http_date(UnixMillis(1_618_884_473_999)).as_deref(), Some(date));
        for text in ["", "now", "2021-04-20T02:07:53Z", "Tue, 20 Apr 2021 02:07:53 +0200"] {
            assert_eq!(http_date(text), None, "{text}");
        }
        assert_eq!(format_http_date(UnixMillis(u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,40}") {
            let _ = (seconds(&text), http_date(&text));
        }
    }
}
