//! The Worker's one clock, and how long anything is waited for.

use std::pin::pin;
use std::time::Duration;

use filter::Clock;
use futures_util::future::{Either, select};
use worker::Delay;

/// What time it is. The clock stands still while the Worker computes.
pub(crate) fn now() -> Clock {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds since 1970, far below what a float holds exactly"
    )]
    let millis = js_sys::Date::now() as u64;
    Clock::both(millis)
}

/// What `future` comes to, if it does so within `millis`.
pub(crate) async fn within<T>(millis: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), Delay::from(Duration::from_millis(millis))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
