//! A length of time: `"60s"`, `"5m"`, `"1h"`.

use serde::de::{Deserialize, Deserializer};

use super::text::{self, Written};

/// A whole number of seconds, minutes or hours. A bare number is refused: whoever reads the file
/// would have to know its unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::policy) struct Duration {
    /// The length in seconds.
    pub(in crate::policy) seconds: u64,
}

impl Written for Duration {
    const EXPECTED: &'static str = "a length of time such as \"60s\", \"5m\" or \"1h\"";

    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale: u64 = match text.strip_prefix(digits)? {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        // `u64::from_str` also takes a plus sign.
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(scale).map(|seconds| Self { seconds })
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A whole number of seconds, minutes or hours.",
            "type": "string",
            "pattern": "^[0-9]+(s|m|h)$",
            "examples": ["60s", "5m", "1h"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_numbers_with_a_unit() {
        for (json, seconds) in
            [(r#""60s""#, 60), (r#""5m""#, 300), (r#""1h""#, 3_600), (r#""0s""#, 0)]
        {
            assert_eq!(serde_json::from_str::<Duration>(json).unwrap(), Duration { seconds });
        }
        for json in [
            "60",
            r#""60""#,
            r#""""#,
            r#""s""#,
            r#""1d""#,
            r#""500ms""#,
            r#""1 s""#,
            r#""+1s""#,
            r#""-1s""#,
            r#""1.5h""#,
            r#""18446744073709551615h""#,
        ] {
            assert!(serde_json::from_str::<Duration>(json).is_err(), "{json}");
        }
    }
}
