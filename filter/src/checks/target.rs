//! The path can be read in one way only.
//!
//! Proxies and servers disagree about dot segments, doubled slashes and escapes. A path that could
//! be read in two ways is refused, never normalised, so the gate, its host and the node route alike.

/// Evidence that the path is unambiguous; holds where the query begins.
#[derive(Clone, Copy, Debug)]
pub struct Unambiguous<'a> {
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Unambiguous<'a> {
    /// The path without the query.
    pub(crate) fn path(self) -> &'a str {
        self.path
    }

    /// The query, without its question mark.
    pub(crate) fn query(self) -> Option<&'a str> {
        self.query
    }
}

/// Why a target was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It can be read in more than one way.
    #[error(
        "the path must start with '/' and hold no '//', '.' or '..' segments, backslashes, \
         escaped separators or escaped plain characters"
    )]
    Ambiguous,
}

/// Checks a raw path with query.
pub(crate) fn check(target: &str) -> Result<Unambiguous<'_>, Error> {
    let (path, query) =
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let is_whole = |query: &str| query.bytes().all(is_visible) && has_whole_escapes(query);
    if is_unambiguous_path(path) && query.is_none_or(is_whole) {
        Ok(Unambiguous { path, query })
    } else {
        Err(Error::Ambiguous)
    }
}

/// Whether every reader of `path` sees the same segments.
pub(crate) fn is_unambiguous_path(path: &str) -> bool {
    is_plain_path(path.as_bytes()) || is_careful_path(path)
}

/// Most paths: nothing in them but segments of letters, digits, '-' and '_', none of them empty.
fn is_plain_path(path: &[u8]) -> bool {
    let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
    path.first() == Some(&b'/')
        && path.iter().all(is_plain)
        && !path.windows(2).any(|pair| pair == b"//")
}

fn is_careful_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| is_visible(byte) && byte != b'\\' && byte != b'?')
        && !path.contains("//")
        && !path.split('/').any(|segment| segment == "." || segment == "..")
        && has_whole_escapes(path)
        && escapes(path).all(|byte| !is_separator(byte) && !is_unreserved(byte))
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Bytes that split or end a path when a careless reader decodes them.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\' | b'\0' | b'?' | b'#')
}

/// RFC 3986 §2.3: escaping these changes nothing, except what a naive comparison sees.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| hex_byte(rest).is_some())
}

fn escapes(text: &str) -> impl Iterator<Item = u8> {
    text.split('%').skip(1).filter_map(hex_byte)
}

fn hex_byte(text: &str) -> Option<u8> {
    crate::hex::decode::<1>(text.get(..2)?).map(|[byte]| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for target in
            ["/", "/v1/background-removal", "/a/b?x=1&y=%2F..//", "/caf%C3%A9", "/a..b/.c"]
        {
            assert!(check(target).is_ok(), "{target}");
        }
        assert_eq!(check("/a?b?c").unwrap().path(), "/a");
    }

    #[test]
    fn whatever_two_readers_could_read_differently_is_refused() {
        for target in [
            "",
            "a",
            "*",
            "http://h/",
            "//",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a\\b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/%2e%2e/",
            "/%61",
            "/a%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a#b",
            "/a b",
            "/é",
            "/a?%",
            "/a?b#c",
            "/a%3Fb",
            "/a%é1",
        ] {
            assert_eq!(check(target).unwrap_err(), Error::Ambiguous, "{target}");
        }
    }
}
