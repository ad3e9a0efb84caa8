//! Runs a vector on a host, step by step.

use std::future::Future;

use crate::outcome::{Outcome, check};
use crate::vectors::{Action, Moment, Request, Vector};

/// Whatever can be sent a request.
pub trait Host {
    /// What time it is there.
    fn now(&self) -> Moment;

    /// Sends a request. If it gets through, the upstream tells the gate `verdict` with its answer.
    fn send(&mut self, request: &Request, verdict: &str) -> impl Future<Output = Outcome>;

    /// Lets time pass: `seconds` on both clocks, and `wall` more on the wall clock.
    fn pass(&mut self, seconds: u64, wall: i64) {
        unreachable!("this host's clock is real: {seconds} s, {wall} s");
    }

    /// Forgets everything, as after a restart.
    fn restart(&mut self) {
        unreachable!("this host is not restarted");
    }
}

/// What the upstream tells the gate where the vector does not say: a word that means nothing to it.
const NO_VERDICT: &str = "internal";

/// Runs all steps of a vector; `what` says how, for messages.
///
/// Unless a step says otherwise, requests come from `client`, which must be new to the host.
///
/// # Errors
/// If anything comes of a request but what must.
pub async fn run(
    vector: &Vector,
    host: &mut impl Host,
    client: &str,
    what: &str,
) -> Result<(), String> {
    let began = host.now();
    let mut sent: Vec<Option<Request>> = Vec::new();
    for (index, step) in vector.steps.iter().enumerate() {
        if step.advance() > 0 || step.wall() != 0 {
            host.pass(step.advance(), step.wall());
        }
        if step.restarts() {
            host.restart();
        }
        let mut last = None;
        for time in 1..=step.times() {
            let request = match step.action() {
                Action::Send => step.compose(host.now(), Some(client)).expect("a request"),
                Action::Again(earlier) => {
                    let request = sent[earlier].clone().expect("an earlier step's request");
                    step.sent_again(request)
                }
            };
            let step_at = match (vector.steps.len(), step.times()) {
                (1, 1) => String::new(),
                (_, 1) => format!(", step {}", index + 1),
                (_, _) => format!(", step {}, time {time}", index + 1),
            };
            let at = format!("{}: {}{step_at}, {what}", vector.file, vector.name);
            let mut outcome = host.send(&request, step.upstream().unwrap_or(NO_VERDICT)).await;
            outcome.by_parser &= vector.parser;
            let elapsed = host.now().0.0.saturating_sub(began.0.0).div_ceil(1000);
            let elapsed = if vector.fixed_clock { 0 } else { elapsed };
            check(&step.expect, &request, &outcome, elapsed)
                .map_err(|error| format!("{at}: {error}"))?;
            last = Some(request);
        }
        sent.push(last);
    }
    Ok(())
}

/// The failures of many runs, all of them at once.
#[derive(Default)]
pub struct Failures(Vec<String>);

impl Failures {
    /// Notes what came of one run.
    pub fn note(&mut self, outcome: Result<(), String>) {
        self.0.extend(outcome.err());
    }

    /// Ends the test.
    ///
    /// # Panics
    /// If a run failed.
    pub fn none(self) {
        assert!(self.0.is_empty(), "{} failed:\n{}", self.0.len(), self.0.join("\n"));
    }
}
