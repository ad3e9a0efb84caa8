//! Futures that most often wait for nothing.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// What `future` comes to, if it waits for nothing; else the future, to be waited for.
pub(crate) fn poll<F: Future>(
    mut future: Pin<Box<F>>,
) -> Result<F::Output, impl Future<Output = F::Output>> {
    let later = Arc::new(Later::default());
    let waker = Waker::from(Arc::clone(&later));
    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(poll_fn(move |context| {
            later.0.register(context.waker());
            future.as_mut().poll(context)
        })),
    }
}

/// Wakes whoever waits by then: some timers keep the waker that they saw first.
#[derive(Default)]
struct Later(AtomicWaker);

impl Wake for Later {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}
