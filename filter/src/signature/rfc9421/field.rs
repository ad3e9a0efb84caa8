//! Header fields as covered components (RFC 9421 §2.1).

use base64ct::{Base64, Encoding as _};
use sfv::GenericBareItem::{Boolean, String as Text};

use super::super::{Error, fields};
use super::input::Component;
use crate::RequestHead;
use crate::structured::{self, Dictionary, Limits};

/// The fields that are known to be dictionaries, so that `;sf` has one meaning.
const DICTIONARIES: [&str; 7] = [
    "accept-signature",
    "content-digest",
    "priority",
    "repr-digest",
    "signature",
    "signature-input",
    "want-content-digest",
];

/// The most that is looked at of a field that is covered as a dictionary.
const LIMITS: Limits = Limits { members: 64, items: 64 };

/// Writes the value of a header field.
///
/// At most one parameter says how: `;bs` wraps each line, `;sf` writes the one serialisation of a
/// structured field, `;key` one member of a dictionary. RFC 9421 lets no two of them stand together.
/// `;req` and `;tr` name what a request, or its head, does not have.
pub(super) fn write(
    head: &RequestHead<'_>,
    component: Component<'_, '_>,
    base: &mut String,
) -> Result<(), Error> {
    let Component { item, name } = component;
    let mut parameters = item.parameters.iter();
    match (parameters.next(), parameters.next()) {
        (None, _) => write_lines(head, name, base),
        (Some(("bs", Boolean(true))), None) => write_wrapped(head, name, base),
        (Some(("sf", Boolean(true))), None) if DICTIONARIES.contains(&name) => {
            dictionary(head, name)?.write(base);
            Ok(())
        }
        (Some(("key", Text(key))), None) => {
            let members = dictionary(head, name)?;
            members.find(key.as_str()).ok_or_else(|| absent(name))?.write(base);
            Ok(())
        }
        _ => Err(Error::ComponentUnsupported(Error::quoted(name))),
    }
}

/// The lines of a field, without the spaces around them. A request of HTTP/2 may have no `host`: its
/// `:authority` is the same thing.
fn lines<'h>(head: &RequestHead<'h>, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let lines = head.headers.iter().filter(move |(field, _)| *field == name);
    let authority = (name == "host" && !head.headers.contains(name)).then_some(head.authority);
    lines.map(|(_, value)| value).chain(authority.map(str::as_bytes))
}

fn write_lines(head: &RequestHead<'_>, name: &str, base: &mut String) -> Result<(), Error> {
    let mut separator = None;
    for line in lines(head, name) {
        base.push_str(separator.unwrap_or_default());
        base.push_str(fields::text(line).ok_or_else(|| unsignable(name))?);
        separator = Some(", ");
    }
    separator.map(|_| ()).ok_or_else(|| absent(name))
}

fn write_wrapped(head: &RequestHead<'_>, name: &str, base: &mut String) -> Result<(), Error> {
    let mut separator = None;
    for line in lines(head, name) {
        let encoded = Base64::encode_string(line.trim_ascii());
        base.extend([separator.unwrap_or_default(), ":", &encoded, ":"]);
        separator = Some(", ");
    }
    separator.map(|_| ()).ok_or_else(|| absent(name))
}

fn dictionary<'h>(head: &RequestHead<'h>, name: &str) -> Result<Dictionary<'h>, Error> {
    let members = structured::parse(lines(head, name), LIMITS).map_err(|_| unsignable(name))?;
    if members.is_empty() { Err(absent(name)) } else { Ok(members) }
}

fn absent(name: &str) -> Error {
    Error::ComponentAbsent(Error::quoted(name))
}

fn unsignable(name: &str) -> Error {
    Error::ComponentUnsignable(Error::quoted(name))
}
