//! A shut-down in order: requests in flight finish, new ones get 503.

use std::time::Duration;

use tokio::sync::watch;

/// Whether the shut-down has begun, and how many requests are in flight. Cheap to clone.
#[derive(Clone)]
pub struct Drain {
    begun: watch::Sender<bool>,
    in_flight: watch::Sender<usize>,
}

/// One request in flight; it ends when this is dropped.
pub struct InFlight(watch::Sender<usize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { begun: watch::Sender::new(false), in_flight: watch::Sender::new(0) }
    }
}

impl Drain {
    /// Begins the shut-down.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether the shut-down has begun.
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Counts a request, unless the shut-down has begun.
    pub fn enter(&self) -> Option<InFlight> {
        self.in_flight.send_modify(|count| *count += 1);
        let guard = InFlight(self.in_flight.clone());
        // Counted first, so that a request either is waited for or sees that the drain has begun.
        (!self.has_begun()).then_some(guard)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Waits until no request is in flight, at most `deadline`. False if some are left.
    pub async fn wait(&self, deadline: Duration) -> bool {
        let mut count = self.in_flight.subscribe();
        let idle = count.wait_for(|count| *count == 0);
        matches!(tokio::time::timeout(deadline, idle).await, Ok(Ok(_)))
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// If the process cannot listen for signals.
pub async fn signal() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => Ok("SIGTERM"),
        _ = int.recv() => Ok("SIGINT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_what_is_in_flight_and_takes_nothing_new() {
        let drain = Drain::default();
        let request = drain.enter().unwrap();
        drain.begin();
        assert!(drain.enter().is_none());
        assert_eq!(drain.in_flight(), 1);
        assert!(!drain.wait(Duration::from_secs(1)).await);
        drop(request);
        assert!(drain.wait(Duration::from_secs(1)).await);
    }
}
