//! The Worker's one clock, and how long anything is waited for.

use std::pin::pin;
use std::time::Duration;

use filter::Clock;
use futures_util::future::{Either, select};
use worker::Delay;

/// What time it is. The clock stands still while the Worker computes.
pub(crate) fn now() -> Clock {
    Clock::both(js_sys::Date::now() as u64)
}

/// What `future` comes to, if it does so within `millis`.
pub(crate) async fn within<T>(millis: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), Delay::from(Duration::from_millis(millis))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
