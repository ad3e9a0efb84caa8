use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Of any eight turns in a row, one is that of a priority that waits.
const EIGHT: u64 = 8;

fn line(jobs: &[(Priority, u8)]) -> Line<u8> {
    let mut line = Line::new();
    for (number, (priority, holder)) in jobs.iter().enumerate() {
        line.push(JobId(number as u64), *priority, holder);
    }
    line
}

fn turns(mut line: Line<u8>) -> Vec<u64> {
    std::iter::from_fn(|| line.take()).map(|job| job.0).collect()
}

#[test]
fn the_higher_priority_goes_first_whoever_came_first() {
    let jobs = [(Priority::Low, 1), (Priority::Normal, 1), (Priority::High, 1)];
    assert_eq!(turns(line(&jobs)), [2, 1, 0]);
}

#[test]
fn a_lower_priority_gets_one_of_eight_turns_and_not_many_more() {
    let jobs: Vec<_> =
        [(Priority::Low, 1); 20].into_iter().chain([(Priority::High, 2); 80]).collect();
    let order = turns(line(&jobs));
    for window in order[..70].windows(8) {
        let low = window.iter().filter(|&&job| job < 20).count();
        assert!((1..=2).contains(&low), "{window:?}");
    }
}

#[test]
fn holders_of_one_priority_take_turns_and_keep_their_own_order() {
    let jobs = [1, 1, 1, 1, 2, 2, 3].map(|holder| (Priority::Normal, holder));
    assert_eq!(turns(line(&jobs)), [0, 4, 6, 1, 5, 2, 3]);
}

#[test]
fn a_job_that_was_taken_out_gets_no_turn_and_costs_nobody_theirs() {
    let mut line = line(&[(Priority::Normal, 1), (Priority::Normal, 1), (Priority::Normal, 2)]);
    line.remove(JobId(0), Priority::Normal, &1);
    assert_eq!(turns(line), [1, 2]);
}

#[derive(Clone, Debug)]
enum Event {
    Comes { priority: Priority, holder: u8 },
    Leaves { which: usize },
    Turn,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    // Holder 0 asks as often as all the others together, and mostly for what is important.
    let holder = prop_oneof![Just(0u8), 1..6u8];
    let comes = (priority, holder).prop_map(|(priority, holder)| Event::Comes { priority, holder });
    let urgent = Just(Event::Comes { priority: Priority::High, holder: 0 });
    let leaves = any::<usize>().prop_map(|which| Event::Leaves { which });
    vec(prop_oneof![3 => comes, 4 => urgent, 1 => leaves, 6 => Just(Event::Turn)], 1..400)
}

struct Waits {
    job: JobId,
    priority: Priority,
    holder: u8,
    /// Jobs of its holder and priority that were there before.
    before: u64,
    came: u64,
}

proptest! {
    /// A job with `n` jobs of its holder before it has its turn, whatever else comes, within
    /// `8 * 6 * (n + 1)` turns: one of eight is its priority's, and one of six (so many holders are there) of these
    /// is its holder's.
    #[test]
    fn every_job_has_its_turn_within_a_bound(events in events()) {
        const HOLDERS: u64 = 6;
        let (mut line, mut waiting, mut turns) = (Line::new(), Vec::<Waits>::new(), 0u64);
        let drain = std::iter::repeat_n(Event::Turn, 400);
        for (number, event) in events.into_iter().chain(drain).enumerate() {
            match event {
                Event::Comes { priority, holder } => {
                    let job = JobId(number as u64);
                    line.push(job, priority, &holder);
                    let before = waiting.iter().filter(|w| (w.priority, w.holder) == (priority, holder)).count() as u64;
                    waiting.push(Waits { job, priority, holder, before, came: turns });
                }
                Event::Leaves { which } => {
                    if waiting.is_empty() { continue }
                    let gone = waiting.swap_remove(which % waiting.len());
                    line.remove(gone.job, gone.priority, &gone.holder);
                }
                Event::Turn => {
                    let announced = line.next();
                    let job = line.take();
                    prop_assert_eq!(announced, job);
                    prop_assert_eq!(job.is_none(), waiting.is_empty());
                    let Some(job) = job else { continue };
                    turns += 1;
                    let at = waiting.iter().position(|w| w.job == job);
                    prop_assert!(at.is_some(), "{:?} has a second turn", job);
                    let had = waiting.swap_remove(at.unwrap());
                    let older = waiting.iter().any(|w| (w.priority, w.holder) == (had.priority, had.holder) && w.job.0 < job.0);
                    prop_assert!(!older, "an older job of the same holder still waits");
                }
            }
            for w in &waiting {
                prop_assert!(turns - w.came < EIGHT * HOLDERS * (w.before + 1), "{:?} waits too long", w.job);
            }
        }
        prop_assert!(waiting.is_empty());
    }

    /// Of eight turns in a row, a priority that waits all the while gets at least one.
    #[test]
    fn no_priority_waits_for_more_than_seven_turns(events in events()) {
        let (mut line, mut waiting) = (Line::new(), HashMap::<JobId, (Priority, u8)>::new());
        let mut since = HashMap::<Priority, u64>::new();
        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Comes { priority, holder } => {
                    let job = JobId(number as u64);
                    line.push(job, priority, &holder);
                    waiting.insert(job, (priority, holder));
                }
                Event::Leaves { .. } => {}
                Event::Turn => {
                    let Some(job) = line.take() else { continue };
                    let (had, _) = waiting.remove(&job).unwrap();
                    for priority in Priority::ALL {
                        let waits = waiting.values().any(|(other, _)| *other == priority);
                        let passed = since.entry(priority).or_default();
                        *passed = if waits && priority != had { *passed + 1 } else { 0 };
                        prop_assert!(*passed < EIGHT, "{:?} was passed over {} times", priority, passed);
                    }
                }
            }
        }
    }
}
