//! What the operator's listener serves: health and metrics, never routed by a gate.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// What the operator's handlers need.
#[derive(Clone)]
pub struct Operator {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub readiness: Readiness,
}

/// The routes of the operator's listener.
pub fn routes(operator: Operator) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
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
