//! The text that is signed, in both dialects.

use super::super::super::{Error, fields};
use super::Dialect;
use crate::RequestHead;

/// The most names that are looked at.
const HEADERS_MAX: usize = 32;
pub(super) const TARGET: &str = "@request-target";
/// What Kong's older clients sign instead. The version of HTTP is not known here, and they all write 1.1.
pub(super) const LINE: &str = "request-line";

/// The names that a signature lists, each once.
pub(super) struct Covered<'a>(Vec<&'a str>);

impl<'a> Covered<'a> {
    pub(super) fn parse(headers: &'a str) -> Result<Self, Error> {
        let mut names: Vec<&str> = Vec::new();
        for name in headers.split_ascii_whitespace() {
            if names.len() == HEADERS_MAX {
                return Err(Error::TooLarge { what: "signed headers", most: HEADERS_MAX });
            }
            if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(Error::ComponentRepeated(Error::quoted(name)));
            }
            names.push(name);
        }
        Ok(Self(names))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|covered| covered.eq_ignore_ascii_case(name))
    }
}

/// The text that is signed. Names stand in it as they are listed.
pub(super) fn message(
    head: &RequestHead<'_>,
    dialect: Dialect,
    key_id: &str,
    covered: &Covered<'_>,
) -> Result<String, Error> {
    let (method, target) = (fields::method(head)?, fields::target(head)?);
    let mut lines = Vec::with_capacity(covered.0.len() + 2);
    let mut has_target = false;
    if dialect == Dialect::Apisix {
        lines.push(key_id.to_owned());
    }
    for &name in &covered.0 {
        let line = match (name, dialect) {
            (TARGET, Dialect::Kong) => {
                format!("{TARGET}: {} {target}", method.to_ascii_lowercase())
            }
            (TARGET, Dialect::Apisix) => format!("{method} {target}"),
            (LINE, Dialect::Kong) => format!("{method} {target} HTTP/1.1"),
            _ => format!("{name}: {}", field(head, name)?),
        };
        has_target |= name == TARGET || (name == LINE && dialect == Dialect::Kong);
        lines.push(line);
    }
    if !has_target {
        return Err(Error::NotCovered(TARGET));
    }
    if dialect == Dialect::Apisix {
        lines.push(String::new());
    }
    Ok(lines.join("\n"))
}

/// The value of the listed field `name`, which must be there once.
pub(super) fn field<'a>(head: &RequestHead<'a>, name: &str) -> Result<&'a str, Error> {
    let absent = || Error::ComponentAbsent(Error::quoted(name));
    let mut lines = head.headers.iter().filter(|(field, _)| name.eq_ignore_ascii_case(field));
    match (lines.next(), lines.next()) {
        (Some((_, value)), None) => {
            fields::text(value).ok_or_else(|| Error::ComponentUnsignable(Error::quoted(name)))
        }
        (None, _) if name.eq_ignore_ascii_case("host") => Ok(head.authority),
        _ => Err(absent()),
    }
}
