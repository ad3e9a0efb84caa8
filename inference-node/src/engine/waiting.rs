//! The queue of a device with those who wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Batch, Entry, Queue, Room};
use super::{Asked, EngineError, EngineLimits, JobId, ModelId};
use crate::holder::Holder;

/// The queue, between those who ask and the thread that works.
pub(super) struct Waiting {
    state: Mutex<State>,
    /// Something is ready, or the end has come.
    work: Condvar,
    patience: Duration,
}

struct State {
    queue: Queue<Holder>,
    /// Who is told of their turn; for each job without one.
    callers: HashMap<JobId, oneshot::Sender<()>>,
    stopped: bool,
}

/// What there is for the thread to do.
pub(super) enum Next {
    Run(Batch),
    /// Nothing, for a while.
    Rest,
    /// Nothing, for ever.
    End,
}

/// The right of one job to wait; dropping it gives the right back.
pub struct Slot {
    job: Job,
    turn: oneshot::Receiver<()>,
    give_up: Instant,
}

/// The right of one job to hold an image and run; dropping it gives the right back.
pub struct Turn {
    job: Job,
    give_up: Instant,
    waited: Duration,
}

/// Whether a model began to work on a job.
#[derive(Clone, Default)]
pub struct Began(Arc<AtomicBool>);

/// A job in the queue; dropping it takes it out.
struct Job {
    waiting: Arc<Waiting>,
    id: JobId,
    began: Began,
}

impl Waiting {
    pub(super) fn new(limits: EngineLimits) -> Self {
        let EngineLimits { waiting, patience, batch, pixels } = limits;
        let state = State {
            queue: Queue::new(Room { waiting, batch: batch.max(1), pixels }),
            callers: HashMap::new(),
            stopped: false,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), patience }
    }

    /// A slot, if one is free now.
    pub(super) fn admit(self: &Arc<Self>, model: ModelId, asked: Asked) -> Option<Slot> {
        let Asked { priority, holder, pixels } = asked;
        let (now, mut state) = (Instant::now(), self.lock());
        let give_up = now + self.patience;
        let entry = Entry { model, priority, holder, pixels, deadline: give_up };
        let id = state.queue.push(entry)?;
        let (caller, turn) = oneshot::channel();
        state.callers.insert(id, caller);
        state.give_turns(now);
        let job = Job { waiting: Arc::clone(self), id, began: Began::default() };
        Some(Slot { job, turn, give_up })
    }

    /// Jobs that wait, decode or run.
    pub(super) fn jobs(&self) -> usize {
        self.lock().queue.len()
    }

    /// The pixels of the images that are decoded.
    pub(super) fn pixels(&self) -> u64 {
        self.lock().queue.pixels()
    }

    /// The input of a job is there.
    pub(super) fn ready(&self, job: JobId) {
        self.lock().queue.ready(job);
        self.work.notify_one();
    }

    /// Waits for what to do next, but not longer than `patience`.
    pub(super) fn next(&self, patience: Duration) -> Next {
        let (end, mut state) = (Instant::now() + patience, self.lock());
        loop {
            let now = Instant::now();
            if state.stopped {
                return Next::End;
            }
            if let Some(batch) = state.queue.next_batch(now) {
                return Next::Run(batch);
            }
            if now >= end {
                return Next::Rest;
            }
            let waited = self.work.wait_timeout(state, end - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody will ask any more.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.work.notify_one();
    }

    fn leave(&self, job: JobId) {
        let mut state = self.lock();
        state.callers.remove(&job);
        state.queue.leave(job);
        state.give_turns(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn give_turns(&mut self, now: Instant) {
        let turns = self.queue.turns(now);
        for job in turns.given {
            // Who is not there any more will drop the job in a moment.
            let _ = self.callers.remove(&job).map(|caller| caller.send(()));
        }
        for job in turns.expired {
            // Without a sender, the caller knows.
            self.callers.remove(&job);
        }
    }
}

impl Slot {
    /// Waits for the job's turn; an error if its patience ends before.
    pub async fn turn(self) -> Result<Turn, EngineError> {
        let Self { job, turn, give_up } = self;
        let began = Instant::now();
        match tokio::time::timeout_at(give_up.into(), turn).await {
            Ok(Ok(())) => Ok(Turn { job, give_up, waited: began.elapsed() }),
            Ok(Err(_)) | Err(_) => Err(EngineError::WaitedTooLong),
        }
    }

    /// Tells later whether a model began to work on the job.
    pub fn began(&self) -> Began {
        self.job.began.clone()
    }
}

impl Turn {
    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// When the job gives up if it has not started.
    pub(super) fn give_up(&self) -> Instant {
        self.give_up
    }

    pub(super) fn id(&self) -> JobId {
        self.job.id
    }

    /// A model works on the job from now on.
    pub(super) fn begin(&self) {
        self.job.began.0.store(true, Ordering::Release);
    }
}

impl Began {
    /// Whether one did.
    pub fn has(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.waiting.leave(self.id);
    }
}
