//! Where the load goes: an address of this machine, unless it was said that another one may have it.

use std::net::{SocketAddr, ToSocketAddrs as _};

use axum::http::Uri;
use axum::http::uri::{Authority, PathAndQuery};

use super::super::Error;

/// Whom requests are sent to, and what they ask for.
#[derive(Debug)]
pub(super) struct Target {
    /// The one that was judged; the name is not looked up again.
    pub(super) address: SocketAddr,
    pub(super) authority: Authority,
    pub(super) path: PathAndQuery,
}

impl Target {
    /// Reads `--url`; `path` is that of `--face`.
    pub(super) fn find(
        url: &str,
        path: Option<&'static str>,
        allow_remote: bool,
    ) -> Result<Self, Error> {
        let problem = |what: &str| Error::Argument(format!("--url {url:?}: {what}"));
        let expected = "expected a URL such as http://127.0.0.1:8080";
        let uri: Uri = url.parse().map_err(|_| problem(expected))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(problem(
                    "expected http: no TLS is spoken here, put a proxy in between",
                ));
            }
            _ => return Err(problem(expected)),
        }
        let authority = uri.authority().ok_or_else(|| problem(expected))?;
        if authority.as_str().contains('@') {
            return Err(problem("expected no user name in it"));
        }
        let given = uri.path_and_query().filter(|given| given.as_str() != "/");
        let path = match (path, given) {
            (Some(path), None) => PathAndQuery::from_static(path),
            (Some(_), Some(_)) => {
                return Err(problem("expected no path in it, for --face has one"));
            }
            (None, Some(given)) => given.clone(),
            (None, None) => PathAndQuery::from_static("/"),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let addresses = (host, authority.port_u16().unwrap_or(80)).to_socket_addrs();
        let addresses: Vec<_> = addresses.map_err(|error| problem(&error.to_string()))?.collect();
        let remote = addresses.iter().find(|address| !address.ip().is_loopback());
        if let Some(remote) = remote.filter(|_| !allow_remote) {
            return Err(problem(&format!(
                "{} is not this machine, and load that nobody asked for is an attack; \
                 with --allow-remote you say that it is yours",
                remote.ip()
            )));
        }
        let address = addresses.first().copied().ok_or_else(|| problem("it has no address"))?;
        Ok(Self { address, authority: authority.clone(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str, path: Option<&'static str>) -> String {
        Target::find(url, path, false).unwrap_err().to_string()
    }

    #[test]
    fn this_machine_is_a_target_and_others_must_be_allowed() {
        for url in
            ["http://127.0.0.1:8080", "http://127.1.2.3/x", "http://[::1]:80", "http://localhost"]
        {
            Target::find(url, None, false).unwrap();
        }
        for url in ["http://192.0.2.1:8080/v1", "http://[2001:db8::1]", "http://0.0.0.0:1"] {
            assert!(refused(url, None).contains("--allow-remote"), "{url}");
            Target::find(url, None, true).unwrap();
        }
    }

    #[test]
    fn a_path_comes_from_one_place() {
        let target = Target::find("http://127.0.0.1:9/a?b=c", None, false).unwrap();
        assert_eq!(target.path.as_str(), "/a?b=c");
        let target = Target::find("http://127.0.0.1:9", Some("/v1/ocr"), false).unwrap();
        assert_eq!((target.path.as_str(), target.address.port()), ("/v1/ocr", 9));
        assert!(refused("http://127.0.0.1:9/a", Some("/v1/ocr")).contains("--face"));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        assert!(refused("https://127.0.0.1/", None).contains("no TLS"));
        assert!(refused("http://me:secret@127.0.0.1/", None).contains("no user name"));
        for url in ["", "127.0.0.1", "/v1", "ftp://127.0.0.1"] {
            assert!(refused(url, None).contains("expected a URL"), "{url}");
        }
    }
}
