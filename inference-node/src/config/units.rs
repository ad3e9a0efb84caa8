//! Quantities as people write them, in the file, in variables and in flags alike.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A text that is not the quantity it should be; the message says what was expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

/// A span of time: `250ms`, `30s`, `5m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span(pub Duration);

/// A number of bytes: `65536`, `64KiB`, `256MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ByteSize(pub u64);

/// A number of bytes per second: `16KiB/s`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ByteRate(pub u64);

/// A part of a whole, above nothing and up to all of it: `1/4`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    part: u32,
    of: u32,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { part: 1, of: 1 };
    /// A quarter.
    pub const QUARTER: Self = Self { part: 1, of: 4 };

    /// The share of a number, rounded down.
    pub fn part_of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.part) / u128::from(self.of);
        u64::try_from(part).unwrap_or(whole)
    }
}

/// A quantity that is written as text.
trait Quantity: Sized {
    const EXPECTED: &str;

    fn read(text: &str) -> Option<Self>;

    /// The quantity that a bare number means, if there is one.
    fn bare(_number: u64) -> Option<Self> {
        None
    }
}

impl Quantity for Span {
    const EXPECTED: &str = "a time such as \"250ms\", \"30s\", \"5m\", \"24h\" or \"30d\"";

    fn read(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(milliseconds).map(Duration::from_millis).map(Self)
    }
}

impl Quantity for ByteSize {
    const EXPECTED: &str = "a number of bytes such as \"64KiB\", \"256MiB\" or \"1GiB\"";

    fn read(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.checked_mul(1 << shift).map(Self)
    }

    fn bare(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

impl Quantity for ByteRate {
    const EXPECTED: &str = "a number of bytes per second such as \"16KiB/s\"";

    fn read(text: &str) -> Option<Self> {
        ByteSize::read(text.strip_suffix("/s")?.trim_end()).map(|size| Self(size.0))
    }
}

impl Quantity for Share {
    const EXPECTED: &str = "a fraction up to 1 such as \"1/4\"";

    fn read(text: &str) -> Option<Self> {
        let (part, of) = text.split_once('/')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(part) || !digits(of) {
            return None;
        }
        let (part, of) = (part.parse().ok()?, of.parse().ok()?);
        (0 < part && part <= of).then_some(Self { part, of })
    }
}

/// A number and the unit behind it, with or without a space between them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

struct Text<T>(std::marker::PhantomData<T>);

impl<T: Quantity> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let quantity = u64::try_from(number).ok().and_then(T::bare);
        quantity.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

/// Both ways in lead through [`Quantity`].
macro_rules! written_as_text {
    ($($quantity:ty),*) => {$(
        impl FromStr for $quantity {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::read(text).ok_or_else(|| Malformed(format!("expected {}", Self::EXPECTED)))
            }
        }

        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                input.deserialize_any(Text(std::marker::PhantomData))
            }
        }
    )*};
}

written_as_text!(Span, ByteSize, ByteRate, Share);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("30 s", 30_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(milliseconds))), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5h", "1w", "1 hour", "1ss", "999999999999999999d"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.starts_with("expected a time"), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_may_go_without_a_unit_and_rates_may_not() {
        for (text, bytes) in
            [("7", 7), ("7B", 7), ("2KiB", 2048), ("1 MiB", 1 << 20), ("3GiB", 3 << 30)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
            assert_eq!(format!("{text}/s").parse(), Ok(ByteRate(bytes)), "{text}");
            assert!(text.parse::<ByteRate>().is_err());
        }
        for text in ["", "KiB", "1GB", "-1", "1.5", "18446744073709551615KiB", "1\u{a0}KiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_fraction_of_one_at_most() {
        assert_eq!("1/4".parse(), Ok(Share::QUARTER));
        assert_eq!("2/3".parse::<Share>().unwrap().part_of(10), 6);
        assert_eq!("1/1".parse::<Share>().unwrap().part_of(u64::MAX), u64::MAX);
        for text in ["", "1", "0/4", "5/4", "1/0", "+1/4", "1/ 4", "25%", "1/4/4"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
