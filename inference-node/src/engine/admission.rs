//! How many jobs may be under way, and how many of them may hold a decoded image.
//!
//! A job gets a [`Slot`] at once or is refused; with it, it waits for a [`Turn`]. Only a job whose
//! turn has come may decode, so the pixels in memory are those of a few images, however many wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One image on the device, and one being decoded meanwhile.
pub(super) const TURNS: usize = 2;

/// Counts jobs that wait or run.
pub struct Admission {
    slots: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    capacity: usize,
    patience: Duration,
}

/// The right of one job to wait; dropping it gives the right back.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
    give_up: Instant,
}

/// The right of one job to hold an image and run; dropping it gives the right back.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _slot: Slot,
    give_up: Instant,
}

impl Admission {
    /// Admits `waiting` jobs beside those whose turn it is; each waits at most `patience`.
    pub fn new(waiting: usize, patience: Duration) -> Self {
        let capacity = waiting + TURNS;
        Self {
            slots: Arc::new(Semaphore::new(capacity)),
            turns: Arc::new(Semaphore::new(TURNS)),
            capacity,
            patience,
        }
    }

    /// A slot, if one is free now.
    pub fn admit(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let give_up = Instant::now() + self.patience;
        Some(Slot { _permit: permit, turns: Arc::clone(&self.turns), give_up })
    }

    /// Slots in use.
    pub fn admitted(&self) -> usize {
        self.capacity.saturating_sub(self.slots.available_permits())
    }
}

impl Slot {
    /// Waits for the job's turn, first come, first served; `None` if its patience ends before.
    pub async fn turn(self) -> Option<Turn> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let permit = tokio::time::timeout_at(self.give_up.into(), turn).await.ok()?.ok()?;
        Some(Turn { _permit: permit, give_up: self.give_up, _slot: self })
    }
}

impl Turn {
    /// When the job gives up if it has not started.
    pub(super) fn give_up(&self) -> Instant {
        self.give_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_refused_at_once_and_what_waits_too_long_is_given_up() {
        let admission = Admission::new(1, Duration::from_millis(50));
        let first = admission.admit().unwrap().turn().await.unwrap();
        let _second = admission.admit().unwrap().turn().await.unwrap();
        let third = admission.admit().unwrap();
        assert!(admission.admit().is_none());
        assert_eq!(admission.admitted(), 3);
        assert!(third.turn().await.is_none());
        assert_eq!(admission.admitted(), 2);
        let waits = tokio::spawn(admission.admit().unwrap().turn());
        drop(first);
        assert!(waits.await.unwrap().is_some());
    }
}
