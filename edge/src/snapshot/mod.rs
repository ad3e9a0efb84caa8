//! Policy and keys: signed by the node, pulled by one Durable Object, and copied by each isolate.
//!
//! A copy is good for [`FRESH`] without asking; then the next request has it renewed beside, and one that
//! comes later than [`LATE`] waits for that. So a key that was revoked is refused within five seconds
//! whatever the traffic, and the object is asked every two seconds at most by each isolate.

mod object;

use std::sync::{Arc, MutexGuard, PoisonError};

use filter::rejection::Fault;
use filter::snapshot::{News, Statement};
use filter::{Filter, Keys, UnixMillis};
use worker::{Context, Env};

use crate::isolate::Isolate;
use crate::{config, log, time};

pub use object::SnapshotObject;

/// How old a copy may be, in milliseconds, before it is renewed.
const FRESH: u64 = 2_000;
/// How old it may be before a request waits for that.
const LATE: u64 = 3_500;
/// How long a request waits.
const PATIENCE: u64 = 1_000;
/// The name of the one object, and of the entry in KV.
const NAME: &str = "snapshot";

/// What requests are judged by.
pub(crate) struct Held {
    pub(crate) statement: Statement,
    pub(crate) filter: Filter,
    pub(crate) keys: Arc<Keys>,
}

/// An isolate's copy.
#[derive(Default)]
pub(crate) struct Copy {
    held: Option<Arc<Held>>,
    /// When the object said that it is current.
    checked: u64,
    /// When the object was asked last, and when it failed to answer.
    asked: u64,
    failed: u64,
}

/// What to judge a request by now.
pub(crate) async fn current(
    isolate: &Arc<Isolate>,
    env: &Env,
    context: &Context,
) -> Result<Arc<Held>, Fault> {
    let now = time::now().unix;
    match due(isolate, now) {
        Due::Not => {}
        Due::Soon => {
            let (isolate, env) = (Arc::clone(isolate), env.clone());
            context.wait_until(async move { renew(&isolate, &env).await });
        }
        Due::Now => renew(isolate, env).await,
    }
    let held = copy(isolate).held.clone().ok_or(Fault::NoPolicy)?;
    if now >= held.statement.expires_at { Err(Fault::StalePolicy) } else { Ok(held) }
}

enum Due {
    Not,
    /// Beside the request.
    Soon,
    /// Before the request.
    Now,
}

fn due(isolate: &Isolate, now: UnixMillis) -> Due {
    let mut copy = copy(isolate);
    let since = |then: u64| now.0.saturating_sub(then);
    let usable = copy.held.as_ref().is_some_and(|held| now < held.statement.expires_at);
    // An object that just did not answer is not waited for by everyone.
    let gone = since(copy.failed) < PATIENCE;
    let due = match since(copy.checked) {
        _ if !usable => Due::Now,
        0..FRESH => Due::Not,
        FRESH..LATE if since(copy.asked) >= PATIENCE => Due::Soon,
        FRESH..LATE => Due::Not,
        _ if gone => Due::Not,
        _ => Due::Now,
    };
    if !matches!(due, Due::Not) {
        copy.asked = now.0;
    }
    due
}

/// Brings the copy up to date, as far as that can be done in time.
async fn renew(isolate: &Isolate, env: &Env) {
    let held = copy(isolate).held.clone();
    let known = held.as_ref().map(|held| &held.statement);
    match time::within(PATIENCE, object::ask(env, known)).await {
        Some(Ok(snapshot)) => {
            take(isolate, &snapshot, "the object");
            copy(isolate).checked = time::now().unix.0;
            return;
        }
        Some(Err(error)) => {
            log::error(format_args!("the snapshot's object did not answer: {error}"));
        }
        None => log::error(format_args!("the snapshot's object took more than {PATIENCE} ms")),
    }
    copy(isolate).failed = time::now().unix.0;
    // A copy that is a minute behind is better than none.
    let Ok(kv) = env.kv(config::SNAPSHOT_KV) else { return };
    let usable = held.is_some_and(|held| time::now().unix < held.statement.expires_at);
    if !usable && let Some(Ok(Some(snapshot))) = time::within(PATIENCE, kv.get(NAME).bytes()).await
    {
        take(isolate, &snapshot, "KV");
    }
}

/// Judges a snapshot, and keeps it if it is news.
fn take(isolate: &Isolate, snapshot: &[u8], source: &str) {
    let now = time::now().unix;
    let mut copy = copy(isolate);
    let held = copy.held.as_ref();
    match isolate.trust.judge(snapshot, held.map(|held| &held.statement), now) {
        Ok(News::Nothing) => {}
        Ok(News::Renewed(statement)) => {
            if let Some(held) = held {
                let (filter, keys) = (held.filter.clone(), Arc::clone(&held.keys));
                copy.held = Some(Arc::new(Held { statement, filter, keys }));
            }
        }
        Ok(News::Changed(statement, content)) => {
            let policy = Arc::unwrap_or_clone(Arc::clone(&content.policy));
            let filter = Filter::new(policy, Arc::clone(&isolate.gate), statement.epoch);
            let keys = Arc::new(content.into_keys());
            copy.held = Some(Arc::new(Held { statement, filter, keys }));
        }
        Err(error) => log::error(format_args!("a snapshot of {source} is ignored: {error}")),
    }
}

/// A panic elsewhere leaves no copy half written.
fn copy(isolate: &Isolate) -> MutexGuard<'_, Copy> {
    isolate.copy.lock().unwrap_or_else(PoisonError::into_inner)
}
