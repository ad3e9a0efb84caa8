//! The body of a request, of which the rest is read for a while when nobody wants it any more.
//!
//! A connection of HTTP/1.1 that is closed while bytes arrive is reset, and a client that is still writing loses the
//! answer with it. So the rest is read and thrown away, as nginx does with `lingering_close`; a client that is done by
//! then also keeps its connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::{Request, Version, header};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the rest of one body may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How many bytes of it are read.
const BYTES: usize = 32 << 20;
/// How many are read in a second of all bodies of a listener. Who sends more waits.
const BYTES_PER_SECOND: usize = 128 << 20;

/// The body of a request that a [`server`](crate::server) has taken.
pub type RequestBody = Lingering<Incoming>;

/// What may still be read of unwanted bodies in this second, of one listener. Cheap to clone.
#[derive(Clone)]
pub struct Allowance(Arc<Mutex<Second>>);

struct Second {
    end: Instant,
    read: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Second { end: Instant::now(), read: 0 })))
    }
}

impl Allowance {
    async fn take(&self, bytes: usize) {
        while let Err(end) = self.try_take(bytes) {
            sleep_until(end).await;
        }
    }

    /// Takes bytes, or says when there are some again.
    fn try_take(&self, bytes: usize) -> Result<(), Instant> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now >= second.end {
            *second = Second { end: now + Duration::from_secs(1), read: 0 };
        }
        if second.read >= BYTES_PER_SECOND {
            return Err(second.end);
        }
        second.read += bytes;
        Ok(())
    }
}

/// A body whose rest is read when it is dropped.
pub struct Lingering<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> {
    /// `None` once it has ended.
    body: Option<B>,
    is_read_on: bool,
    allowance: Allowance,
}

impl<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> Lingering<B> {
    /// Wraps the body of a request.
    pub fn wrap(request: Request<B>, allowance: Allowance) -> Request<Self> {
        // Over HTTP/2 a stream ends by itself. A client that asks first whether to send its body must not be told to.
        let is_read_on =
            request.version() < Version::HTTP_2 && !request.headers().contains_key(header::EXPECT);
        request.map(|body| Self { body: Some(body), is_read_on, allowance })
    }
}

impl<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> Body for Lingering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> Drop for Lingering<B> {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| self.is_read_on && !body.is_end_stream());
        let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) else { return };
        runtime.spawn(timeout(WITHIN, discard(rest, self.allowance.clone())));
    }
}

async fn discard(mut body: impl Body<Data = Bytes> + Unpin, allowance: Allowance) {
    let mut left = BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let len = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(len) else { return };
        left = rest;
        allowance.take(len).await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::{HeaderMap, HeaderValue};
    use futures_util::stream;
    use http_body_util::StreamBody;

    use super::*;

    const PIECE: usize = 1 << 20;

    /// A request whose body has pieces of a mebibyte, one every `every`, and how many were read.
    fn request(
        pieces: usize,
        every: Duration,
    ) -> (Request<impl Body<Data = Bytes, Error = Infallible> + Send + Unpin>, Arc<AtomicUsize>)
    {
        let read = Arc::new(AtomicUsize::new(0));
        let frames = stream::unfold((0, Arc::clone(&read)), move |(sent, read)| async move {
            tokio::time::sleep(every).await;
            read.fetch_add(1, Ordering::Relaxed);
            let frame = Ok(Frame::data(Bytes::from(vec![0; PIECE])));
            (sent < pieces).then_some((frame, (sent + 1, read)))
        });
        (Request::new(StreamBody::new(Box::pin(frames))), read)
    }

    async fn read_of(pieces: usize, every: Duration, change: fn(&mut HeaderMap)) -> usize {
        let (mut request, read) = request(pieces, every);
        change(request.headers_mut());
        drop(Lingering::wrap(request, Allowance::default()));
        tokio::time::sleep(Duration::from_mins(1)).await;
        read.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_read_for_five_seconds_and_32_mebibytes() {
        let at_its_end = read_of(8, Duration::from_millis(10), |_| {}).await;
        assert_eq!(at_its_end, 9, "eight pieces, and their end");
        assert_eq!(read_of(100, Duration::from_millis(10), |_| {}).await, 33);
        assert_eq!(read_of(100, Duration::from_millis(900), |_| {}).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
        let expects = |headers: &mut HeaderMap| {
            headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        };
        assert_eq!(read_of(8, Duration::ZERO, expects).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_are_read_no_faster_than_128_mebibytes_a_second() {
        let allowance = Allowance::default();
        let mut counts = Vec::new();
        for _ in 0..10 {
            let (request, read) = request(30, Duration::ZERO);
            drop(Lingering::wrap(request, allowance.clone()));
            counts.push(read);
        }
        let all = || counts.iter().map(|read| read.load(Ordering::Relaxed)).sum::<usize>();
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Each holds one piece more, which has no part in this second.
        assert!((128..=138).contains(&all()), "{}", all());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!((256..=266).contains(&all()), "{}", all());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(all(), 310, "all pieces, and their ends");
    }

    #[tokio::test]
    async fn what_was_read_to_its_end_is_left_alone() {
        let (request, read) = request(3, Duration::ZERO);
        let mut request = Lingering::wrap(request, Allowance::default());
        while request.body_mut().frame().await.is_some() {}
        assert!(request.body().is_end_stream());
        drop(request);
        tokio::task::yield_now().await;
        assert_eq!(read.load(Ordering::Relaxed), 4);
    }
}
