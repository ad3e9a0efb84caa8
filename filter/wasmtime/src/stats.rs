//! What a gate counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::verdict::Abort;

/// A snapshot of a gate's counters since it was loaded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Requests whose head the filter let go to the inner service.
    pub released: u64,
    /// Requests that the filter answered itself, before or after their release.
    pub rejected: u64,
    /// Requests that the gate refused by itself: timeouts, held limit, trailers, broken bodies.
    pub refused: u64,
    /// Requests answered 503 or aborted because the filter failed or did not decide.
    pub unavailable: u64,
    /// Failures of a VM by a trap or an invalid answer.
    pub traps: u64,
    /// Failures of a VM by a call that ran past its deadline.
    pub deadlines: u64,
    /// Failures of a VM whose filter said that it ran out of memory.
    pub out_of_memory: u64,
    /// VMs built anew after a failure.
    pub rebuilds: u64,
    /// Contexts that live in the VMs right now, one for each request under way.
    pub live_contexts: usize,
    /// VMs that can take requests right now.
    pub serving_vms: usize,
}

/// Why a VM failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    Trap,
    Deadline,
    OutOfMemory,
}

/// The live counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    released: AtomicU64,
    rejected: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    traps: AtomicU64,
    deadlines: AtomicU64,
    out_of_memory: AtomicU64,
    rebuilds: AtomicU64,
}

impl Counters {
    pub(crate) fn request(&self) {
        raise(&self.requests);
    }

    pub(crate) fn release(&self) {
        raise(&self.released);
    }

    pub(crate) fn stop(&self, abort: Abort) {
        raise(match abort {
            Abort::Refused => &self.rejected,
            Abort::Unavailable => &self.unavailable,
            Abort::TimedOut
            | Abort::HeldTooLong
            | Abort::Crowded
            | Abort::Trailers
            | Abort::Unreadable => &self.refused,
        });
    }

    pub(crate) fn fail(&self, failure: Failure) {
        raise(match failure {
            Failure::Trap => &self.traps,
            Failure::Deadline => &self.deadlines,
            Failure::OutOfMemory => &self.out_of_memory,
        });
    }

    pub(crate) fn rebuild(&self) {
        raise(&self.rebuilds);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: read(&self.requests),
            released: read(&self.released),
            rejected: read(&self.rejected),
            refused: read(&self.refused),
            unavailable: read(&self.unavailable),
            traps: read(&self.traps),
            deadlines: read(&self.deadlines),
            out_of_memory: read(&self.out_of_memory),
            rebuilds: read(&self.rebuilds),
            live_contexts: 0,
            serving_vms: 0,
        }
    }
}

fn raise(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
