//! The query has only parameters that the route knows, each once and of a kind that it takes.
//!
//! A parameter is judged like a field of a form, because it may ask for the same: a gate that let through
//! what only the node understands would price what it has not read.

use std::collections::BTreeMap;

use crate::Route;
use crate::envelope::{self, Field};

/// The most bytes that a message shows of a name.
const SHOWN_MAX: usize = 64;

/// The parameters of a query that the route takes.
#[derive(Clone, Debug, Default)]
pub struct Parameters(pub(crate) BTreeMap<String, String>);

/// Why a query was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It is not pairs of names and values, or can be read in two ways.
    #[error("the query: expected {expected}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// A parameter is none that the route knows, or has a value that it may not have.
    #[error("the query: {0}")]
    Parameter(envelope::Error),
}

/// Reads the query as `route` takes it; where the route does not say, it is not looked at.
pub(crate) fn check(route: &Route, query: Option<&str>) -> Result<Parameters, Error> {
    let mut read = Parameters::default();
    let Some(fields) = &route.query else { return Ok(read) };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or(Error::Malformed { expected: "name=value, with & in between" })?;
        let field =
            fields.iter().find(|field| field.name == name).ok_or_else(|| unknown(name, fields))?;
        let text = text(value, field)?;
        if read.0.insert(field.name.clone(), text).is_some() {
            return Err(Error::Parameter(envelope::Error::Repeated { name: field.name.clone() }));
        }
    }
    match fields.iter().find(|field| field.required && !read.0.contains_key(&field.name)) {
        None => Ok(read),
        Some(field) => Err(Error::Parameter(envelope::Error::Missing { name: field.name.clone() })),
    }
}

/// The value of a field, out of its escapes.
fn text(value: &str, field: &Field) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            // A space to forms, itself to URLs.
            b'+' => return Err(Error::Malformed { expected: "%20 or %2B in the place of +" }),
            b'%' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                let [byte] = crate::hex::decode::<1>(digits)
                    .ok_or(Error::Malformed { expected: "two hex digits after %" })?;
                byte
            }
            byte => byte,
        });
    }
    let name = || field.name.clone();
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::Parameter(envelope::Error::NotUtf8 { name: name() }))?;
    field.judge(&text).map_err(Error::Parameter)?;
    Ok(text)
}

fn unknown(name: &str, fields: &[Field]) -> Error {
    let shown = name.chars().take(SHOWN_MAX).collect();
    if name == "url" || name.ends_with("_url") {
        return Error::Parameter(envelope::Error::Url { name: shown });
    }
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    Error::Parameter(envelope::Error::Unknown { name: shown, expected: names.join(", ") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Policy;

    fn judge(query: &str) -> Result<Vec<(String, String)>, &'static str> {
        let mut policy: serde_json::Value =
            serde_json::from_str(include_str!("../../policy.json")).unwrap();
        policy["routes"][0]["query"] = json!([
            { "name": "om", "text": "token", "values": ["true", "false"] },
            { "name": "bgc", "text": "token", "max_bytes": 15 },
        ]);
        let policy = Policy::parse(policy.to_string().as_bytes()).unwrap();
        check(&policy.routes[0], Some(query))
            .map(|read| read.0.into_iter().collect())
            .map_err(|error| crate::Rejection::from(error).code())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn parameters_are_read_out_of_their_escapes() {
        assert_eq!(judge(""), Ok(vec![]));
        assert_eq!(judge("om=true&bgc=1%2C2,3"), Ok(pairs(&[("bgc", "1,2,3"), ("om", "true")])));
    }

    #[test]
    fn anything_that_the_route_does_not_know_is_refused() {
        for (query, code) in [
            ("url=http://169.254.169.254/", "field-url"),
            ("model=u2net", "field-unknown"),
            ("om=true&om=true", "field-repeated"),
            ("om=maybe", "field-value"),
            ("om", "query-malformed"),
            ("bgc=1+2", "query-malformed"),
            ("bgc=1%", "query-malformed"),
            ("bgc=%ff", "field-malformed"),
            ("bgc=%00", "field-malformed"),
            ("bgc=1111111111111111", "field-too-long"),
            ("%6Fm=true", "field-unknown"),
        ] {
            assert_eq!(judge(query), Err(code), "{query}");
        }
    }
}
