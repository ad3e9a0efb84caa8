//! The request that is described: what its head says, and its body.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use axum::http::{HeaderName, HeaderValue};
use filter::{Headers, Peer, RequestHead};
use zeroize::Zeroizing;

use super::super::super::Error;
use super::Explain;
use crate::private_file;

/// The longest body that is read: more than any policy allows by far.
const BODY_MAX: u64 = 1 << 30;
/// The most bytes of a file of header fields, or of a key or token: more than a gate takes.
const FIELDS_MAX: u64 = 64 * 1024;

/// A request. It has no `Debug`: it may hold a credential.
pub(super) struct Described {
    method: String,
    authority: String,
    target: String,
    headers: Headers,
    peer: Peer,
    /// The body, if it was given.
    pub(super) body: Option<Vec<u8>>,
}

impl Described {
    /// Reads what the arguments and their files say.
    pub(super) fn read(arguments: Explain) -> Result<Self, Error> {
        let mut fields = Vec::new();
        for argument in &arguments.headers {
            match argument.strip_prefix('@') {
                None => fields.push(field(argument, "--header")?),
                Some(path) => {
                    let text = lines(path)?;
                    for line in text.lines().filter(|line| !line.trim().is_empty()) {
                        fields.push(field(line, &format!("--header @{path}"))?);
                    }
                }
            }
        }
        if let Some(path) = &arguments.key_file {
            fields.push(bearer(path)?);
        }
        let body = arguments.image.as_deref().map(body).transpose()?;
        if let Some(body) = &body {
            add(&mut fields, "content-length", Some(body.len().to_string()));
            let format = image::guess_format(body).ok();
            add(&mut fields, "content-type", format.map(|format| format.to_mime_type().to_owned()));
        }
        let headers = Headers::new(fields);
        let host = headers.one("host").ok().flatten().unwrap_or_default();
        Ok(Self {
            method: arguments.method,
            authority: arguments
                .authority
                .unwrap_or_else(|| String::from_utf8_lossy(host).into_owned()),
            target: arguments.path,
            peer: arguments.client.map_or(Peer::Unknown, Peer::Direct),
            headers,
            body,
        })
    }

    /// The head, as a host shows it to the filter.
    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            authority: &self.authority,
            target: &self.target,
            headers: &self.headers,
            peer: self.peer,
        }
    }
}

/// A name in lower case, and a value.
type Field = (String, Vec<u8>);

/// Reads `Name: value`. What it was is not repeated where it is none.
fn field(text: &str, origin: &str) -> Result<Field, Error> {
    let parse = || {
        let (name, value) = text.split_once(':')?;
        let name = HeaderName::try_from(name).ok()?;
        let value = HeaderValue::try_from(value.trim()).ok()?;
        Some((name.as_str().to_owned(), value.as_bytes().to_owned()))
    };
    parse().ok_or_else(|| {
        let expected = "expected a header field such as 'Content-Type: image/png'";
        Error::Argument(format!("{origin}: {expected}"))
    })
}

/// Adds a field unless it was given.
fn add(fields: &mut Vec<Field>, name: &str, value: Option<String>) {
    if let Some(value) = value.filter(|_| fields.iter().all(|(known, _)| known != name)) {
        fields.push((name.to_owned(), value.into_bytes()));
    }
}

/// The lines of a file, or of standard input.
fn lines(path: &str) -> Result<Zeroizing<String>, Error> {
    let origin = format!("--header @{path}");
    let text = if path == "-" {
        read(io::stdin().lock(), FIELDS_MAX, &origin)
    } else {
        read(open(Path::new(path), &origin)?, FIELDS_MAX, &origin)
    };
    text_of(text?, &origin)
}

/// The field that carries the key or token in a file.
fn bearer(path: &Path) -> Result<Field, Error> {
    let origin = format!("--key-file {}", path.display());
    let file = private_file::open(path).map_err(Error::File)?;
    let text = text_of(read(file, FIELDS_MAX, &origin)?, &origin)?;
    let value = HeaderValue::try_from(format!("Bearer {}", text.trim())).map_err(|_| {
        Error::Argument(format!("{origin}: expected an API key or a token on one line"))
    })?;
    Ok(("authorization".to_owned(), value.as_bytes().to_owned()))
}

fn body(path: &Path) -> Result<Vec<u8>, Error> {
    let origin = format!("--image {}", path.display());
    read(open(path, &origin)?, BODY_MAX, &origin)
}

fn open(path: &Path, origin: &str) -> Result<File, Error> {
    File::open(path).map_err(|error| Error::Argument(format!("{origin}: {error}")))
}

fn read(source: impl Read, most: u64, origin: &str) -> Result<Vec<u8>, Error> {
    let problem = |problem: String| Error::Argument(format!("{origin}: {problem}"));
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes).map_err(|error| problem(error.to_string()))?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
    if fits { Ok(bytes) } else { Err(problem(format!("expected at most {most} bytes"))) }
}

fn text_of(bytes: Vec<u8>, origin: &str) -> Result<Zeroizing<String>, Error> {
    let text = String::from_utf8(bytes).map(Zeroizing::new);
    text.map_err(|_| Error::Argument(format!("{origin}: expected text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_field_is_a_name_a_colon_and_a_value() {
        let read = |text| field(text, "--header");
        let expected = ("x-api-key".to_owned(), b"a: b".to_vec());
        assert_eq!(read("X-API-Key:  a: b ").ok(), Some(expected));
        assert_eq!(read("X-Empty:").ok(), Some(("x-empty".to_owned(), vec![])));
        for wrong in
            ["", "hunter2", ": hunter2", "two words: hunter2", "X-A: hunter2\nX-B: c", "é: hunter2"]
        {
            let problem = read(wrong).unwrap_err().to_string();
            assert!(problem.starts_with("--header: expected a header field"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn what_follows_from_the_body_gives_way_to_what_is_described() {
        let mut fields = vec![("content-length".to_owned(), b"7".to_vec())];
        add(&mut fields, "content-length", Some("8".to_owned()));
        add(&mut fields, "content-type", Some("image/png".to_owned()));
        add(&mut fields, "x-none", None);
        let expected = [("content-length", &b"7"[..]), ("content-type", b"image/png")];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), &**value)).collect();
        assert_eq!(fields, expected);
    }
}
