//! The filter's answers, as responses of the Worker.

use filter::{PermitId, Reply, rejection::problem};
use worker::{Headers, Response};

/// A refusal, byte for byte as every host gives it.
pub(crate) fn reply(reply: Reply) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &reply.headers {
        headers.append(name.as_str(), value)?;
    }
    let response = Response::from_bytes(reply.body)?.with_status(reply.status.as_u16());
    Ok(response.with_headers(headers))
}

/// 503, for faults that are the gate's own.
pub(crate) fn unavailable(code: &str, detail: &str) -> worker::Result<Response> {
    reply(problem(http::StatusCode::SERVICE_UNAVAILABLE, code, detail, PermitId([0; 16])))
}

/// The node's answer without the fields that are between node and gate, and with the gate's own.
pub(crate) fn without_own_fields(
    answer: Response,
    fields: &[(http::HeaderName, String)],
) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in answer.headers().entries() {
        if !name.starts_with("lunette-") {
            headers.append(&name, &value)?;
        }
    }
    for (name, value) in fields {
        headers.set(name.as_str(), value)?;
    }
    Ok(answer.with_headers(headers))
}
