//! The request that is to be signed, as the server will receive it.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use filter::{Headers, Peer, RequestHead};

use super::super::Error;

/// The longest body that is read: more than any policy allows by far.
const BODY_MAX: u64 = 1 << 30;

/// A request without a signature.
pub(super) struct Unsigned {
    pub(super) method: String,
    /// Scheme and authority, as `https://images.example`.
    pub(super) origin: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) content_type: Option<String>,
    pub(super) body: Option<Vec<u8>>,
    /// Where the body was read from.
    pub(super) file: Option<PathBuf>,
    authority: String,
}

impl Unsigned {
    pub(super) fn read(
        url: &str,
        method: Option<String>,
        file: Option<PathBuf>,
        content_type: Option<&str>,
    ) -> Result<Self, Error> {
        let (scheme, authority, target) = parse(url)?;
        let body = file.as_deref().map(read_body).transpose()?;
        let content_type = match (content_type, &body) {
            (Some(given), _) => Some(given.to_owned()),
            (None, Some(body)) => Some(guess(body)?.to_owned()),
            (None, None) => None,
        };
        let default = if body.is_some() { "POST" } else { "GET" };
        Ok(Self {
            method: method.unwrap_or_else(|| default.to_owned()),
            origin: format!("{scheme}://{authority}"),
            target,
            content_type,
            body,
            file,
            authority,
        })
    }

    /// The header fields that a signature may cover.
    pub(super) fn headers(&self) -> Headers {
        let content_type = self.content_type.iter().map(|text| ("content-type", text.clone()));
        let length = self.body.iter().map(|body| ("content-length", body.len().to_string()));
        Headers::new(content_type.chain(length).map(|(name, value)| (name, value.into_bytes())))
    }

    pub(super) fn head<'a>(&'a self, headers: &'a Headers) -> RequestHead<'a> {
        RequestHead {
            method: &self.method,
            authority: &self.authority,
            target: &self.target,
            headers,
            peer: Peer::Unknown,
        }
    }
}

/// Scheme, authority and target, as a client sends them: without the scheme's own port, and without
/// what follows a `#`.
fn parse(url: &str) -> Result<(String, String, String), Error> {
    let problem = |expected: &str| Error::Argument(format!("--url {url:?}: {expected}"));
    let expected = "expected a URL such as https://images.example/v1/background-removal";
    let uri: Uri = url.split('#').next().unwrap_or(url).parse().map_err(|_| problem(expected))?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
    let (scheme, authority) = scheme.zip(uri.authority()).ok_or_else(|| problem(expected))?;
    if authority.as_str().contains('@') {
        return Err(problem("expected no user name in it"));
    }
    let own_port = if scheme == "http" { 80 } else { 443 };
    let authority = match authority.port_u16() {
        Some(port) if port != own_port => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    Ok((scheme.to_owned(), authority.to_ascii_lowercase(), target.to_owned()))
}

fn read_body(path: &Path) -> Result<Vec<u8>, Error> {
    let problem = |what: String| Error::Argument(format!("--body {}: {what}", path.display()));
    let length = fs::metadata(path).map_err(|error| problem(error.to_string()))?.len();
    if length > BODY_MAX {
        return Err(problem(format!("expected at most {BODY_MAX} bytes")));
    }
    fs::read(path).map_err(|error| problem(error.to_string()))
}

fn guess(body: &[u8]) -> Result<&'static str, Error> {
    image::guess_format(body).map(|format| format.to_mime_type()).map_err(|_| {
        Error::Argument("--content-type: expected one, for the body is no image".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> [String; 3] {
        let (scheme, authority, target) = parse(url).unwrap();
        [scheme, authority, target]
    }

    #[test]
    fn a_url_is_split_as_a_client_sends_it() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/v1/x?a=b", ["http", "127.0.0.1:8080", "/v1/x?a=b"]),
            ("https://Images.Example", ["https", "images.example", "/"]),
            ("https://images.example:443/a#part", ["https", "images.example", "/a"]),
            ("http://images.example:80/", ["http", "images.example", "/"]),
            ("http://images.example:443/", ["http", "images.example:443", "/"]),
            ("http://[::1]:8080/a//b/../c?", ["http", "[::1]:8080", "/a//b/../c?"]),
        ] {
            assert_eq!(parts(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_request_is_refused() {
        for url in ["", "images.example/v1", "/v1", "ftp://a/b", "https://", "http://a b/", "x://y"]
        {
            assert!(parse(url).is_err(), "{url}");
        }
        let problem = parse("https://me:secret@images.example/").unwrap_err().to_string();
        assert!(problem.contains("no user name"), "{problem}");
    }
}
