//! The client's body, sent piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use filter_wasmtime::BoxError;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::sync::mpsc;

/// A body and the side that sends it.
pub(crate) fn channel() -> (Sender, Sent) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender(sender), Sent(receiver))
}

/// A body that the test sends piece by piece.
pub(crate) struct Sent(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

impl Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx)
    }
}

/// The client's side of a [`Sent`] body; dropping it ends the body.
pub(crate) struct Sender(mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>);

impl Sender {
    /// Sends one chunk and lets everyone run.
    pub(crate) async fn send(&self, chunk: impl Into<Bytes>) {
        // A gate that stopped listening is what some tests want.
        let _ = self.0.send(Ok(Frame::data(chunk.into())));
        settle().await;
    }

    pub(crate) async fn trailers(&self) {
        let _ = self.0.send(Ok(Frame::trailers(HeaderMap::new())));
        settle().await;
    }

    pub(crate) async fn break_off(self) {
        let _ = self.0.send(Err("connection reset".into()));
        settle().await;
    }

    pub(crate) async fn end(self) {
        drop(self);
        settle().await;
    }
}

/// Lets every task that can run do so.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
