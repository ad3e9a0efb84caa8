//! The jobs of one device, from admission to the end: which may decode, and which run together.
//!
//! ```text
//! push ──▶ waiting ── turns ──▶ has its turn ── ready ──▶ ready ── next_batch ──▶ running
//!             │                      │                      │                       │
//!             └──────────────────────┴──── leave ───────────┴───────────────────────┘
//! ```
//!
//! A job may wait without an image. With its turn, which it gets in the order of [`Line`], it may hold a decoded
//! one, and only so many have theirs at once, and so many pixels. What is ready runs in the order of the turns;
//! those of one model go together. A job whose time is over has no turn and does not run.
//!
//! Nothing here knows a clock or a thread: the time is told.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use filter::policy::Priority;

use super::line::Line;
use super::{JobId, ModelId};

/// What a device has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Jobs that may wait for their turn.
    pub(super) waiting: usize,
    /// Images that run together at most.
    pub(super) batch: usize,
    /// Pixels of all images that have their turn; half of them in a batch. An image that has more is alone.
    pub(super) pixels: u64,
}

impl Room {
    /// Images that have their turn at once: a batch on the device, and the next one, which is being decoded.
    fn images(self) -> usize {
        2 * self.batch
    }
}

/// What a job is.
#[derive(Clone, Debug)]
pub(super) struct Entry<H> {
    pub(super) model: ModelId,
    pub(super) priority: Priority,
    pub(super) holder: H,
    pub(super) pixels: u64,
    /// When it gives up, if it does not run by then.
    pub(super) deadline: Instant,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Waiting,
    /// It may decode its image.
    Turn,
    /// Its image is there.
    Ready,
    Running,
}

/// Jobs of one model that run together.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Batch {
    pub(super) model: ModelId,
    pub(super) jobs: Vec<JobId>,
}

/// What became of jobs that waited for their turn.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Turns {
    /// They have it.
    pub(super) given: Vec<JobId>,
    /// Their time was over; they are gone.
    pub(super) expired: Vec<JobId>,
}

/// The jobs of one device.
pub(super) struct Queue<H> {
    room: Room,
    line: Line<H>,
    jobs: HashMap<JobId, (Entry<H>, Stage)>,
    /// Those that have their turn, in the order in which they got it.
    turns: Vec<JobId>,
    /// Their pixels.
    pixels: u64,
    last: JobId,
}

impl<H: Clone + Eq + Hash> Queue<H> {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room,
            line: Line::new(),
            jobs: HashMap::new(),
            turns: Vec::new(),
            pixels: 0,
            last: JobId(0),
        }
    }

    /// Takes a job, if there is room for one more.
    pub(super) fn push(&mut self, entry: Entry<H>) -> Option<JobId> {
        if self.jobs.len() >= self.room.waiting + self.room.images() {
            return None;
        }
        self.last.0 += 1;
        let job = self.last;
        self.line.push(job, entry.priority, &entry.holder);
        self.jobs.insert(job, (entry, Stage::Waiting));
        Some(job)
    }

    /// Gives turns as long as there is room. The next job is never overtaken by one that is smaller.
    pub(super) fn turns(&mut self, now: Instant) -> Turns {
        let mut turns = Turns::default();
        while let Some(job) = self.line.next() {
            let Some((entry, stage)) = self.jobs.get_mut(&job) else { break };
            if entry.deadline <= now {
                self.leave(job);
                turns.expired.push(job);
                continue;
            }
            let fits = self.pixels.saturating_add(entry.pixels) <= self.room.pixels;
            if self.turns.len() >= self.room.images() || !(fits || self.turns.is_empty()) {
                break;
            }
            *stage = Stage::Turn;
            self.pixels = self.pixels.saturating_add(entry.pixels);
            self.turns.push(job);
            self.line.take();
            turns.given.push(job);
        }
        turns
    }

    /// The image of a job that has its turn is there.
    pub(super) fn ready(&mut self, job: JobId) {
        if let Some((_, stage @ Stage::Turn)) = self.jobs.get_mut(&job) {
            *stage = Stage::Ready;
        }
    }

    /// What runs next: the job that is ready and had its turn first, and others of its model. They run from now on.
    pub(super) fn next_batch(&mut self, now: Instant) -> Option<Batch> {
        let ready = |job: &&JobId| {
            let job = self.jobs.get(job);
            job.is_some_and(|(entry, stage)| *stage == Stage::Ready && entry.deadline > now)
        };
        let mut ready = self.turns.iter().filter(ready);
        let &first = ready.next()?;
        let model = self.jobs.get(&first)?.0.model;
        let (mut jobs, mut pixels) = (vec![first], self.jobs.get(&first)?.0.pixels);
        for &job in ready {
            let Some((entry, _)) = self.jobs.get(&job) else { continue };
            let sum = pixels.saturating_add(entry.pixels);
            if jobs.len() >= self.room.batch || sum > self.room.pixels / 2 {
                break;
            }
            if entry.model == model {
                jobs.push(job);
                pixels = sum;
            }
        }
        for job in &jobs {
            if let Some((_, stage)) = self.jobs.get_mut(job) {
                *stage = Stage::Running;
            }
        }
        Some(Batch { model, jobs })
    }

    /// A job is over, wherever it was: its image is gone, if it had one.
    pub(super) fn leave(&mut self, job: JobId) {
        let Some((entry, stage)) = self.jobs.remove(&job) else { return };
        if stage == Stage::Waiting {
            self.line.remove(job, entry.priority, &entry.holder);
        } else {
            self.turns.retain(|&other| other != job);
            self.pixels = self.pixels.saturating_sub(entry.pixels);
        }
    }

    /// Jobs that wait, decode or run.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// The pixels of those that have their turn.
    pub(super) fn pixels(&self) -> u64 {
        self.pixels
    }
}

#[cfg(test)]
mod tests;
