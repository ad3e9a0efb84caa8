//! The one exit of every request: counted, logged, and refused once the shut-down has begun.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use filter::{Policy, permit};
use filter_wasmtime::{GateService, Outcome, Verdict};
use tower::{Service, ServiceExt as _, service_fn};

use super::error::{ApiError, Code};
use super::refusal_lines::{Line, RefusalLines};
use super::security_headers;
use super::stages::Stages;
use crate::lingering::RequestBody;
use crate::metrics::Metrics;
use crate::shutdown::Drain;
use crate::traces::{Happened, Tracer};

/// What every request is written down with.
#[derive(Clone)]
pub struct RequestLog {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether new requests are still taken.
    pub drain: Drain,
    /// Names routes.
    pub policy: Arc<Policy>,
    /// Takes traces, if they are wanted.
    pub tracer: Option<Tracer>,
    /// Whether browsers are told to speak nothing but TLS with this host.
    pub hsts: bool,
    /// How many lines of the log are left for what the gate refuses.
    pub refusals: Arc<RefusalLines>,
}

/// What is known of a request before it goes on.
struct Begun {
    method: String,
    /// The name of the policy's route: a path would be a stranger's to choose.
    route: String,
    traceparent: Option<String>,
    at: SystemTime,
    started: Instant,
}

/// Wraps the routes behind the embedded gate.
pub fn behind_gate(
    log: RequestLog,
    gate: GateService<Router>,
) -> impl Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send>
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
) -> impl Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    wrap(log, draining_behind_gate, move |request| routes.clone().oneshot(request))
}

fn wrap<F, R>(
    log: RequestLog,
    draining: fn() -> Response<Body>,
    pass: F,
) -> impl Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    F: Fn(Request<RequestBody>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, Infallible>> + Send,
{
    service_fn(move |request: Request<RequestBody>| {
        let (log, pass) = (log.clone(), pass.clone());
        async move {
            let begun = log.begin(&request);
            let in_flight = log.drain.enter();
            let mut response = match &in_flight {
                Some(_) => pass(request).await?,
                None => draining(),
            };
            log.end(&begun, &mut response);
            drop(in_flight);
            Ok(response)
        }
    })
}

impl RequestLog {
    fn begin(&self, request: &Request<RequestBody>) -> Begun {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let route = self.policy.route(method, path).map_or("none", |route| route.name.as_str());
        let traceparent = self.tracer.as_ref().and_then(|_| {
            let mut fields = request.headers().get_all("traceparent").iter();
            let field = fields.next()?.to_str().ok()?;
            fields.next().is_none().then(|| field.to_owned())
        });
        Begun {
            method: method.to_owned(),
            route: route.to_owned(),
            traceparent,
            at: SystemTime::now(),
            started: Instant::now(),
        }
    }

    fn end(&self, begun: &Begun, response: &mut Response<Body>) {
        security_headers::add(response.headers_mut(), self.hsts);
        let took = begun.started.elapsed();
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
        let status = response.status().as_u16();
        self.metrics.answer(by, code);
        self.metrics.request(&begun.route, status, took);
        let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        // Strangers can have as many refusals as they like.
        let refused = by == "gate" && (400..500).contains(&status);
        let line = if refused { self.refusals.take(Instant::now()) } else { Line::Written(0) };
        if let Line::Written(left_out) = line {
            if left_out > 0 {
                tracing::warn!(left_out, "refusals came too fast for the log");
            }
            tracing::info!(
                status,
                by,
                code,
                reason = reason.unwrap_or(code),
                method = begun.method,
                request_id = request_id.unwrap_or_default(),
                milliseconds = took.as_secs_f64() * 1000.0,
                "request"
            );
        }
        // What the gate found out, masked; for RUST_LOG=lunette::event=debug.
        if let Some(event) = verdict.and_then(|verdict| verdict.note("event")) {
            tracing::debug!(target: "lunette::event", "{event}");
        }
        if let Some(tracer) = &self.tracer {
            let request_id = request_id.unwrap_or_default();
            let context = tracer.context(begun.traceparent.as_deref(), request_id);
            if let Some(context) = context {
                tracer.record(Happened {
                    context,
                    method: begun.method.clone(),
                    route: begun.route.clone(),
                    status,
                    by,
                    code: code.to_owned(),
                    request_id: request_id.to_owned(),
                    started: begun.at,
                    took,
                    stages: stages(begun, response),
                });
            }
        }
        // Of refusals that a stranger can have it would tell how long a look-up took.
        if by == "node" && status != 401 {
            timing(response, took);
        }
    }
}

/// Name, begin after the request's, and duration of what the answer was worked for.
fn stages(begun: &Begun, response: &Response<Body>) -> Vec<(&'static str, Duration, Duration)> {
    let stages = response.extensions().get::<Stages>();
    let after = |started: Instant| started.saturating_duration_since(begun.started);
    let stages = stages.iter().flat_map(|stages| stages.iter());
    stages.map(|stage| (stage.name, after(stage.started), stage.took)).collect()
}

/// Adds the whole time to the times of the stages.
fn timing(response: &mut Response<Body>, took: Duration) {
    let total = format!("total;dur={:.1}", took.as_secs_f64() * 1000.0);
    let stages = response.headers().get("server-timing").and_then(|stages| stages.to_str().ok());
    let all = stages.map_or_else(|| total.clone(), |stages| format!("{stages}, {total}"));
    if let Ok(value) = HeaderValue::from_str(&all) {
        response.headers_mut().insert("server-timing", value);
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
