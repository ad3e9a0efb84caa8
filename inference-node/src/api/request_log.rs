//! The one exit of every request: counted, logged, and refused once the shut-down has begun.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use filter::permit;
use filter_wasmtime::{GateService, Outcome, Verdict};
use hyper::body::Incoming;
use tower::{Service, ServiceExt as _, service_fn};

use super::error::{ApiError, Code};
use crate::metrics::Metrics;
use crate::shutdown::Drain;

/// What every request is written down with.
#[derive(Clone)]
pub struct RequestLog {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether new requests are still taken.
    pub drain: Drain,
}

/// Wraps the routes behind the embedded gate.
pub fn behind_gate(
    log: RequestLog,
    gate: GateService<Router>,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    wrap(log, draining, move |request| {
        let gate = gate.clone();
        async move { gate.oneshot(request).await.map(|response| response.map(Body::new)) }
    })
}

/// Wraps the routes of a node whose gates are elsewhere.
pub fn alone(
    log: RequestLog,
    routes: Router,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    wrap(log, draining_behind_gate, move |request| routes.clone().oneshot(request))
}

fn wrap<F, R>(
    log: RequestLog,
    draining: fn() -> Response<Body>,
    pass: F,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, Infallible>> + Send,
{
    service_fn(move |request: Request<Incoming>| {
        let (log, pass) = (log.clone(), pass.clone());
        async move {
            let Some(in_flight) = log.drain.enter() else { return Ok(draining()) };
            let started = Instant::now();
            let method = request.method().clone();
            let response = pass(request).await?;
            log.write(method.as_str(), &response, started);
            drop(in_flight);
            Ok(response)
        }
    })
}

impl RequestLog {
    fn write(&self, method: &str, response: &Response<Body>, started: Instant) {
        let extensions = response.extensions();
        let verdict = extensions.get::<Verdict>();
        let stopped = verdict.is_some_and(|verdict| matches!(verdict.outcome, Outcome::Stopped(_)));
        let (by, code, reason) = match (verdict, extensions.get::<Code>()) {
            (Some(verdict), _) if stopped => {
                ("gate", verdict.code().unwrap_or("gate-unavailable"), verdict.reason())
            }
            (_, Some(Code { code, reason })) => ("node", *code, Some(*reason)),
            _ => ("node", "ok", None),
        };
        self.metrics.answer(by, code);
        let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        tracing::info!(
            status = response.status().as_u16(),
            by,
            code,
            reason = reason.unwrap_or(code),
            method,
            request_id = request_id.unwrap_or_default(),
            milliseconds = started.elapsed().as_secs_f64() * 1000.0,
            "request"
        );
        // What the gate found out, masked; for RUST_LOG=lunette::event=debug.
        if let Some(event) = verdict.and_then(|verdict| verdict.note("event")) {
            tracing::debug!(target: "lunette::event", "{event}");
        }
    }
}

/// What a client is told: no gate is in between that would take the verdict out.
fn draining() -> Response<Body> {
    let mut response = draining_behind_gate();
    response.headers_mut().remove(permit::VERDICT_HEADER);
    response
}

/// What a gate elsewhere is told, which has charged its client.
fn draining_behind_gate() -> Response<Body> {
    let mut response = ApiError::Draining.reply_without_permit();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gate_is_told_that_pixels_are_given_back() {
        assert!(!draining().headers().contains_key(permit::VERDICT_HEADER));
        assert_eq!(draining_behind_gate().headers()[permit::VERDICT_HEADER], "refund");
    }
}
