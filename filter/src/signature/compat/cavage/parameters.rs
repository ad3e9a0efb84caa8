//! The parameters of an `Authorization` field, as draft-cavage-http-signatures has them.

use super::super::super::Error;

/// The most parameters.
const PARAMETERS_MAX: usize = 8;

/// `name="value"`, separated by commas.
pub(super) struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    pub(super) fn parse(mut text: &'a str) -> Result<Self, Error> {
        let mut list: Vec<(&str, &str)> = Vec::new();
        loop {
            let (name, rest) = text.split_once("=\"").ok_or_else(malformed)?;
            let (value, rest) = rest.split_once('"').ok_or_else(malformed)?;
            let name = name.trim_ascii();
            let known =
                matches!(name, "username" | "keyId" | "algorithm" | "headers" | "signature");
            let repeated = list.iter().any(|(other, _)| *other == name);
            if !known || repeated || value.contains('\\') || list.len() == PARAMETERS_MAX {
                return Err(malformed());
            }
            list.push((name, value));
            match rest.trim_ascii() {
                "" => return Ok(Self(list)),
                rest => text = rest.strip_prefix(',').ok_or_else(malformed)?,
            }
        }
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'a str, Error> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value).ok_or(Error::ParameterMissing(name))
    }
}

pub(super) fn malformed() -> Error {
    Error::Malformed {
        what: "Authorization",
        expected: "a scheme and parameters with quoted values, each once",
    }
}
