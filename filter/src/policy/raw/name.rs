//! A name that goes into permits, metrics and logs.

use serde::de::{Deserialize, Deserializer};

use crate::key::NAME_MAX;
use crate::policy::units::text::{self, Written};

/// Short and printable, with nothing to escape.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Name(pub(super) String);

impl Written for Name {
    const EXPECTED: &'static str = "1 to 64 letters, digits, '-', '_', '.' or ':'";

    fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let is_name = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
        is_name.then(|| Self(text.to_owned()))
    }
}

const _: () = assert!(NAME_MAX == 64, "the message of `Name` says 64");

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A name that goes into permits, metrics and logs.",
            "type": "string",
            "minLength": 1,
            "maxLength": NAME_MAX,
            "pattern": "^[A-Za-z0-9_.:-]+$",
        })
    }
}
