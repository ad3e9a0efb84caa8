//! The header fields of a request, as far as the platform shows them as they came.

use filter::Headers;

/// Fields that appear once and of which no right value holds a comma and a space. The platform joins fields
/// of one name with these two, so a value that holds them was more than one field, or wrong: both are
/// refused, and this is what tells which.
const ONE_VALUE: [&str; 10] = [
    "content-type",
    "expect",
    "webhook-id",
    "webhook-timestamp",
    "x-api-key",
    "x-content-sha256",
    "x-key-id",
    "x-nonce",
    "x-signature",
    "x-timestamp",
];
/// What begins a second `Authorization`; other schemes have commas of their own.
const SECOND_BEARER: &str = ", Bearer ";

/// These fields, with those apart that the platform joined and that must not be there twice.
pub(crate) fn apart(joined: Vec<(String, String)>) -> Headers {
    let mut fields = Vec::with_capacity(joined.len());
    for (name, value) in joined {
        if value.contains(',') && ONE_VALUE.contains(&name.as_str()) {
            fields.extend(parts(&value).into_iter().map(|value| (name.clone(), value)));
        } else if name == "authorization" && value.contains(SECOND_BEARER) {
            let halves = value.split(", ").map(|value| (name.clone(), value.to_owned()));
            fields.extend(halves);
        } else {
            fields.push((name, value));
        }
    }
    Headers::new(fields)
}

/// The values that were joined: commas inside quoted strings (RFC 9110 §5.6.4) are no joints.
fn parts(value: &str) -> Vec<String> {
    let (mut values, mut quoted, mut escaped) = (vec![String::new()], false, false);
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let is_joint = character == ',' && !quoted && characters.next_if_eq(&' ').is_some();
        if is_joint {
            values.push(String::new());
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && quoted && !escaped;
        if let Some(value) = values.last_mut() {
            value.push(character);
        }
    }
    values
}
