//! The one thread that owns a device: its models take turns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::queue::Batch;
use super::seats::Seats;
use super::waiting::{Next, Slot, Turn, Waiting};
use super::{Asked, Done, EngineError, EngineLimits, JobId, ModelId};
use crate::models::Model;

/// How long there is nothing to do before models give memory back.
const REST_AFTER: Duration = Duration::from_secs(10);

/// A device whose thread has not begun. All models on it share its queue.
pub struct Device {
    handle: Arc<Handle>,
    models: Vec<Box<dyn Work>>,
}

/// One model on a device. The thread ends when the last engine of its device is dropped.
pub struct Engine<M: Model + 'static> {
    handle: Arc<Handle>,
    model: ModelId,
    seats: Arc<Seats<M>>,
}

struct Handle(Arc<Waiting>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A model and the seats of those who wait for it, of whatever type.
trait Work: Send {
    fn run(&self, jobs: &[JobId]);
    fn rest(&self);
}

struct Bench<M: Model> {
    model: M,
    seats: Arc<Seats<M>>,
}

impl Device {
    /// A device within `limits`, without models.
    pub fn new(limits: EngineLimits) -> Self {
        Self { handle: Arc::new(Handle(Arc::new(Waiting::new(limits)))), models: Vec::new() }
    }

    /// Adds a model.
    pub fn add<M: Model + 'static>(&mut self, model: M) -> Arc<Engine<M>> {
        let (id, seats) = (ModelId(self.models.len()), Arc::<Seats<M>>::default());
        self.models.push(Box::new(Bench { model, seats: Arc::clone(&seats) }));
        Arc::new(Engine { handle: Arc::clone(&self.handle), model: id, seats })
    }

    /// Jobs that wait, decode or run on the device, and the pixels of their images: read whenever it is asked.
    pub fn load(&self) -> impl Fn() -> (usize, u64) + Send + Sync + 'static {
        let waiting = Arc::clone(&self.handle.0);
        move || (waiting.jobs(), waiting.pixels())
    }

    /// Starts the device's thread.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn start(self) -> std::io::Result<()> {
        let Self { handle, models } = self;
        let waiting = Arc::clone(&handle.0);
        let thread = std::thread::Builder::new().name("device".to_owned());
        thread.spawn(move || work(&models, &waiting)).map(drop)
    }
}

impl<M: Model + 'static> Engine<M> {
    /// Admits one job, at once or not at all.
    pub fn admit(&self, asked: Asked) -> Result<Slot, EngineError> {
        self.handle.0.admit(self.model, asked).ok_or(EngineError::Overloaded)
    }

    /// Runs one job whose turn has come. If the caller goes away before it starts, it never starts.
    pub async fn run(&self, turn: Turn, input: M::Input) -> Result<Done<M::Output>, EngineError> {
        let (job, give_up) = (turn.id(), turn.give_up());
        let mut told = self.seats.sit(turn, input);
        let caller = Caller { seats: &self.seats, job };
        self.handle.0.ready(job);
        tokio::select! {
            told = &mut told => return told.unwrap_or(Err(EngineError::Stopped)),
            () = tokio::time::sleep_until(give_up.into()) => {}
        }
        if caller.seats.leave(job) {
            return Err(EngineError::WaitedTooLong);
        }
        // It started in time: its answer is worth waiting for.
        told.await.unwrap_or(Err(EngineError::Stopped))
    }
}

/// Gives the seat up when the caller is dropped.
struct Caller<'a, M: Model> {
    seats: &'a Seats<M>,
    job: JobId,
}

impl<M: Model> Drop for Caller<'_, M> {
    fn drop(&mut self) {
        self.seats.leave(self.job);
    }
}

impl<M: Model> Work for Bench<M> {
    fn run(&self, jobs: &[JobId]) {
        self.seats.run(&self.model, jobs);
    }

    fn rest(&self) {
        self.model.rest();
    }
}

fn work(models: &[Box<dyn Work>], waiting: &Waiting) {
    // They share the memory that is used again, so they rest together.
    let mut awake = false;
    loop {
        match waiting.next(REST_AFTER) {
            Next::End => return,
            Next::Run(Batch { model: ModelId(number), jobs }) => {
                if let Some(model) = models.get(number) {
                    model.run(&jobs);
                }
                awake = true;
            }
            Next::Rest if awake => {
                for model in models {
                    // Whatever it does, the thread goes on.
                    let _ = catch_unwind(AssertUnwindSafe(|| model.rest()));
                }
                awake = false;
            }
            Next::Rest => {}
        }
    }
}

#[cfg(test)]
mod tests;
