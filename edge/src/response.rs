//! The node's answers, as the client gets them.

use filter::verdict::AnswerFields;
use worker::{Headers, Response};

/// The fields that are the gate's own, in both directions.
pub(crate) const OWN_PREFIX: &str = "lunette-";

/// The node's answer without the fields that are between node and gate, and with the gate's own.
pub(crate) fn without_own_fields(
    answer: Response,
    fields: &AnswerFields,
) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in answer.headers().entries() {
        if !name.starts_with(OWN_PREFIX) {
            headers.append(&name, &value)?;
        }
    }
    for (name, value) in fields.of(answer.status_code()) {
        headers.append(name.as_str(), value)?;
    }
    Ok(answer.with_headers(headers))
}
