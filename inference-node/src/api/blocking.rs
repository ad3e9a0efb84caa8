//! Inspecting a whole body, which would hold up other requests, on a thread of its own.

use std::time::{Duration, Instant};

use super::error::ApiError;

/// Runs `work` on a thread of its own, and times it. A panic in it harms only its own request. How many bodies there are
/// is bounded by the budget for uploads; how long one takes, by its length.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<(T, Duration), ApiError> {
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::Encode("the inspection panicked".to_owned()))??;
    Ok((output, started.elapsed()))
}
