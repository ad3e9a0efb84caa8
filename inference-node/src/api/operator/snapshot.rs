//! `GET /gate/snapshot`: policy and keys for gates in other processes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use filter::policy::Dialect;
use filter::{PermitId, rejection};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::api::error;
use crate::clock;
use crate::keys::Snapshots;

/// The field that names the epoch of a snapshot, for people with curl.
const EPOCH: &str = "lunette-epoch";

/// What is needed to give gates their snapshot. It has no `Debug`: it holds their tokens.
#[derive(Clone)]
pub struct GateSnapshots {
    /// Where they come from.
    pub snapshots: Arc<Snapshots>,
    /// The token of each gate that may ask.
    pub tokens: Arc<[Zeroizing<String>]>,
}

/// The two lines of [`filter::snapshot`]; the first alone for a gate that says, as `?have=SHA-256`, that
/// it has the second.
pub(super) async fn give(
    State(gates): State<GateSnapshots>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if !gates.knows(&headers) {
        let mut response = problem(
            StatusCode::UNAUTHORIZED,
            "gate-token-invalid",
            "expected Authorization: Bearer with the token that `lunette gates secrets` prints",
        );
        let challenge = header::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    }
    let snapshots = Arc::clone(&gates.snapshots);
    // Many keys take a while to write.
    let current = tokio::task::spawn_blocking(move || snapshots.current(clock::now())).await;
    let Ok(Ok(snapshot)) = current else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "keys-unavailable",
            "the key store cannot be read",
        );
    };
    let have = uri.query().and_then(|query| query.strip_prefix("have="));
    let text = snapshot.text(have);
    let statement = &snapshot.statement;
    let part = if have == Some(statement.sha256.as_str()) { "seal" } else { "whole" };
    let etag = format!("\"{}-{}-{part}\"", statement.epoch, statement.issued_at.0);
    let fields = [
        (header::ETAG.as_str(), etag.clone()),
        (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
        (header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned()),
        (EPOCH, statement.epoch.to_string()),
    ];
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    if known {
        (StatusCode::NOT_MODIFIED, fields).into_response()
    } else {
        (fields, text).into_response()
    }
}

impl GateSnapshots {
    /// Whether the request has the token of a gate.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some(token) = value.as_bytes().strip_prefix(b"Bearer ") else { return false };
        // All are compared, so that the time says nothing.
        self.tokens.iter().fold(false, |known, own| known | bool::from(own.as_bytes().ct_eq(token)))
    }
}

fn problem(status: StatusCode, code: &'static str, detail: &str) -> Response {
    let mut id = [0; 16];
    // Without random bytes it is zero, and the answer the same.
    let _ = getrandom::fill(&mut id);
    error::into_response(rejection::problem(status, code, detail, PermitId(id), Dialect::Lunette))
}
