//! A signed request: as header fields, as a configuration for curl, as JSON.

use filter::signature::client::Signed;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::{Error, output};
use super::request::Unsigned;

/// A request that can be sent. It has no `Debug`: it may hold a key.
pub(super) struct SignedRequest {
    method: String,
    url: String,
    /// Whether the signature is in the URL, and not in a header field.
    in_url: bool,
    fields: Vec<(&'static str, Zeroizing<String>)>,
    body: Option<String>,
}

impl SignedRequest {
    /// Puts the signature into the request, and the key itself where there is one.
    pub(super) fn new(unsigned: Unsigned, signed: Signed, key: Option<Zeroizing<String>>) -> Self {
        let content_type = unsigned.content_type.map(|text| ("Content-Type", Zeroizing::new(text)));
        let key = key.map(|text| ("X-API-Key", text));
        let signature =
            signed.fields.into_iter().map(|(name, value)| (name, Zeroizing::new(value)));
        Self {
            method: unsigned.method,
            in_url: signed.target != unsigned.target,
            url: format!("{}{}", unsigned.origin, signed.target),
            fields: content_type.into_iter().chain(key).chain(signature).collect(),
            body: unsigned.file.map(|file| file.display().to_string()),
        }
    }

    /// One field on a line, as `curl --header @-` reads them.
    pub(super) fn print_fields(&self) -> Result<(), Error> {
        if self.in_url {
            return Err(Error::Argument(
                "this scheme signs in the URL: print it with --curl or --json".to_owned(),
            ));
        }
        let lines = self.fields.iter().map(|(name, value)| format!("{name}: {}", value.as_str()));
        let lines = Zeroizing::new(lines.collect::<Vec<_>>().join("\n"));
        Ok(output::line(&lines)?)
    }

    /// The whole request, as `curl --config -` reads it.
    pub(super) fn print_for_curl(&self) -> Result<(), Error> {
        let mut lines = Zeroizing::new(String::with_capacity(4096));
        let mut option = |name: &str, value: &str| {
            let end = if lines.is_empty() { "" } else { "\n" };
            lines.extend([end, name, " = ", &quoted(value)]);
        };
        option("url", &self.url);
        option("request", &self.method);
        for (name, value) in &self.fields {
            option("header", &Zeroizing::new(format!("{name}: {}", value.as_str())));
        }
        if let Some(file) = &self.body {
            option("data-binary", &format!("@{file}"));
        }
        // Otherwise curl would rewrite dots and brackets, and the signature would not fit.
        lines.push_str("\npath-as-is\ngloboff");
        Ok(output::line(&lines)?)
    }

    pub(super) fn print_json(&self) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            method: &'a str,
            url: &'a str,
            headers: serde_json::Map<String, serde_json::Value>,
            body: Option<&'a str>,
        }
        let headers =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
        let shown = Shown {
            method: &self.method,
            url: &self.url,
            headers: headers.collect(),
            body: self.body.as_deref(),
        };
        Ok(output::json(&shown)?)
    }
}

/// A text as curl's configuration files quote it.
fn quoted(text: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(String::with_capacity(2 * text.len() + 2));
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_do_not_end_a_value() {
        let text = "sig=(\"@method\");tag=\"lunette\"\\\n";
        assert_eq!(*quoted(text), r#""sig=(\"@method\");tag=\"lunette\"\\\n""#);
    }
}
