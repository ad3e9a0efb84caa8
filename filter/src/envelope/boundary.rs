//! The boundary of a multipart body (RFC 2046 §5.1.1).

use std::fmt;

use super::bounded::Bounded;
use super::{Error, Parameterised};

/// The longest boundary.
const BOUNDARY_MAX: usize = 70;

/// The text that separates the parts of a multipart body.
#[derive(Clone, Copy)]
pub struct Boundary(Bounded<BOUNDARY_MAX>);

impl Boundary {
    /// The boundary that the value of a `Content-Type` field names, whatever type it is.
    pub fn parse(content_type: &[u8]) -> Result<Self, Error> {
        let parsed = Parameterised::parse(content_type).ok_or(Error::Boundary)?;
        Self::of(&parsed)
    }

    /// The boundary among the parameters of a media type.
    pub(crate) fn of(media_type: &Parameterised<'_>) -> Result<Self, Error> {
        let value = media_type.parameter("boundary").ok_or(Error::Boundary)?;
        let mut boundary = Bounded::new();
        boundary.extend(value.bytes()).map_err(|_| Error::Boundary)?;
        let last = boundary.as_slice().last();
        let ends_well = last.is_some_and(|&byte| byte != b' ');
        if ends_well && boundary.as_slice().iter().all(|&byte| is_bchar(byte)) {
            Ok(Self(boundary))
        } else {
            Err(Error::Boundary)
        }
    }

    /// Its bytes, without the dashes in front.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Boundary").field(&String::from_utf8_lossy(self.as_bytes())).finish()
    }
}

impl PartialEq for Boundary {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Boundary {}

fn is_bchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Option<String> {
        let boundary = Boundary::parse(value.as_bytes()).ok()?;
        Some(String::from_utf8(boundary.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn boundaries_are_tokens_or_quoted() {
        for (value, boundary) in [
            ("multipart/form-data; boundary=AaB03x", "AaB03x"),
            ("multipart/form-data;BOUNDARY=a", "a"),
            ("multipart/form-data ; charset=utf-8 ; boundary=\"a b:c\"", "a b:c"),
            (r#"multipart/form-data; boundary="a\b""#, "ab"),
            (
                "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
                "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            ),
            (
                "multipart/mixed; boundary=\"gc0pJq0M:08jU534c0p\"",
                "gc0pJq0M:08jU534c0p", // The example of RFC 2046 §5.1.1.
            ),
        ] {
            assert_eq!(parse(value).as_deref(), Some(boundary), "{value}");
        }
        let longest = "a".repeat(70);
        assert_eq!(parse(&format!("m/f; boundary={longest}")), Some(longest));
    }

    #[test]
    fn what_cannot_be_a_boundary_is_refused() {
        for value in [
            "multipart/form-data",
            "multipart/form-data; boundary",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=gc0pJq0M:08jU534c0p", // RFC 2046 §5.1.1: needs quotes.
            "multipart/form-data; boundary=a; boundary=a",
            "multipart/form-data; boundary=a; Boundary=b",
            "multipart/form-data; boundary*=utf-8''a",
            "multipart/form-data; boundary = a",
            "multipart/form-data; boundary=\"a\u{e9}\"",
            "multipart/form-data; boundary=\"a*\"",
            "multipart/form-data, boundary=a",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
        assert_eq!(parse(&format!("m/f; boundary={}", "a".repeat(71))), None);
    }

    proptest! {
        #[test]
        fn no_media_type_makes_the_parser_panic(
            value in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let _ = Boundary::parse(&value);
        }
    }
}
