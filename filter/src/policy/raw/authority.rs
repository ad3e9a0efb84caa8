//! A host that clients address, with its port.

use serde::de::{Deserialize, Deserializer};

use crate::policy::units::text::{self, Written};

/// The longest authority: a host name (RFC 1035 §2.3.4), a colon and a port.
const LENGTH_MAX: usize = 255 + 6;

/// What a signature may cover as `@authority`: lower case and without the port of `https`, as
/// signers write it (RFC 9421 §2.2.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Authority(pub(super) String);

impl Written for Authority {
    const EXPECTED: &'static str =
        "a host in lower case, with its port unless that is 443, such as \"images.example:8443\"";

    fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
        };
        if text.len() > LENGTH_MAX || !text.bytes().all(plain) {
            return None;
        }
        let authority: http::uri::Authority = text.parse().ok()?;
        let port = match text.strip_prefix(authority.host())? {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse::<u16>().ok()?),
        };
        let is_right = !authority.host().is_empty() && !matches!(port, Some(0 | 443));
        is_right.then(|| Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Authority {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Authority {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Authority".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A host in lower case, with its port unless that is 443.",
            "type": "string",
            "minLength": 1,
            "maxLength": LENGTH_MAX,
            "pattern": "^[a-z0-9._:\\[\\]-]+$",
            "examples": ["images.example", "images.example:8443"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_as_signers_write_them() {
        for text in [
            "images.example",
            "images.example:8443",
            "images.example:80",
            "127.0.0.1:8080",
            "[::1]:8080",
            "localhost",
        ] {
            assert_eq!(Authority::parse(text), Some(Authority(text.to_owned())), "{text}");
        }
        for text in [
            "",
            ":8080",
            "Images.example",
            "images.example:443",
            "images.example:0",
            "images.example:",
            "images.example:65536",
            "images.example:+1",
            "images.example:1:2",
            "https://images.example",
            "images.example/",
            "user@images.example",
            "[::1",
            "::1",
            "é.example",
            "*.images.example",
            &"a".repeat(262),
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }
}
