//! The two loops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::arrivals::Arrivals;
use super::client::Client;
use super::message::Message;
use super::tally::{End, Event, Outcome, Tally};
use super::verify::Verifier;

/// How many outcomes may wait to be counted.
const WAITING: usize = 1024;

/// What all requests of a run share.
pub(super) struct Run {
    pub(super) messages: Vec<Message>,
    pub(super) timeout: Duration,
    pub(super) verifier: Option<Verifier>,
}

/// Sends each request when it is due, by a client that is free; returns what became of them, and how long it took
/// until the last one had its answer.
pub(super) async fn open(
    run: &Arc<Run>,
    arrivals: Arrivals,
    duration: Duration,
    clients: Vec<Client>,
    shown: bool,
) -> (Tally, Duration) {
    let (events, counted) = mpsc::channel(WAITING);
    let (give_back, mut idle) = mpsc::channel(clients.len());
    for client in clients {
        // There is room for all of them.
        let _ = give_back.try_send(client);
    }
    let start = Instant::now();
    let sending = async move {
        for (number, due) in arrivals.take_while(|due| *due < duration).enumerate() {
            sleep_until(start + due).await;
            let Ok(mut client) = idle.try_recv() else {
                let _ = events.send(Event::NotSent).await;
                continue;
            };
            let (run, events, give_back) = (Arc::clone(run), events.clone(), give_back.clone());
            tokio::spawn(async move {
                let outcome = one(&run, &mut client, number, start + due).await;
                let _ = give_back.try_send(client);
                let _ = events.send(Event::Outcome(outcome)).await;
            });
        }
    };
    let (tally, ()) = tokio::join!(Tally::collect(counted, start, shown), sending);
    (tally, start.elapsed())
}

/// Lets each client send its next request once it has its answer.
pub(super) async fn closed(
    run: &Arc<Run>,
    duration: Duration,
    clients: Vec<Client>,
    shown: bool,
) -> (Tally, Duration) {
    let (events, counted) = mpsc::channel(WAITING);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        let (run, events) = (Arc::clone(run), events.clone());
        tasks.spawn(async move {
            let mut number = number;
            while start.elapsed() < duration {
                let outcome = one(&run, &mut client, number, Instant::now()).await;
                // Whoever is not let in would otherwise do nothing but knock.
                let failed = matches!(outcome.end, End::Failed(_));
                let _ = events.send(Event::Outcome(outcome)).await;
                if failed {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                number += 1;
            }
        });
    }
    drop(events);
    let tally = Tally::collect(counted, start, shown).await;
    (tally, start.elapsed())
}

/// Sends one request, and measures from `due`.
async fn one(run: &Arc<Run>, client: &mut Client, number: usize, due: Instant) -> Outcome {
    let turn = number % run.messages.len();
    let message = &run.messages[turn];
    let answer = client.send(message.request(), run.timeout).await;
    let took = due.elapsed();
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return Outcome::failed(took, message.length, failure),
    };
    let mut outcome = Outcome::answered(took, message.length, &answer);
    if run.verifier.is_some() {
        // On another thread: decoding a picture here would hold back what is due meanwhile.
        let run = Arc::clone(run);
        let check =
            move || run.verifier.as_ref().and_then(|verifier| verifier.problem(turn, &answer));
        let checked = tokio::task::spawn_blocking(check).await;
        outcome.wrong =
            checked.unwrap_or_else(|error| Some(format!("it could not be checked: {error}")));
    }
    outcome
}
