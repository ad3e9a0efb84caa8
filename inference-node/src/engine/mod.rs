//! Runs jobs on a model: admit at once or refuse, wait a bounded time for a turn, run on the
//! device's thread.

mod admission;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use admission::{Admission, Slot, Turn};
use worker::Worker;

use crate::models::Model;

/// How much work may be under way.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Jobs that may wait for their turn.
    pub waiting: usize,
    /// How long a job may wait before it is given up.
    pub patience: Duration,
}

/// Why a job was not done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// Too many jobs wait already.
    #[error("too many requests are waiting; send the request again")]
    Overloaded,
    /// The job waited too long.
    #[error("the request waited too long; send it again")]
    WaitedTooLong,
    /// The model failed on this input.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The engine is shutting down.
    #[error("the server is shutting down; send the request again")]
    Stopped,
}

/// A finished job.
pub struct Done<O> {
    /// What the model gave.
    pub output: O,
    /// The job's turn, to be held until its image is gone.
    pub turn: Turn,
    /// How long the job waited for the device.
    pub queued: Duration,
    /// How long the model ran.
    pub ran: Duration,
    /// On how many inputs at once.
    pub batch: u32,
}

/// One model on one device.
pub struct Engine<M: Model + 'static> {
    admission: Admission,
    worker: Worker<M>,
}

impl<M: Model + 'static> Engine<M> {
    /// Starts the device's thread with `model`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(model: M, limits: EngineLimits) -> std::io::Result<Arc<Self>> {
        let admission = Admission::new(limits.waiting, limits.patience);
        Ok(Arc::new(Self { admission, worker: Worker::start(model)? }))
    }

    /// Admits one job, at once or not at all.
    pub fn admit(&self) -> Result<Slot, EngineError> {
        self.admission.admit().ok_or(EngineError::Overloaded)
    }

    /// Jobs admitted now.
    pub fn admitted(&self) -> usize {
        self.admission.admitted()
    }

    /// Runs one job whose turn has come. If the caller goes away before it starts, it never starts.
    pub async fn run(&self, turn: Turn, input: M::Input) -> Result<Done<M::Output>, EngineError> {
        self.worker.run(turn, input).await
    }
}
