//! A number of bytes: `1048576`, `"1MiB"`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number of bytes: `1048576`, `"1048576"`, `"1MiB"`, `"512 KiB"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::policy) struct ByteSize(pub(in crate::policy) u64);

impl ByteSize {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale: u64 = match text.strip_prefix(digits)? {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return None,
        };
        let digits = digits.trim_end();
        // `u64::from_str` also takes a plus sign.
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(scale).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes such as 65536, \"64KiB\" or \"12MiB\"")
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                ByteSize::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        input.deserialize_any(Text)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A number of bytes.",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+ *(B|KiB|MiB)?$",
            "examples": [65536, "64KiB", "12MiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_or_numbers_with_a_unit() {
        for (json, bytes) in [("7", 7), (r#""7""#, 7), (r#""2KiB""#, 2048), (r#""1 MiB""#, 1 << 20)]
        {
            assert_eq!(serde_json::from_str::<ByteSize>(json).unwrap(), ByteSize(bytes), "{json}");
        }
        for json in [
            r#""""#,
            r#""KiB""#,
            r#""1GB""#,
            r#""-1""#,
            r#""+1""#,
            "-1",
            "1.5",
            r#""18446744073709551615MiB""#,
        ] {
            assert!(serde_json::from_str::<ByteSize>(json).is_err(), "{json}");
        }
    }
}
