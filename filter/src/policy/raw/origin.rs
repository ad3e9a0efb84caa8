//! An origin whose pages may read the answers.

use serde::de::{Deserialize, Deserializer};

use super::require;
use crate::cors::ORIGINS_MAX;
use crate::policy::PolicyError;
use crate::policy::units::text::{self, Written};

/// The longest origin: a scheme, a host name (RFC 1035 §2.3.4), a colon and a port.
const LENGTH_MAX: usize = 8 + 255 + 6;

/// An origin as browsers write it (RFC 6454 §6.2), because it is compared byte for byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Origin(String);

impl Written for Origin {
    const EXPECTED: &'static str = "a scheme and a host in lower case, with the port unless it is the scheme's \
                                    own, such as \"https://app.example\"";

    fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
        };
        let (scheme, written) = text.split_once("://")?;
        let own_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        if text.len() > LENGTH_MAX || !written.bytes().all(plain) {
            return None;
        }
        let authority: http::uri::Authority = written.parse().ok()?;
        let port = match written.strip_prefix(authority.host())? {
            "" => None,
            port => Some(port.strip_prefix(':')?).filter(|port| !port.starts_with('0')),
        };
        let port = port.map(str::parse::<u16>).transpose().ok()?;
        let is_whole = written.len() == authority.host().len() || port.is_some();
        let is_right = !authority.host().is_empty() && port != Some(own_port) && is_whole;
        is_right.then(|| Self(text.to_owned()))
    }
}

pub(super) fn check(raw: Vec<Origin>) -> Result<Vec<String>, PolicyError> {
    require(raw.len() <= ORIGINS_MAX, "origins", || {
        format!("expected at most {ORIGINS_MAX} origins")
    })?;
    let mut origins: Vec<String> = Vec::with_capacity(raw.len());
    for (index, Origin(origin)) in raw.into_iter().enumerate() {
        require(!origins.contains(&origin), &format!("origins[{index}]"), || {
            format!("{origin:?} is there twice")
        })?;
        origins.push(origin);
    }
    Ok(origins)
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Origin {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A scheme and a host in lower case, with the port unless it is the scheme's own.",
            "type": "string",
            "maxLength": LENGTH_MAX,
            "pattern": "^https?://[a-z0-9._:\\[\\]-]+$",
            "examples": ["https://app.example", "http://localhost:3000"],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::example::with;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let origins = ["https://app.example", "http://localhost:3000", "http://[::1]:8080"];
        let policy = with(&[("/origins", json!(origins))]).unwrap();
        assert_eq!(policy.origins, origins);
        for wrong in [
            "*",
            "null",
            "",
            "app.example",
            "https://",
            "https://App.example",
            "https://app.example/",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:",
            "https://app.example:0443",
            "https://app.example:99999",
            "https://user@app.example",
            "https://*.example",
            "ftp://app.example",
            "https://app.example https://other.example",
        ] {
            let error = with(&[("/origins", json!([wrong]))]).unwrap_err();
            assert_eq!(error.path, "origins[0]", "{wrong}: {error}");
        }
    }

    #[test]
    fn origins_are_few_and_named_once() {
        let twice = json!(["https://a.example", "https://a.example"]);
        assert_eq!(with(&[("/origins", twice)]).unwrap_err().path, "origins[1]");
        let many: Vec<_> = (0..33).map(|index| format!("https://a{index}.example")).collect();
        assert_eq!(with(&[("/origins", json!(many))]).unwrap_err().path, "origins");
        assert!(with(&[]).unwrap().origins.is_empty());
    }
}
