//! What the operator's listener serves: health, metrics, and what gates are told. No gate routes to it.

mod snapshot;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::{page, security_headers};
use crate::metrics::Metrics;
use crate::readiness::Readiness;

pub use snapshot::GateSnapshots;

/// What the operator's handlers need.
#[derive(Clone)]
pub struct Operator {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub readiness: Readiness,
    /// What gates in other processes are told.
    pub gates: GateSnapshots,
    /// Whether browsers are told to speak nothing but TLS with this host.
    pub hsts: bool,
}

/// The routes of the operator's listener.
pub fn routes(operator: Operator) -> Router {
    let hsts = operator.hsts;
    let harden = move |mut response: Response| async move {
        security_headers::add(response.headers_mut(), hsts);
        response
    };
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { page::OPENAPI.answer() }))
        .route("/gate/snapshot", get(snapshot::give).with_state(operator.gates.clone()))
        .layer(middleware::map_response(harden))
        .with_state(operator)
}

/// Ready once the model has run, until the shut-down begins.
async fn readyz(State(operator): State<Operator>) -> impl IntoResponse {
    match operator.readiness.state() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}

async fn metrics(State(operator): State<Operator>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], operator.metrics.render())
}
