//! The one thread that owns a device and its model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::admission::{TURNS, Turn};
use super::{Done, EngineError};
use crate::models::Model;

/// How long a model has nothing to do before it gives memory back.
const REST_AFTER: Duration = Duration::from_secs(10);

/// A job has not started, and its caller still waits.
const WAITING: u8 = 0;
/// The device works on it; it will be finished.
const RUNNING: u8 = 1;
/// The caller is gone or gave up; it must not start.
const ABANDONED: u8 = 2;

/// The state of a job, which worker and caller agree on in one step.
#[derive(Clone)]
struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Takes a waiting job to `state`; false if the other side was first.
    fn claim(&self, state: u8) -> bool {
        self.0.compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Abandons the job when its caller is dropped.
struct Caller(Ticket);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.claim(ABANDONED);
    }
}

struct Job<M: Model> {
    input: M::Input,
    /// Held for as long as the input is: a caller who leaves does not free it before the image.
    turn: Turn,
    ticket: Ticket,
    submitted: Instant,
    reply: oneshot::Sender<Result<Done<M::Output>, EngineError>>,
}

/// A handle to the thread. When it is dropped the thread ends after its current job.
pub(super) struct Worker<M: Model> {
    jobs: SyncSender<Job<M>>,
}

impl<M: Model + 'static> Worker<M> {
    /// Starts the thread.
    pub(super) fn start(model: M) -> std::io::Result<Self> {
        // Each job holds a turn, so there are never more.
        let (jobs, waiting) = sync_channel(TURNS);
        std::thread::Builder::new()
            .name("device".to_owned())
            .spawn(move || work(&model, &waiting))?;
        Ok(Self { jobs })
    }

    /// Runs `input`, unless it cannot start before its turn's patience ends.
    pub(super) async fn run(
        &self,
        turn: Turn,
        input: M::Input,
    ) -> Result<Done<M::Output>, EngineError> {
        let (reply, mut result) = oneshot::channel();
        let ticket = Ticket(Arc::new(AtomicU8::new(WAITING)));
        let give_up = turn.give_up();
        let job = Job { input, turn, ticket: ticket.clone(), submitted: Instant::now(), reply };
        self.jobs.try_send(job).map_err(|_| EngineError::Overloaded)?;
        let caller = Caller(ticket);
        tokio::select! {
            result = &mut result => return result.unwrap_or(Err(EngineError::Stopped)),
            () = tokio::time::sleep_until(give_up.into()) => {}
        }
        if caller.0.claim(ABANDONED) {
            return Err(EngineError::WaitedTooLong);
        }
        // It started in time: its answer is worth waiting for.
        result.await.unwrap_or(Err(EngineError::Stopped))
    }
}

fn work<M: Model>(model: &M, waiting: &Receiver<Job<M>>) {
    while let Some(Job { input, turn, ticket, submitted, reply }) = next(model, waiting) {
        if !ticket.claim(RUNNING) {
            continue;
        }
        let started = Instant::now();
        let output = run_one(model, input);
        let (queued, ran) = (started - submitted, started.elapsed());
        let done = output
            .map(|output| Done { output, turn, queued, ran, batch: 1 })
            .map_err(EngineError::Failed);
        // The caller may have gone away meanwhile.
        let _ = reply.send(done);
    }
}

/// The next job; a model that has waited for one for a while rests. `None` when there will be no more.
fn next<M: Model>(model: &M, waiting: &Receiver<Job<M>>) -> Option<Job<M>> {
    match waiting.recv_timeout(REST_AFTER) {
        Ok(job) => Some(job),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            model.rest();
            waiting.recv().ok()
        }
    }
}

fn run_one<M: Model>(model: &M, input: M::Input) -> Result<M::Output, String> {
    let batch = [input];
    // A model holds only weights: a panic half-way leaves nothing behind for the next job.
    match catch_unwind(AssertUnwindSafe(|| model.run(&batch))) {
        Ok(Ok(mut outputs)) => outputs.pop().ok_or_else(|| "it gave no output".to_owned()),
        // With RUST_BACKTRACE set, candle's errors go on for pages.
        Ok(Err(error)) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Err(_) => Err("it panicked".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::engine::{Engine, EngineLimits};
    use crate::models::ModelError;

    /// Does what its input says, and remembers which inputs it saw.
    struct Scripted(Arc<Mutex<Vec<u32>>>);

    impl Model for Scripted {
        type Input = u32;
        type Output = u32;

        fn run(&self, batch: &[u32]) -> Result<Vec<u32>, ModelError> {
            self.0.lock().unwrap().extend(batch);
            for &millis in batch {
                match millis {
                    666 => panic!("scripted"),
                    13 => return Err(candle_core::Error::msg("scripted").into()),
                    _ => std::thread::sleep(Duration::from_millis(millis.into())),
                }
            }
            Ok(batch.to_vec())
        }
    }

    fn engine(waiting: usize, patience: u64) -> (Arc<Engine<Scripted>>, Arc<Mutex<Vec<u32>>>) {
        let seen = Arc::default();
        let limits = EngineLimits { waiting, patience: Duration::from_millis(patience) };
        (Engine::start(Scripted(Arc::clone(&seen)), limits).unwrap(), seen)
    }

    async fn run(engine: &Engine<Scripted>, input: u32) -> Result<u32, EngineError> {
        let turn = engine.admit()?.turn().await.ok_or(EngineError::WaitedTooLong)?;
        engine.run(turn, input).await.map(|done| done.output)
    }

    #[tokio::test]
    async fn a_panic_or_failure_harms_only_its_own_job() {
        let (engine, _) = engine(4, 5_000);
        assert_eq!(run(&engine, 666).await, Err(EngineError::Failed("it panicked".into())));
        assert_eq!(
            run(&engine, 13).await,
            Err(EngineError::Failed("the network failed: scripted".into()))
        );
        assert_eq!(run(&engine, 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_job_whose_patience_ends_or_whose_caller_leaves_never_starts() {
        let (engine, seen) = engine(4, 100);
        let busy = tokio::spawn({
            let engine = Arc::clone(&engine);
            async move { run(&engine, 400).await }
        });
        while seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let left = tokio::time::timeout(Duration::from_millis(20), run(&engine, 7)).await;
        assert!(left.is_err());
        assert_eq!(run(&engine, 8).await, Err(EngineError::WaitedTooLong));
        assert_eq!(busy.await.unwrap(), Ok(400), "what runs is finished");
        assert_eq!(run(&engine, 9).await, Ok(9));
        assert_eq!(*seen.lock().unwrap(), [400, 9]);
        assert_eq!(engine.admitted(), 0);
    }

    #[tokio::test]
    async fn a_turn_is_held_until_the_image_is_gone_also_when_the_caller_leaves() {
        let (engine, seen) = engine(0, 5_000);
        let caller = tokio::spawn({
            let engine = Arc::clone(&engine);
            async move { run(&engine, 1000).await }
        });
        while seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(engine.admitted(), 1, "the model still works on the image");
        while engine.admitted() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
