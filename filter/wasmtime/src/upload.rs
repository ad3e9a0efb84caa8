//! The client's body on its way to the filter: read in bounded chunks, on time, and let go only by
//! the filter.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::BoxError;
use crate::exchange::{Exchange, Judgement};
use crate::verdict::Abort;

/// The most bytes the filter is shown at once, so that the work of one call is bounded.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) struct Upload {
    exchange: Arc<Exchange>,
    client: UnsyncBoxBody<Bytes, BoxError>,
    /// What the client sent and the filter has not seen.
    unseen: Bytes,
    ended: bool,
    clock: Clock,
}

impl Upload {
    pub(crate) fn new<B>(exchange: Arc<Exchange>, client: B, ended: bool, clock: Clock) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let client = client.map_err(Into::into).boxed_unsync();
        Self { exchange, client, unseen: Bytes::new(), ended, clock }
    }

    /// Whether the filter has seen and let go the end of the body.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next bytes that the filter lets go (perhaps none: then only the head), or `None` after
    /// the clean end of the body.
    pub(crate) fn poll_released(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Abort>> {
        loop {
            if let Poll::Ready(abort) = self.exchange.poll_body_stopped(cx) {
                return Poll::Ready(Err(abort));
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            let (chunk, end) = match ready!(self.poll_chunk(cx)) {
                Ok(chunk) => chunk,
                Err(abort) => return Poll::Ready(Err(self.exchange.stop(abort))),
            };
            match self.exchange.judge(&chunk, end) {
                Judgement::Release(bytes) => {
                    self.ended = end;
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Judgement::Hold => {}
                Judgement::Stop(abort) => return Poll::Ready(Err(abort)),
            }
        }
    }

    /// The next chunk for the filter, and whether the body ends with it.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Bytes, bool), Abort>> {
        while self.unseen.is_empty() {
            let Poll::Ready(frame) = Pin::new(&mut self.client).poll_frame(cx) else {
                ready!(self.clock.poll_late(cx));
                return Poll::Ready(Err(Abort::TimedOut));
            };
            if self.clock.is_past_deadline() {
                return Poll::Ready(Err(Abort::TimedOut));
            }
            match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                None => return Poll::Ready(Ok((Bytes::new(), true))),
                Some(Ok(Ok(data))) => self.unseen = data,
                Some(Ok(Err(_))) => return Poll::Ready(Err(Abort::Trailers)),
                Some(Err(error)) => {
                    tracing::debug!("the client's body broke off: {error}");
                    return Poll::Ready(Err(Abort::Unreadable));
                }
            }
        }
        let chunk = self.unseen.split_to(self.unseen.remaining().min(CHUNK_BYTES));
        let end = self.unseen.is_empty() && self.client.is_end_stream();
        Poll::Ready(Ok((chunk, end)))
    }
}

/// How long the client may take. Only time spent waiting for the client counts as idle.
pub(crate) struct Clock {
    idle: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Clock {
    /// A clock that starts with the head of the request.
    pub(crate) fn start(idle: Duration, whole: Duration) -> Self {
        Self { idle, deadline: Instant::now() + whole, timer: None, waiting: false }
    }

    fn is_past_deadline(&mut self) -> bool {
        self.waiting = false;
        Instant::now() >= self.deadline
    }

    /// Ready once the client is late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = || (Instant::now() + self.idle).min(self.deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due())));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(due());
        }
        timer.as_mut().poll(cx)
    }
}
