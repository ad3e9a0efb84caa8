//! How a request learns that its VM is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

/// Rung once, when the VM of a request fails. Two may wait for it: whoever reads the request's
/// body (the inner service), and whoever awaits the answer.
#[derive(Default)]
pub(crate) struct Alarm {
    rung: AtomicBool,
    body: AtomicWaker,
    answer: AtomicWaker,
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.body.wake();
        self.answer.wake();
    }

    /// Wakes whoever awaits the answer, to look at the request again.
    pub(crate) fn wake_answer(&self) {
        self.answer.wake();
    }

    /// Whether the alarm rang; if not, the body's reader is woken when it does.
    pub(crate) fn heard_by_body(&self, cx: &Context<'_>) -> bool {
        self.body.register(cx.waker());
        self.rung.load(Ordering::Acquire)
    }

    /// Whether the alarm rang; if not, whoever awaits the answer is woken when it does.
    pub(crate) fn heard_by_answer(&self, cx: &Context<'_>) -> bool {
        self.answer.register(cx.waker());
        self.rung.load(Ordering::Acquire)
    }
}
