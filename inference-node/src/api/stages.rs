//! What an answer was worked for, stage by stage: it goes to the log's exit beside the answer.

use std::time::{Duration, Instant};

/// The stages of one request, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages(Vec<Stage>);

/// One stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// Its name, as in `Server-Timing`.
    pub(crate) name: &'static str,
    /// When it began.
    pub(crate) started: Instant,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Stages {
    /// Adds stages that followed each other and have ended now.
    pub(crate) fn ended<const N: usize>(&mut self, stages: [(&'static str, Duration); N]) {
        let all = stages.iter().map(|(_, took)| *took).sum();
        let now = Instant::now();
        let mut started = now.checked_sub(all).unwrap_or(now);
        for (name, took) in stages {
            self.0.push(Stage { name, started, took });
            started += took;
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stage> {
        self.0.iter()
    }
}
