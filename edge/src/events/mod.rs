//! What is told of each request, after it was answered.
//!
//! Released requests are told, and refusals up to a number in each second; the rest is counted by code,
//! and the counts are told each second, as a message of their own. One request of an isolate at a time
//! sends what waits, in batches; no request waits for its event.

mod tally;

use std::sync::Arc;
use std::time::Duration;

use filter::{Findings, Refused};
use worker::{BatchMessageBuilder, Delay, Env, QueueContentType, RawMessageBuilder};

use crate::gateway::Visit;
use crate::isolate::Isolate;
use crate::{config, log, time};
use tally::Told;

pub(crate) use tally::Tally;

/// How long events are gathered while there are more of them than are told, in milliseconds.
const GATHER: u64 = 1_000;
/// How often one request gathers and sends before another one takes over. The platform lets it work for half
/// a minute after its answer.
const TURNS: u64 = 10;
/// How long the queue is waited for.
const PATIENCE: u64 = 5_000;

/// A request that was sent on to the node.
pub(crate) fn released(isolate: &Arc<Isolate>, visit: &Visit, findings: &Findings) {
    let now = time::now().unix.0;
    let text = || findings.released().to_json();
    let told = told(&visit.env, "released", "released", text);
    isolate.tally().tell(told, now);
    send(isolate, visit, now);
}

/// A request that was answered here.
pub(crate) fn refused(isolate: &Arc<Isolate>, visit: &Visit, refused: &Refused) {
    let now = time::now().unix.0;
    let (code, reason) = (refused.rejection().code(), refused.rejection().reason());
    let allowed = isolate.tally().allows(now);
    if allowed {
        let told = told(&visit.env, code, reason, || refused.event().to_json());
        isolate.tally().tell(told, now);
    } else {
        isolate.tally().count(code, now);
    }
    send(isolate, visit, now);
}

/// The event as a message of the queue; without one, code and reason as a line of the log.
fn told(env: &Env, code: &'static str, reason: &str, event: impl FnOnce() -> String) -> Told {
    let text = if env.queue(config::EVENTS).is_ok() {
        event()
    } else {
        format!("{{\"code\":\"{code}\",\"reason\":\"{reason}\"}}")
    };
    Told { code, text }
}

/// Has this request send what waits, unless another one is at it.
fn send(isolate: &Arc<Isolate>, visit: &Visit, now: u64) {
    if isolate.tally().begin(now) {
        let (isolate, env) = (Arc::clone(isolate), visit.env.clone());
        visit.context.wait_until(async move {
            if let Err(error) = send_all(&isolate, &env).await {
                log::error(format_args!("events were not sent and are counted only: {error}"));
            }
            isolate.tally().end();
        });
    }
}

/// Sends what waits at once, and what was counted meanwhile after each second.
async fn send_all(isolate: &Isolate, env: &Env) -> worker::Result<()> {
    for turn in 0..=TURNS {
        if turn > 0 {
            Delay::from(Duration::from_millis(GATHER)).await;
        }
        loop {
            let now = time::now().unix.0;
            let events = isolate.tally().batch(now);
            let (counted, counts) = if events.is_empty() && turn > 0 {
                isolate.tally().counted(&isolate.gate.gate, now).unzip()
            } else {
                (None, None)
            };
            let texts: Vec<_> =
                events.iter().map(|told| &*told.text).chain(counted.as_deref()).collect();
            if texts.is_empty() {
                break;
            }
            if let Err(error) = deliver(env, &texts).await {
                isolate.tally().lost(&events, counts, now);
                return Err(error);
            }
        }
        if isolate.tally().is_empty() {
            break;
        }
    }
    Ok(())
}

async fn deliver(env: &Env, texts: &[&str]) -> worker::Result<()> {
    let Ok(queue) = env.queue(config::EVENTS) else {
        for text in texts {
            worker::console_log!("{text}");
        }
        return Ok(());
    };
    let message = |text: &&str| {
        RawMessageBuilder::new((*text).into()).build_with_content_type(QueueContentType::Text)
    };
    let batch = BatchMessageBuilder::new().messages(texts.iter().map(message)).build();
    let sent = time::within(PATIENCE, queue.send_raw_batch(batch)).await;
    sent.unwrap_or_else(|| Err(format!("the queue took more than {PATIENCE} ms").into()))
}
