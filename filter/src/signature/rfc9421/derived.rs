//! Derived components (RFC 9421 §2.2): what a signature covers of a request that is no header field.
//!
//! `@status` belongs to responses, and `;req` and `;tr` to parts that a request does not have; they
//! are refused. A gate is reached by TLS, so `@scheme` is `https`, whatever hop this one is.

use sfv::BareItemFromInput;

use super::super::{Error, fields, percent};
use super::input::Component;
use crate::RequestHead;

const SCHEME: &str = "https";

/// Writes the value of a derived component.
pub(super) fn write(
    head: &RequestHead<'_>,
    authority: &str,
    component: Component<'_, '_>,
    out: &mut String,
) -> Result<(), Error> {
    let target = fields::target(head)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if component.name == "@query-param" {
        return write_query_param(query, component, out);
    }
    let bare = component.is_bare();
    match component.name {
        "@method" if bare => out.push_str(fields::method(head)?),
        "@authority" if bare => out.push_str(authority),
        "@path" if bare => out.push_str(path),
        // An absent query and an empty one sign alike (RFC 9421 §2.2.7).
        "@query" if bare => out.extend(["?", query]),
        "@scheme" if bare => out.push_str(SCHEME),
        "@target-uri" if bare => out.extend([SCHEME, "://", authority, target]),
        "@request-target" if bare => out.push_str(target),
        _ => return Err(unsupported(component)),
    }
    Ok(())
}

fn unsupported(component: Component<'_, '_>) -> Error {
    Error::ComponentUnsupported(Error::quoted(component.name))
}

/// Writes the value of the one query parameter that `name` names (RFC 9421 §2.2.8).
fn write_query_param(
    query: &str,
    component: Component<'_, '_>,
    out: &mut String,
) -> Result<(), Error> {
    let wanted = wanted(component).ok_or_else(|| unsupported(component))?;
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if reencoded(name).as_deref() == Some(wanted) {
            // Two of one name must not be signed: readers differ in which of them they take.
            let value = reencoded(value).filter(|_| found.is_none());
            found = Some(value.ok_or_else(|| Error::ComponentAbsent(Error::quoted(wanted)))?);
        }
    }
    let value = found.ok_or_else(|| Error::ComponentAbsent(Error::quoted(wanted)))?;
    out.push_str(&value);
    Ok(())
}

/// The value of the identifier's parameter `name`, if it is the only one.
fn wanted<'i>(component: Component<'i, '_>) -> Option<&'i str> {
    let parameters = &component.item.parameters;
    match parameters.find("name") {
        Some(BareItemFromInput::String(name)) if parameters.len() == 1 => Some(name.as_str()),
        _ => None,
    }
}

/// Decodes what a form would have encoded, and encodes it again in the one way that is signed.
/// `None` if it is not UTF-8: different bytes would be signed alike.
fn reencoded(text: &str) -> Option<String> {
    let decoded = percent::decode(&text.replace('+', " "));
    std::str::from_utf8(&decoded).is_ok().then(|| percent::encode(&decoded))
}
