//! What holds whatever is sent: where a body is cut and what it is wrapped in make no difference, a
//! stricter policy never takes more, a signature is taken once, and the same request gets the same
//! answer.

mod bodies;
mod envelopes;
mod once;
mod requests;
mod same;
mod stricter;

use conformance::library::{Library, NOW};
use conformance::outcome::Outcome;
use conformance::run::Host as _;
use conformance::vectors::{Moment, Request, Step};
use serde_json::Value;

/// A request as a vector would describe it, made at the library's time.
fn made(library: &Library, description: &Value) -> Request {
    let mut description = description.clone();
    description["expect"] = "accept".into();
    let step: Step = serde_json::from_value(description).unwrap();
    step.compose(library.now(), Some("203.0.113.99")).unwrap()
}

fn code(outcome: &Outcome) -> String {
    match outcome.answer.status {
        200 => "accepted".to_owned(),
        _ => outcome.answer.problem()["code"].as_str().unwrap().to_owned(),
    }
}

/// The moment when the tests begin is a whole second: offsets in them are exact.
#[test]
fn the_tests_begin_at_a_whole_second() {
    assert_eq!(Moment(NOW).0.0 % 1000, 0);
}
