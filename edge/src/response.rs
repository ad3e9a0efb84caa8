//! The filter's answers, as responses of the Worker.

use filter::Reply;
use filter::verdict::AnswerFields;
use worker::{Headers, Response};

/// The fields that are the gate's own, in both directions.
pub(crate) const OWN_PREFIX: &str = "lunette-";

/// A refusal, byte for byte as every host gives it.
pub(crate) fn reply(reply: Reply) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &reply.headers {
        headers.append(name.as_str(), value)?;
    }
    // The platform takes no body with 204, not even an empty one.
    let response =
        if reply.body.is_empty() { Response::empty() } else { Response::from_bytes(reply.body) };
    let response = response?.with_status(reply.status.as_u16());
    Ok(response.with_headers(headers))
}

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
