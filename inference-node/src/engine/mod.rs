//! Runs jobs on the models of a device: admit at once or refuse, wait a bounded time for a turn, run on the
//! device's thread.
//!
//! | file | what it is |
//! |---|---|
//! | `line.rs` | whose turn is next; pure |
//! | `queue.rs` | the jobs of one device: which may decode, and which run together; pure |
//! | `waiting.rs` | the queue with those who wait for it: slots and turns |
//! | `seats.rs` | the inputs of one model that are ready, and their callers |
//! | `device.rs` | the one thread that owns a device and its models |

mod device;
mod line;
mod queue;
mod seats;
mod waiting;

use std::time::Duration;

use filter::policy::Priority;

pub use device::{Device, Engine};
pub use waiting::{Began, Slot, Turn};

use crate::holder::Holder;

/// How much work may be under way on one device.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Jobs that may wait for their turn.
    pub waiting: usize,
    /// How long a job may wait before it is given up.
    pub patience: Duration,
    /// Images that run together at most; twice as many are decoded at once.
    pub batch: usize,
    /// Pixels of all images that are decoded at once; half of them run together. An image that has more is alone.
    pub pixels: u64,
}

/// What is asked of an engine.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What goes first.
    pub priority: Priority,
    /// Who asks: those of one priority take turns.
    pub holder: Holder,
    /// The pixels of the image.
    pub pixels: u64,
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
    /// How long the job waited: for its turn, and then for the device.
    pub queued: Duration,
    /// How long the model ran.
    pub ran: Duration,
    /// On how many inputs at once, said by the first of them alone.
    pub batch: Option<usize>,
}

/// A job of one device.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct JobId(u64);

/// A model of one device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelId(usize);
