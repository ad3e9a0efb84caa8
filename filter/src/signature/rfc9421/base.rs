//! The signature base (RFC 9421 §2.5): the exact bytes that are signed.

use super::super::{Error, fields};
use super::input::Input;
use super::{derived, field};
use crate::RequestHead;

/// Writes the signature base of `input` over `head`, whose authority has the normal form `authority`.
///
/// Every covered component must exist in the request and be of a kind that is known here.
pub(super) fn build(
    head: &RequestHead<'_>,
    authority: &str,
    input: &Input<'_>,
) -> Result<String, Error> {
    if let Some(name) = input.repeated() {
        return Err(Error::ComponentRepeated(Error::quoted(name)));
    }
    let mut base = String::with_capacity(1024);
    for component in input.components() {
        component.item.write(&mut base);
        base.push_str(": ");
        // Derived components and fields are two name spaces: no field is ever called `@path`
        // (RFC 9421 §7.5.1).
        if component.name.starts_with('@') {
            derived::write(head, authority, component, &mut base)?;
        } else if !component.name.is_empty() && component.name.bytes().all(is_field_name) {
            field::write(head, component, &mut base)?;
        } else {
            return Err(Error::ComponentUnsupported(Error::quoted(component.name)));
        }
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    input.write(&mut base);
    Ok(base)
}

/// Field names are written in lower case (RFC 9421 §2.1).
fn is_field_name(byte: u8) -> bool {
    fields::is_token(byte) && !byte.is_ascii_uppercase()
}
