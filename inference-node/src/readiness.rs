//! Whether the node can serve: once its model has run, until its shut-down begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::shutdown::Drain;

/// The state behind `/readyz`. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    model_has_run: Arc<AtomicBool>,
    drain: Drain,
}

impl Readiness {
    /// Not ready yet.
    pub fn new(drain: Drain) -> Self {
        Self { model_has_run: Arc::default(), drain }
    }

    /// The model has run.
    pub fn model_has_run(&self) {
        self.model_has_run.store(true, Ordering::Release);
    }

    /// Ready, or why not.
    pub fn state(&self) -> Result<(), &'static str> {
        if self.drain.has_begun() {
            Err("shutting down")
        } else if !self.model_has_run.load(Ordering::Acquire) {
            Err("the model has not run yet")
        } else {
            Ok(())
        }
    }
}
