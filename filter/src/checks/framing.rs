//! The head has bounds, and one unambiguous body length (RFC 9112 §6, RFC 9110 §8.6).

use crate::RequestHead;
use crate::request::{Duplicate, Headers};

/// The longest path with query, in bytes, on every host.
pub const TARGET_MAX: usize = 2048;
/// The most header fields, on every host.
pub const FIELDS_MAX: usize = 96;
/// The most bytes of header names and values, on every host.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Fields that mean one thing and may appear once.
const SINGLE_VALUED: [&str; 8] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
    "x-api-key",
];

/// Evidence that the head is within bounds; holds the declared body length in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Framed {
    length: Option<u64>,
}

impl Framed {
    /// The declared body length in bytes, if any.
    pub(crate) fn length(self) -> Option<u64> {
        self.length
    }
}

/// Why a head was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The path with its query is too long.
    #[error("the path and query are longer than {TARGET_MAX} bytes")]
    TargetTooLong,
    /// Too many fields, or too many bytes of them.
    #[error("the header has more than {FIELDS_MAX} fields or {HEADER_BYTES_MAX} bytes")]
    HeaderTooLarge,
    /// A single-valued field appears twice.
    #[error("the header field {0} appears more than once")]
    Duplicate(&'static str),
    /// `Content-Length` and `Transfer-Encoding` at once.
    #[error("Content-Length and Transfer-Encoding exclude each other: send Content-Length alone")]
    TwoLengths,
    /// `Transfer-Encoding` where a length is needed.
    #[error("Transfer-Encoding is not accepted: send Content-Length")]
    NoLength,
    /// `Content-Length` is not a decimal number.
    #[error("Content-Length must be a decimal number of bytes")]
    LengthNotANumber,
    /// `Connection` asks for a field to be dropped that decides something.
    #[error("Connection must not name the header field {0}")]
    ConnectionNames(String),
}

/// Checks the size of the head and how the body is framed.
pub(crate) fn check(head: &RequestHead<'_>) -> Result<Framed, Error> {
    let headers = head.headers;
    if head.target.len() > TARGET_MAX {
        return Err(Error::TargetTooLong);
    }
    if headers.len() > FIELDS_MAX || headers.byte_len() > HEADER_BYTES_MAX {
        return Err(Error::HeaderTooLarge);
    }
    if headers.contains("transfer-encoding") {
        let both = headers.contains("content-length");
        return Err(if both { Error::TwoLengths } else { Error::NoLength });
    }
    for name in SINGLE_VALUED {
        headers.one(name).map_err(|Duplicate(name)| Error::Duplicate(name))?;
    }
    // Some hosts join the lines of a field before anybody sees them; no name of a host has a comma.
    if head.authority.contains(',') {
        return Err(Error::Duplicate("host"));
    }
    check_connection(headers)?;
    let length = headers.one("content-length").map_err(|Duplicate(name)| Error::Duplicate(name))?;
    Ok(Framed { length: length.map(parse_length).transpose()? })
}

/// RFC 9110 §7.6.1 lets a proxy drop what `Connection` names: nothing that is judged may be named,
/// or the node would see another request than the gate.
fn check_connection(headers: &Headers) -> Result<(), Error> {
    for (_, value) in headers.iter().filter(|(name, _)| *name == "connection") {
        for option in value.split(|&byte| byte == b',') {
            let option = String::from_utf8_lossy(option.trim_ascii()).to_ascii_lowercase();
            let hop_by_hop = ["", "close", "keep-alive", "upgrade", "te", "http2-settings"];
            if !hop_by_hop.contains(&option.as_str()) {
                return Err(Error::ConnectionNames(option.chars().take(64).collect()));
            }
        }
    }
    Ok(())
}

fn parse_length(value: &[u8]) -> Result<u64, Error> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok()).ok_or(Error::LengthNotANumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Peer;

    fn outcome(fields: &[(&str, &str)]) -> Result<Option<u64>, Error> {
        let headers = Headers::new(fields.iter().copied());
        let head = RequestHead {
            method: "POST",
            authority: "",
            target: "/",
            headers: &headers,
            peer: Peer::Unknown,
        };
        check(&head).map(Framed::length)
    }

    #[test]
    fn lines_of_host_that_were_joined_are_two_hosts() {
        let headers = Headers::new([("content-length", "1")]);
        let (method, target, peer) = ("POST", "/", Peer::Unknown);
        let authority = "images.example, evil.example";
        let head = RequestHead { method, authority, target, headers: &headers, peer };
        assert_eq!(check(&head).map(Framed::length), Err(Error::Duplicate("host")));
    }

    #[test]
    fn a_length_is_a_plain_number() {
        assert_eq!(outcome(&[("Content-Length", "12")]), Ok(Some(12)));
        assert_eq!(outcome(&[]), Ok(None));
        for value in ["", "-1", "+1", "1 ", "0x10", "1,1", "99999999999999999999"] {
            assert_eq!(
                outcome(&[("content-length", value)]),
                Err(Error::LengthNotANumber),
                "{value}"
            );
        }
    }

    #[test]
    fn two_ways_to_frame_a_body_are_one_too_many() {
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(outcome(&[("content-length", "1"), chunked]), Err(Error::TwoLengths));
        assert_eq!(outcome(&[chunked]), Err(Error::NoLength));
        let twice = [("content-length", "1"), ("Content-Length", "1")];
        assert_eq!(outcome(&twice), Err(Error::Duplicate("content-length")));
    }

    #[test]
    fn connection_may_only_name_what_is_not_judged() {
        assert_eq!(outcome(&[("connection", "keep-alive, Upgrade")]), Ok(None));
        let error = Error::ConnectionNames("x-api-key".into());
        assert_eq!(outcome(&[("connection", "close, X-API-Key")]), Err(error));
    }

    #[test]
    fn the_head_has_bounds() {
        let many: Vec<_> = (0..=FIELDS_MAX).map(|_| ("x", "y")).collect();
        assert_eq!(outcome(&many), Err(Error::HeaderTooLarge));
        let long = "y".repeat(HEADER_BYTES_MAX);
        assert_eq!(outcome(&[("x", &long)]), Err(Error::HeaderTooLarge));
        let headers = Headers::default();
        let target = "/".repeat(TARGET_MAX + 1);
        let head = RequestHead {
            method: "GET",
            authority: "",
            target: &target,
            headers: &headers,
            peer: Peer::Unknown,
        };
        assert_eq!(check(&head).unwrap_err(), Error::TargetTooLong);
    }
}
