//! Whose turn is next: by priority without starvation, and fair among the holders of one priority.
//!
//! The highest priority that has a job waiting is next, unless another one waits that was passed over
//! [`PASSED_MAX`] times since its own last turn: then the one that was passed over most often is. So of any
//! eight turns in a row, a priority that waits all the while gets at least one. Within a priority its holders
//! take turns, one job each; jobs of one holder go first come, first served.
//!
//! Nothing here knows a clock or a thread.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use filter::policy::Priority;

use super::JobId;

/// How often a priority may be passed over before it is its turn. While one catches up another one may have to
/// wait once more, so that the eighth of any eight turns is its own at the latest.
const PASSED_MAX: u32 = 6;

/// Jobs that wait for their turn.
pub(super) struct Line<H> {
    /// In the order of [`Priority::ALL`].
    ranks: [Rank<H>; Priority::ALL.len()],
}

/// The jobs of one priority. No holder is in it without a job.
struct Rank<H> {
    /// Whose turn it is among the holders, the next one first.
    holders: VecDeque<H>,
    jobs: HashMap<H, VecDeque<JobId>>,
    /// Turns that went to others while a job waited here, since the last turn that did not.
    passed: u32,
}

impl<H: Clone + Eq + Hash> Line<H> {
    pub(super) fn new() -> Self {
        Self { ranks: Priority::ALL.map(|_| Rank::new()) }
    }

    /// Puts a job at the end of its holder's.
    pub(super) fn push(&mut self, job: JobId, priority: Priority, holder: &H) {
        let rank = self.rank(priority);
        let jobs = rank.jobs.entry(holder.clone()).or_default();
        if jobs.is_empty() {
            rank.holders.push_back(holder.clone());
        }
        jobs.push_back(job);
    }

    /// The job whose turn is next.
    pub(super) fn next(&self) -> Option<JobId> {
        self.next_rank()?.first()
    }

    /// Gives that job its turn: it waits no longer, and its priority and holder have had theirs.
    pub(super) fn take(&mut self) -> Option<JobId> {
        let (job, holder) = {
            let rank = self.next_rank()?;
            (rank.first()?, rank.holders.front()?.clone())
        };
        for rank in &mut self.ranks {
            if rank.first() == Some(job) {
                rank.passed = 0;
                rank.remove(&holder, job);
                // Its next job waits behind the other holders.
                rank.holders.rotate_left(usize::from(rank.holders.front() == Some(&holder)));
            } else if !rank.holders.is_empty() {
                rank.passed += 1;
            }
        }
        Some(job)
    }

    /// Takes a job out that will not have a turn.
    pub(super) fn remove(&mut self, job: JobId, priority: Priority, holder: &H) {
        self.rank(priority).remove(holder, job);
    }

    fn next_rank(&self) -> Option<&Rank<H>> {
        let waiting = || self.ranks.iter().filter(|rank| !rank.holders.is_empty());
        let starving = waiting().filter(|rank| rank.passed >= PASSED_MAX);
        starving.max_by_key(|rank| rank.passed).or_else(|| waiting().next_back())
    }

    fn rank(&mut self, priority: Priority) -> &mut Rank<H> {
        let [low, normal, high] = &mut self.ranks;
        match priority {
            Priority::Low => low,
            Priority::Normal => normal,
            Priority::High => high,
        }
    }
}

impl<H: Clone + Eq + Hash> Rank<H> {
    fn new() -> Self {
        Self { holders: VecDeque::new(), jobs: HashMap::new(), passed: 0 }
    }

    fn first(&self) -> Option<JobId> {
        self.jobs.get(self.holders.front()?)?.front().copied()
    }

    fn remove(&mut self, holder: &H, job: JobId) {
        let Some(jobs) = self.jobs.get_mut(holder) else { return };
        jobs.retain(|&other| other != job);
        if jobs.is_empty() {
            self.jobs.remove(holder);
            self.holders.retain(|other| other != holder);
        }
        if self.holders.is_empty() {
            self.passed = 0;
        }
    }
}

#[cfg(test)]
mod tests;
