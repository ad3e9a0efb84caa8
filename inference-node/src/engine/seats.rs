//! The inputs of one model that are ready to run, and the callers who wait for what becomes of them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::waiting::Turn;
use super::{Done, EngineError, JobId};
use crate::models::Model;

/// Jobs of one model that are ready. Each has a turn, so there are never more than turns.
pub(super) struct Seats<M: Model>(Mutex<HashMap<JobId, Seat<M>>>);

/// What a caller is told at the end.
pub(super) type Told<M> = Result<Done<<M as Model>::Output>, EngineError>;

struct Seat<M: Model> {
    input: M::Input,
    /// Held for as long as the input is: a caller who leaves does not free it before the image.
    turn: Turn,
    came: Instant,
    caller: oneshot::Sender<Told<M>>,
}

impl<M: Model> Default for Seats<M> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<M: Model> Seats<M> {
    /// Takes a seat.
    pub(super) fn sit(&self, turn: Turn, input: M::Input) -> oneshot::Receiver<Told<M>> {
        let (caller, told) = oneshot::channel();
        let (id, came) = (turn.id(), Instant::now());
        self.lock().insert(id, Seat { input, turn, came, caller });
        told
    }

    /// Gives a seat up; false if the model has begun with it, or has ended.
    pub(super) fn leave(&self, job: JobId) -> bool {
        // Not dropped under the lock: with the seat goes a turn.
        let seat = self.lock().remove(&job);
        seat.is_some()
    }

    /// Runs `model` on those of `jobs` that are still there, and tells their callers.
    pub(super) fn run(&self, model: &M, jobs: &[JobId]) {
        let seats: Vec<_> = {
            let mut all = self.lock();
            jobs.iter().filter_map(|job| all.remove(job)).collect()
        };
        let (mut inputs, mut callers) = (Vec::new(), Vec::new());
        for Seat { input, turn, came, caller } in seats {
            turn.begin();
            inputs.push(input);
            callers.push((turn, came, caller));
        }
        if inputs.is_empty() {
            return;
        }
        let started = Instant::now();
        let outputs = outputs(model, &inputs);
        let (ran, batch) = (started.elapsed(), inputs.len());
        drop(inputs);
        for (number, ((turn, came, caller), output)) in callers.into_iter().zip(outputs).enumerate()
        {
            let queued = turn.waited() + (started - came);
            let batch = (number == 0).then_some(batch);
            let done = output
                .map(|output| Done { output, turn, queued, ran, batch })
                .map_err(EngineError::Failed);
            // The caller may have gone away meanwhile.
            let _ = caller.send(done);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Seat<M>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the model makes of each of the inputs. When it fails on several, each of them is tried alone, so that one that
/// it cannot bear harms nobody else.
fn outputs<M: Model>(model: &M, inputs: &[M::Input]) -> Vec<Result<M::Output, String>> {
    match attempt(model, inputs) {
        Ok(outputs) => outputs.into_iter().map(Ok).collect(),
        Err(error) if inputs.len() == 1 => vec![Err(error)],
        Err(error) => {
            tracing::warn!(images = inputs.len(), error, "a batch failed: each is tried alone");
            inputs.chunks(1).flat_map(|input| outputs(model, input)).collect()
        }
    }
}

fn attempt<M: Model>(model: &M, inputs: &[M::Input]) -> Result<Vec<M::Output>, String> {
    // A model holds only weights: a panic half-way leaves nothing behind for the next job.
    match catch_unwind(AssertUnwindSafe(|| model.run(inputs))) {
        Ok(Ok(outputs)) if outputs.len() == inputs.len() => Ok(outputs),
        Ok(Ok(_)) => Err("it gave another number of outputs".to_owned()),
        // With RUST_BACKTRACE set, candle's errors go on for pages.
        Ok(Err(error)) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Err(_) => Err("it panicked".to_owned()),
    }
}
