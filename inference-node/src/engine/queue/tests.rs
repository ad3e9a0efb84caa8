use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const ROOM: Room = Room { waiting: 4, batch: 2, pixels: 100 };
const A: ModelId = ModelId(0);
const B: ModelId = ModelId(1);

struct Bench {
    queue: Queue<u8>,
    now: Instant,
}

impl Bench {
    fn new(room: Room) -> Self {
        Self { queue: Queue::new(room), now: Instant::now() }
    }

    fn push(&mut self, model: ModelId, pixels: u64) -> JobId {
        self.push_until(model, pixels, 1_000).unwrap()
    }

    fn push_until(&mut self, model: ModelId, pixels: u64, millis: u64) -> Option<JobId> {
        let deadline = self.now + Duration::from_millis(millis);
        self.queue.push(Entry { model, priority: Priority::Normal, holder: 1, pixels, deadline })
    }

    fn turns(&mut self) -> Vec<JobId> {
        self.queue.turns(self.now).given
    }

    fn all_ready(&mut self) {
        for job in self.turns() {
            self.queue.ready(job);
        }
    }

    fn batch(&mut self) -> Option<(ModelId, Vec<JobId>)> {
        self.queue.next_batch(self.now).map(|batch| (batch.model, batch.jobs))
    }
}

#[test]
fn as_many_wait_as_there_is_room_for() {
    let mut bench = Bench::new(ROOM);
    let jobs: Vec<_> = (0..8).map(|_| bench.push(A, 1)).collect();
    assert_eq!(bench.push_until(A, 1, 1_000), None);
    assert_eq!(bench.turns(), jobs[..4]);
    bench.queue.leave(jobs[6]);
    assert!(bench.push_until(A, 1, 1_000).is_some());
}

#[test]
fn jobs_of_one_model_run_together_in_the_order_of_their_turns() {
    let mut bench = Bench::new(Room { batch: 3, waiting: 9, ..ROOM });
    let jobs: Vec<_> = [A, B, A, A, A, B].map(|model| bench.push(model, 1)).into();
    bench.all_ready();
    assert_eq!(bench.batch(), Some((A, vec![jobs[0], jobs[2], jobs[3]])));
    assert_eq!(bench.batch(), Some((B, vec![jobs[1], jobs[5]])));
    assert_eq!(bench.batch(), Some((A, vec![jobs[4]])));
    assert_eq!(bench.batch(), None, "nothing runs twice");
}

#[test]
fn what_is_not_ready_holds_up_nobody_who_is() {
    let mut bench = Bench::new(ROOM);
    let (slow, fast) = (bench.push(A, 1), bench.push(A, 1));
    assert_eq!(bench.turns(), [slow, fast]);
    bench.queue.ready(fast);
    assert_eq!(bench.batch(), Some((A, vec![fast])));
    bench.queue.ready(slow);
    assert_eq!(bench.batch(), Some((A, vec![slow])));
}

#[test]
fn pixels_bound_who_decodes_and_what_runs_together() {
    let mut bench = Bench::new(ROOM);
    let (large, small, third) = (bench.push(A, 60), bench.push(A, 30), bench.push(A, 11));
    assert_eq!(bench.turns(), [large, small]);
    bench.queue.ready(large);
    bench.queue.ready(small);
    assert_eq!(bench.batch(), Some((A, vec![large])), "it has more than half of the pixels");
    assert_eq!(bench.turns(), [], "it still holds its image");
    bench.queue.leave(large);
    assert_eq!(bench.turns(), [third]);
    assert_eq!(bench.queue.pixels(), 41);
    let huge = bench.push(A, 1_000);
    bench.queue.leave(small);
    assert_eq!(bench.turns(), []);
    bench.queue.leave(third);
    assert_eq!(bench.turns(), [huge], "alone, it has its turn");
}

#[test]
fn what_waited_too_long_neither_decodes_nor_runs() {
    let mut bench = Bench::new(Room { batch: 1, ..ROOM });
    let (first, second) = (bench.push(A, 1), bench.push_until(A, 1, 10).unwrap());
    let third = bench.push_until(A, 1, 20).unwrap();
    let fourth = bench.push(A, 1);
    assert_eq!(bench.turns(), [first, second]);
    bench.queue.ready(second);
    bench.now += Duration::from_millis(20);
    assert_eq!(bench.batch(), None);
    bench.queue.leave(second);
    let turns = bench.queue.turns(bench.now);
    assert_eq!(turns, Turns { given: vec![fourth], expired: vec![third] });
    assert_eq!(bench.queue.len(), 2);
}

#[test]
fn a_job_is_gone_wherever_it_was() {
    let mut bench = Bench::new(Room { batch: 1, ..ROOM });
    let jobs: Vec<_> = (0..4).map(|_| bench.push(A, 7)).collect();
    bench.all_ready();
    assert_eq!(bench.batch(), Some((A, vec![jobs[0]])));
    for job in jobs {
        bench.queue.leave(job);
        bench.queue.leave(job);
    }
    assert_eq!((bench.queue.len(), bench.queue.pixels()), (0, 0));
    assert_eq!((bench.turns(), bench.batch()), (vec![], None));
}

#[derive(Clone, Debug)]
enum Event {
    Comes { model: u8, rank: usize, holder: u8, pixels: u64, millis: u64 },
    Ready(usize),
    Leaves(usize),
    Ends(usize),
    Runs,
    Passes(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let comes = (0..2u8, 0..3usize, 0..4u8, 0..130u64, 1..200u64).prop_map(
        |(model, rank, holder, pixels, millis)| Event::Comes {
            model,
            rank,
            holder,
            pixels,
            millis,
        },
    );
    let event = prop_oneof![
        4 => comes,
        3 => any::<usize>().prop_map(Event::Ready),
        1 => any::<usize>().prop_map(Event::Leaves),
        2 => any::<usize>().prop_map(Event::Ends),
        3 => Just(Event::Runs),
        1 => (0..60u64).prop_map(Event::Passes),
    ];
    vec(event, 1..300)
}

fn pick(from: &[JobId], which: usize) -> Option<JobId> {
    (!from.is_empty()).then(|| from[which % from.len()])
}

proptest! {
    /// Whatever happens: the limits hold, nothing runs twice, late, unready or after it left, and a queue that
    /// everyone has left is empty.
    #[test]
    fn limits_hold_whatever_happens(events in events(), batch in 1..4usize) {
        let room = Room { waiting: 5, batch, pixels: 100 };
        let mut bench = Bench::new(room);
        let mut entries = HashMap::<JobId, (ModelId, u64, Instant)>::new();
        let (mut waiting, mut turns, mut ready, mut running) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::<JobId>::new());
        for event in events {
            match event {
                Event::Comes { model, rank, holder, pixels, millis } => {
                    let (model, deadline) = (ModelId(model.into()), bench.now + Duration::from_millis(millis));
                    let entry = Entry { model, priority: Priority::ALL[rank], holder, pixels, deadline };
                    let full = bench.queue.len() == room.waiting + 2 * batch;
                    let job = bench.queue.push(entry);
                    prop_assert_eq!(job.is_none(), full);
                    if let Some(job) = job {
                        entries.insert(job, (model, pixels, deadline));
                        waiting.push(job);
                    }
                }
                Event::Ready(which) => if let Some(job) = pick(&turns, which) {
                    bench.queue.ready(job);
                    turns.retain(|&other| other != job);
                    ready.push(job);
                },
                Event::Leaves(which) => {
                    let all = [&waiting[..], &turns, &ready].concat();
                    if let Some(job) = pick(&all, which) {
                        bench.queue.leave(job);
                        for list in [&mut waiting, &mut turns, &mut ready] {
                            list.retain(|&other| other != job);
                        }
                    }
                }
                Event::Ends(which) => if let Some(job) = pick(&running, which) {
                    bench.queue.leave(job);
                    running.retain(|&other| other != job);
                },
                Event::Passes(millis) => bench.now += Duration::from_millis(millis),
                Event::Runs => {
                    let in_time = |job: &&JobId| entries[*job].2 > bench.now;
                    let could = ready.iter().filter(in_time).count();
                    let next = bench.queue.next_batch(bench.now);
                    prop_assert_eq!(next.is_none(), could == 0);
                    let Some(next) = next else { continue };
                    prop_assert!((1..=batch).contains(&next.jobs.len()));
                    let pixels: u64 = next.jobs.iter().map(|job| entries[job].1).sum();
                    prop_assert!(pixels <= room.pixels / 2 || next.jobs.len() == 1);
                    for job in next.jobs {
                        prop_assert!(ready.contains(&job), "{:?} runs and was not ready", job);
                        prop_assert!(entries[&job].2 > bench.now, "{:?} runs late", job);
                        prop_assert_eq!(entries[&job].0, next.model);
                        ready.retain(|&other| other != job);
                        running.push(job);
                    }
                }
            }
            let Turns { given, expired } = bench.queue.turns(bench.now);
            for job in given {
                prop_assert!(entries[&job].2 > bench.now);
                waiting.retain(|&other| other != job);
                turns.push(job);
            }
            for job in expired {
                prop_assert!(entries[&job].2 <= bench.now);
                waiting.retain(|&other| other != job);
            }
            let held = [&turns[..], &ready, &running].concat();
            let pixels: u64 = held.iter().map(|job| entries[job].1).sum();
            prop_assert_eq!(bench.queue.pixels(), pixels);
            prop_assert!(held.len() <= 2 * batch);
            prop_assert!(pixels <= room.pixels || held.len() == 1);
            prop_assert_eq!(bench.queue.len(), held.len() + waiting.len());
            let late = waiting.iter().all(|job| entries[job].2 <= bench.now);
            prop_assert!(!held.is_empty() || late, "a job waits and nobody works");
        }
        for job in [&waiting[..], &turns, &ready, &running].concat() {
            bench.queue.leave(job);
        }
        prop_assert_eq!((bench.queue.len(), bench.queue.pixels()), (0, 0));
        prop_assert_eq!(bench.queue.next_batch(bench.now), None);
    }
}
