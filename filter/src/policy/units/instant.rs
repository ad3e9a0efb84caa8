//! A moment in UTC: `"2026-12-24T00:00:00Z"` (RFC 3339).

use serde::de::{Deserialize, Deserializer};

use super::text::{self, Written};
use crate::UnixMillis;

/// A moment to the second, from 1970 on. Of RFC 3339 only `YYYY-MM-DDTHH:MM:SSZ` is taken: a policy
/// needs no other time zone, no fraction and no leap second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::policy) struct Instant(pub(in crate::policy) UnixMillis);

impl Written for Instant {
    const EXPECTED: &'static str = "a moment in UTC such as \"2026-12-24T00:00:00Z\"";

    fn parse(text: &str) -> Option<Self> {
        let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', rest @ ..] = text else {
            return None;
        };
        let [h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = rest else { return None };
        let year = number(&[*y1, *y2, *y3, *y4])?;
        let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
        let (hour, minute, second) =
            (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
        if year < 1970 || !(1..=days_of(year, month)?).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_before(year)
            + (1..month).filter_map(|earlier| days_of(year, earlier)).sum::<u64>()
            + (day - 1);
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(UnixMillis(seconds * 1_000)))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0'))
    })
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(year: u64, month: u64) -> Option<u64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if is_leap(year) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days from the beginning of 1970 to the beginning of `year`, which is not before 1970.
const fn days_before(year: u64) -> u64 {
    365 * (year - 1970) + leap_years_before(year) - leap_years_before(1970)
}

/// Leap years from year 1 to the one before `year`.
const fn leap_years_before(year: u64) -> u64 {
    let last = year - 1;
    last / 4 - last / 100 + last / 400
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A moment in UTC, to the second (RFC 3339).",
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            "examples": ["2026-12-24T00:00:00Z"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<u64> {
        Instant::parse(text).map(|instant| instant.0.0)
    }

    #[test]
    fn moments_are_counted_from_1970() {
        // Computed with GNU date.
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1972-02-29T00:00:00Z", 68_169_600),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2026-12-24T00:00:00Z", 1_798_070_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(seconds * 1_000), "{text}");
        }
    }

    #[test]
    fn other_forms_and_days_that_do_not_exist_are_refused() {
        for text in [
            "",
            "2026-12-24",
            "2026-12-24T00:00:00",
            "2026-12-24t00:00:00z",
            "2026-12-24 00:00:00Z",
            "2026-12-24T00:00:00.0Z",
            "2026-12-24T00:00:00+00:00",
            "1969-12-31T23:59:59Z",
            "2026-00-24T00:00:00Z",
            "2026-13-24T00:00:00Z",
            "2026-12-00T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-12-24T24:00:00Z",
            "2026-12-24T00:60:00Z",
            "2026-12-24T00:00:60Z",
            "+026-12-24T00:00:00Z",
            "2026-1é-2T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
