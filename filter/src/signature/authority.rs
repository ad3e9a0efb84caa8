//! The host and port that a request is for, in the one form that is signed.
//!
//! RFC 9421 §2.2.3 takes the normal form of RFC 9110 §4.2.3: lower case, and no port where it is the
//! scheme's. Gates are reached by TLS, so the scheme is `https` and its port 443.

use std::borrow::Cow;

use super::Error;
use crate::RequestHead;

/// The authority of `head` in normal form.
///
/// It must be one of `authorities` (any will do if there are none), and a `Host` field beside it must
/// not say otherwise.
pub(super) fn check<'a>(
    head: &RequestHead<'a>,
    authorities: &[String],
) -> Result<Cow<'a, str>, Error> {
    let authority = normal(head.authority).ok_or_else(malformed)?;
    for (_, host) in head.headers.iter().filter(|(name, _)| *name == "host") {
        let host = std::str::from_utf8(host).ok().and_then(|host| normal(host.trim_ascii()));
        if host.ok_or_else(malformed)? != authority {
            return Err(Error::OtherAuthority);
        }
    }
    let ours = authorities.is_empty() || authorities.iter().any(|ours| *ours == authority);
    if ours { Ok(authority) } else { Err(Error::OtherAuthority) }
}

fn malformed() -> Error {
    Error::Malformed { what: "the authority", expected: "one host with an optional port" }
}

/// The normal form; `None` if `text` is no host with an optional port.
fn normal(text: &str) -> Option<Cow<'_, str>> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let valid = match literal {
        Some(address) => address.bytes().all(|byte| is_host(byte) || byte == b':'),
        None => host.bytes().all(is_host),
    };
    if host.is_empty() || !valid || !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let text = if port.is_empty() || port == "443" { host } else { text };
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Headers, Peer};

    fn outcome(authority: &str, host: &[&str], authorities: &[&str]) -> Result<String, Error> {
        let headers = Headers::new(host.iter().map(|host| ("Host", *host)));
        let peer = Peer::Unknown;
        let head = RequestHead { method: "GET", authority, target: "/", headers: &headers, peer };
        let authorities: Vec<_> = authorities.iter().map(|&text| text.to_owned()).collect();
        check(&head, &authorities).map(Cow::into_owned)
    }

    #[test]
    fn case_and_the_default_port_do_not_matter() {
        for (text, expected) in [
            ("Images.Example", "images.example"),
            ("images.example:443", "images.example"),
            ("images.example:", "images.example"),
            ("images.example:8443", "images.example:8443"),
            ("images.example:80", "images.example:80"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(outcome(text, &[], &[]).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_single_host_is_refused() {
        for text in
            ["", ":443", "a b", "a\nb", "user@a", "a/b", "a:b", "a:1:2", "é", "a,b:x", "[::1"]
        {
            assert_eq!(outcome(text, &[], &[]), Err(malformed()), "{text}");
        }
    }

    #[test]
    fn the_authority_is_one_of_the_deployment() {
        let ours = ["images.example", "images.example:8443"];
        assert!(outcome("IMAGES.example:443", &[], &ours).is_ok());
        assert!(outcome("images.example:8443", &[], &ours).is_ok());
        for other in ["staging.example", "images.example:80", "images.example.evil"] {
            assert_eq!(outcome(other, &[], &ours), Err(Error::OtherAuthority), "{other}");
        }
    }

    #[test]
    fn a_host_field_must_agree() {
        assert!(outcome("a.example", &["A.example:443"], &[]).is_ok());
        assert_eq!(outcome("a.example", &["b.example"], &[]), Err(Error::OtherAuthority));
        let twice = outcome("a.example", &["a.example", "b.example"], &[]);
        assert_eq!(twice, Err(Error::OtherAuthority));
        assert_eq!(outcome("a.example", &["a b"], &[]), Err(malformed()));
    }
}
