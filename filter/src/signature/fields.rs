//! Header fields as text that can stand in a line to be signed.

use super::Error;
use crate::RequestHead;

/// The value of the single field `name`, without the spaces around it.
///
/// A field that appears twice is refused, and so is one with line breaks, other control characters or
/// anything outside ASCII: no value can then be taken for two lines.
pub(super) fn one<'a>(
    head: &RequestHead<'a>,
    name: &'static str,
) -> Result<Option<&'a str>, Error> {
    let value = head.headers.one(name).map_err(|_| Error::Repeated(name))?;
    let Some(value) = value else { return Ok(None) };
    match text(value) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::ComponentUnsignable(name.into())),
    }
}

/// The value of the single field `name`, which must be there.
pub(super) fn required<'a>(head: &RequestHead<'a>, name: &'static str) -> Result<&'a str, Error> {
    one(head, name)?.ok_or(Error::ParameterMissing(name))
}

/// `value` without the spaces around it; `None` if it holds what must not stand in a signed line.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    // Looked at before it is trimmed: a line break at the end is not one of the spaces around it.
    let plain = value.iter().all(|&byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic());
    std::str::from_utf8(value).ok().filter(|_| plain).map(str::trim_ascii)
}

/// The raw path and query, if they can stand in a signed line.
pub(super) fn target<'a>(head: &RequestHead<'a>) -> Result<&'a str, Error> {
    let target = head.target;
    let plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    let expected = "a path with an optional query";
    if plain { Ok(target) } else { Err(Error::Malformed { what: "the target", expected }) }
}

/// The method, if it is a token (RFC 9110 §9.1).
pub(super) fn method<'a>(head: &RequestHead<'a>) -> Result<&'a str, Error> {
    let valid = !head.method.is_empty() && head.method.bytes().all(is_token);
    let expected = "a token";
    if valid { Ok(head.method) } else { Err(Error::Malformed { what: "the method", expected }) }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `text` is one to `most` visible ASCII characters.
pub(super) fn is_visible(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
