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

    /// Waits for what it tells of these requests only after their answers, and notes that.
    fn learn(&mut self, _sent: &mut [Sent]) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// Lets time pass: `seconds` on both clocks, and `wall` more on the wall clock.
    fn pass(&mut self, seconds: u64, wall: i64) {
        unreachable!("this host's clock is real: {seconds} s, {wall} s");
    }

    /// Forgets everything, as after a restart.
    fn restart(&mut self) {
        unreachable!("this host is not restarted");
    }

    /// From now on its store cannot answer, or can again.
    fn fail_store(&mut self, fails: bool) {
        unreachable!("this host's store is real: {fails}");
    }
}

/// What the upstream tells the gate where the vector does not say: a word that means nothing to it.
const NO_VERDICT: &str = "internal";

/// Runs all steps of a vector, and compares what came of each; `what` says how, for messages.
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
    let sent = perform(vector, host, client, what).await;
    sent.iter().try_for_each(|sent| sent.check(vector))
}

/// A request of a vector that was sent, and what came of it.
#[derive(Debug)]
pub struct Sent {
    /// The request.
    pub request: Request,
    /// What came of it.
    pub outcome: Outcome,
    /// The number of its step, from 0.
    pub step: usize,
    /// Where it stands, for messages.
    pub at: String,
    /// How many seconds had passed since the vector began.
    elapsed: u64,
}

impl Sent {
    /// Whether what came of it is what must.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, vector: &Vector) -> Result<(), String> {
        let expect = &vector.steps[self.step].expect;
        let checked = check(expect, &self.request, &self.outcome, self.elapsed);
        checked.map_err(|error| format!("{}: {error}", self.at))
    }
}

/// Runs all steps of a vector.
///
/// # Panics
/// If a step describes no request.
pub async fn perform(vector: &Vector, host: &mut impl Host, client: &str, what: &str) -> Vec<Sent> {
    let began = host.now();
    let (mut all, mut store_fails): (Vec<Sent>, _) = (Vec::new(), false);
    for (index, step) in vector.steps.iter().enumerate() {
        if step.advance() > 0 || step.wall() != 0 {
            host.pass(step.advance(), step.wall());
        }
        if step.restarts() {
            host.restart();
        }
        if step.store_fails() != store_fails {
            store_fails = step.store_fails();
            host.fail_store(store_fails);
        }
        for time in 1..=step.times() {
            let request = match step.action() {
                Action::Send => step.compose(host.now(), Some(client)).expect("a request"),
                Action::Again(earlier) => {
                    let sent = all.iter().rev().find(|sent| sent.step == earlier);
                    step.sent_again(sent.expect("an earlier step's request").request.clone())
                }
            };
            let step_at = match (vector.steps.len(), step.times()) {
                (1, 1) => String::new(),
                (_, 1) => format!(", step {}", index + 1),
                (_, _) => format!(", step {}, time {time}", index + 1),
            };
            let at = format!("{}: {}{step_at}, {what}", vector.file, vector.name);
            let outcome = host.send(&request, step.upstream().unwrap_or(NO_VERDICT)).await;
            let elapsed = host.now().0.0.saturating_sub(began.0.0).div_ceil(1000);
            let elapsed = if vector.fixed_clock { 0 } else { elapsed };
            all.push(Sent { request, outcome, step: index, at, elapsed });
        }
    }
    all
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
