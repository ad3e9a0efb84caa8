//! Refusals that wait for the body of their request.
//!
//! A host may have to end a connection of HTTP/1.1 on which it answers before the request is whole: Envoy does, and
//! the client's next request then costs it a new one, with its handshake. A short body is most often on its way
//! already, so that its refusal loses nothing by waiting for it, and for no longer than [`crate::TICK`] twice.

use std::cell::RefCell;
use std::collections::BTreeMap;

use filter::{Headers, Reply};

/// The longest body that is waited for: no more than a host reads at once.
const LENGTH_MAX: usize = 16 * 1024;
/// The most refusals that wait in one VM; what comes when they do is answered at once. Envoy sends the answers of one
/// tick inside each other, so that more of them would be a deep stack. Bodies that are on their way need few places.
const MAX: usize = 64;

/// The refusals of one VM that wait.
#[derive(Default)]
pub(crate) struct Waiting(RefCell<Kept>);

/// Answers, by the context of their stream.
#[derive(Default)]
struct Kept {
    /// Those since the last tick.
    recent: BTreeMap<u32, Reply>,
    /// Those of the tick before.
    older: BTreeMap<u32, Reply>,
}

impl Waiting {
    /// Keeps the answer of a stream. Where there is no room, it is given back.
    pub(crate) fn keep(&self, context: u32, reply: Reply) -> Result<(), Reply> {
        match self.0.try_borrow_mut() {
            Ok(mut kept) if kept.recent.len() + kept.older.len() < MAX => {
                kept.recent.insert(context, reply);
                Ok(())
            }
            _ => Err(reply),
        }
    }

    /// The answer of a stream, if it still waits.
    pub(crate) fn take(&self, context: u32) -> Option<Reply> {
        let mut kept = self.0.try_borrow_mut().ok()?;
        kept.recent.remove(&context).or_else(|| kept.older.remove(&context))
    }

    /// The answers that have waited for long enough: for one tick, and less than two.
    pub(crate) fn tick(&self) -> BTreeMap<u32, Reply> {
        let Ok(mut kept) = self.0.try_borrow_mut() else { return BTreeMap::new() };
        let recent = std::mem::take(&mut kept.recent);
        std::mem::replace(&mut kept.older, recent)
    }
}

/// Whether a request with this head has a short body on its way. Who expects to be told before it sends one is told.
pub(crate) fn is_short(headers: &Headers) -> bool {
    let length = headers.one("content-length").ok().flatten();
    let length = length.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let asks = headers.iter().any(|(name, _)| name == "expect");
    !asks && length.is_some_and(|length: usize| (1..=LENGTH_MAX).contains(&length))
}
