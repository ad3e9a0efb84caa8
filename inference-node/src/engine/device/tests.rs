use std::sync::Mutex;

use filter::KeyId;
use filter::policy::Priority;

use super::*;
use crate::holder::Holder;
use crate::models::ModelError;

/// The batches that the models of a test saw, in their order.
type Seen = Arc<Mutex<Vec<Vec<u32>>>>;

/// Does what its input says, and writes down what it saw.
struct Scripted(Seen);

const PANIC: u32 = 666;
const FAILURE: u32 = 13;

impl Model for Scripted {
    type Input = u32;
    type Output = u32;

    fn run(&self, batch: &[u32]) -> Result<Vec<u32>, ModelError> {
        self.0.lock().unwrap().push(batch.to_vec());
        for &millis in batch {
            match millis {
                PANIC => panic!("scripted"),
                FAILURE => return Err(candle_core::Error::msg("scripted").into()),
                _ => std::thread::sleep(Duration::from_millis(millis.into())),
            }
        }
        Ok(batch.to_vec())
    }
}

/// Several models of one device, and what they saw.
fn engines<const N: usize>(limits: EngineLimits) -> ([Arc<Engine<Scripted>>; N], Seen) {
    let (mut device, seen) = (Device::new(limits), Seen::default());
    let engines = std::array::from_fn(|_| device.add(Scripted(Arc::clone(&seen))));
    device.start().unwrap();
    (engines, seen)
}

fn limits(waiting: usize, patience: u64) -> EngineLimits {
    EngineLimits { waiting, patience: Duration::from_millis(patience), batch: 1, pixels: 100 }
}

fn asked(priority: Priority) -> Asked {
    let holder = Holder::Key(KeyId::parse("0123456789").unwrap());
    Asked { priority, holder, pixels: 1 }
}

async fn run_as(engine: &Engine<Scripted>, asked: Asked, input: u32) -> Result<u32, EngineError> {
    let turn = engine.admit(asked)?.turn().await?;
    engine.run(turn, input).await.map(|done| done.output)
}

async fn run(engine: &Engine<Scripted>, input: u32) -> Result<u32, EngineError> {
    run_as(engine, asked(Priority::Normal), input).await
}

fn spawn(
    engine: &Arc<Engine<Scripted>>,
    input: u32,
) -> tokio::task::JoinHandle<Result<u32, EngineError>> {
    let engine = Arc::clone(engine);
    tokio::spawn(async move { run(&engine, input).await })
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn admitted(engine: &Engine<Scripted>) -> usize {
    engine.handle.0.jobs()
}

#[tokio::test]
async fn a_panic_or_failure_harms_only_its_own_job() {
    let ([engine], _) = engines(limits(4, 5_000));
    assert_eq!(run(&engine, PANIC).await, Err(EngineError::Failed("it panicked".into())));
    assert_eq!(
        run(&engine, FAILURE).await,
        Err(EngineError::Failed("the network failed: scripted".into()))
    );
    assert_eq!(run(&engine, 1).await, Ok(1));
}

#[tokio::test]
async fn a_poisoned_member_of_a_batch_harms_only_itself() {
    let ([engine], seen) = engines(EngineLimits { batch: 4, ..limits(8, 5_000) });
    let busy = spawn(&engine, 200);
    until(|| !seen.lock().unwrap().is_empty()).await;
    let jobs = [1, PANIC, 2, 3].map(|input| (input, spawn(&engine, input)));
    assert_eq!(busy.await.unwrap(), Ok(200));
    for (input, job) in jobs {
        let expected =
            if input == PANIC { Err(EngineError::Failed("it panicked".into())) } else { Ok(input) };
        assert_eq!(job.await.unwrap(), expected);
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[1..], [vec![1, PANIC, 2, 3], vec![1], vec![PANIC], vec![2], vec![3]]);
    assert_eq!(admitted(&engine), 0);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once_and_what_waits_too_long_is_given_up() {
    let ([engine], _) = engines(limits(1, 50));
    let admit = || engine.admit(asked(Priority::Normal));
    let first = admit().unwrap().turn().await.unwrap();
    let _second = admit().unwrap().turn().await.unwrap();
    let third = admit().unwrap();
    assert_eq!(admit().err(), Some(EngineError::Overloaded));
    assert_eq!(admitted(&engine), 3);
    assert_eq!(third.turn().await.err(), Some(EngineError::WaitedTooLong));
    assert_eq!(admitted(&engine), 2);
    let waits = tokio::spawn(admit().unwrap().turn());
    drop(first);
    assert!(waits.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_job_whose_patience_ends_or_whose_caller_leaves_never_starts() {
    let ([engine], seen) = engines(limits(4, 100));
    let busy = spawn(&engine, 400);
    until(|| !seen.lock().unwrap().is_empty()).await;
    let slot = engine.admit(asked(Priority::Normal)).unwrap();
    let began = slot.began();
    let leaves = async { engine.run(slot.turn().await.unwrap(), 7).await.map(drop) };
    assert!(tokio::time::timeout(Duration::from_millis(20), leaves).await.is_err());
    assert!(!began.has());
    assert_eq!(run(&engine, 8).await, Err(EngineError::WaitedTooLong));
    assert_eq!(busy.await.unwrap(), Ok(400), "what runs is finished");
    assert_eq!(run(&engine, 9).await, Ok(9));
    assert_eq!(*seen.lock().unwrap(), [[400], [9]]);
    assert_eq!(admitted(&engine), 0);
}

#[tokio::test]
async fn a_turn_is_held_until_the_image_is_gone_also_when_the_caller_leaves() {
    let ([engine], seen) = engines(limits(0, 5_000));
    let caller = spawn(&engine, 1000);
    until(|| !seen.lock().unwrap().is_empty()).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(admitted(&engine), 1, "the model still works on the image");
    until(|| admitted(&engine) == 0).await;
}

#[tokio::test]
async fn what_is_more_important_runs_after_what_is_decoded_already() {
    let ([engine], seen) = engines(limits(16, 10_000));
    let busy = spawn(&engine, 200);
    until(|| !seen.lock().unwrap().is_empty()).await;
    let flood: Vec<_> = (1..8).map(|input| spawn(&engine, input)).collect();
    until(|| admitted(&engine) == 8).await;
    assert_eq!(run_as(&engine, asked(Priority::High), 50).await, Ok(50));
    assert_eq!(seen.lock().unwrap()[..3], [[200], [1], [50]]);
    for job in flood.into_iter().chain([busy]) {
        assert!(job.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn models_of_one_device_run_one_after_the_other_and_one_queue_bounds_them() {
    /// Fails when another model runs at the same time.
    struct Alone(Arc<Mutex<()>>);

    impl Model for Alone {
        type Input = ();
        type Output = bool;

        fn run(&self, batch: &[()]) -> Result<Vec<bool>, ModelError> {
            let alone = self.0.try_lock().is_ok_and(|_alone| {
                std::thread::sleep(Duration::from_millis(20));
                true
            });
            Ok(vec![alone; batch.len()])
        }
    }

    let (mut device, lock) = (Device::new(limits(2, 5_000)), Arc::default());
    let engines = [0, 1].map(|_| device.add(Alone(Arc::clone(&lock))));
    let load = device.load();
    device.start().unwrap();
    let slots: Vec<_> = [0, 1, 0, 1]
        .map(|which| (which, engines[which].admit(asked(Priority::Normal)).unwrap()))
        .into();
    for engine in &engines {
        assert_eq!(engine.admit(asked(Priority::High)).err(), Some(EngineError::Overloaded));
    }
    assert_eq!(load(), (4, 2));
    let jobs = slots.into_iter().map(|(which, slot)| {
        let engine = Arc::clone(&engines[which]);
        tokio::spawn(async move {
            engine.run(slot.turn().await.unwrap(), ()).await.map(|done| done.output)
        })
    });
    for job in jobs.collect::<Vec<_>>() {
        assert_eq!(job.await.unwrap(), Ok(true));
    }
    assert_eq!(load(), (0, 0));
}

#[tokio::test]
async fn the_thread_ends_with_the_last_engine() {
    struct Told(std::sync::mpsc::Sender<()>);

    impl Model for Told {
        type Input = ();
        type Output = ();

        fn run(&self, batch: &[()]) -> Result<Vec<()>, ModelError> {
            Ok(batch.to_vec())
        }
    }

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    let (sender, dropped) = std::sync::mpsc::channel();
    let mut device = Device::new(limits(1, 100));
    let first = device.add(Told(sender.clone()));
    let second = device.add(Told(sender));
    device.start().unwrap();
    drop(first);
    assert!(dropped.recv_timeout(Duration::from_millis(100)).is_err());
    drop(second);
    for _ in 0..2 {
        dropped.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
