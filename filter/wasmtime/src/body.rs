//! The bodies on both sides of the inner service.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use crate::BoxError;
use crate::exchange::Exchange;
use crate::upload::Upload;
use crate::verdict::Abort;

/// A request body of which the inner service sees nothing that the filter has not let go.
///
/// It ends only when the filter has let go the end; a body that the gate stops is an error, again
/// and again. It promises no length, because the filter may still stop it.
pub struct GatedBody {
    upload: Upload,
    ready: Bytes,
    stopped: Option<Abort>,
}

impl GatedBody {
    /// The rest of `upload` after `released`, the bytes that were held with the head.
    pub(crate) fn new(upload: Upload, released: Bytes) -> Self {
        Self { upload, ready: released, stopped: None }
    }
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = Abort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abort>>> {
        let this = &mut *self;
        if let Some(abort) = this.stopped {
            return Poll::Ready(Some(Err(abort)));
        }
        while this.ready.is_empty() {
            match ready!(this.upload.poll_released(cx)) {
                Ok(Some(bytes)) => this.ready = bytes,
                Ok(None) => return Poll::Ready(None),
                Err(abort) => {
                    this.stopped = Some(abort);
                    return Poll::Ready(Some(Err(abort)));
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.ready)))))
    }

    fn is_end_stream(&self) -> bool {
        self.upload.has_ended() && self.ready.is_empty() && self.stopped.is_none()
    }
}

/// The body of a response that leaves the gate: the gate's own, or the inner service's, unchanged.
///
/// If the filter stops a request whose response is already under way, its body ends in an error.
pub struct ReplyBody(Kind);

enum Kind {
    Own(Full<Bytes>),
    Inner { body: UnsyncBoxBody<Bytes, BoxError>, exchange: Option<Arc<Exchange>> },
}

impl ReplyBody {
    pub(crate) fn own(body: Bytes) -> Self {
        Self(Kind::Own(Full::new(body)))
    }

    pub(crate) fn inner<R>(body: R, exchange: Arc<Exchange>) -> Self
    where
        R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let body = body.map_err(Into::into).boxed_unsync();
        Self(Kind::Inner { body, exchange: Some(exchange) })
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Kind::Inner { body, exchange } => {
                if let Some(exchange) = exchange
                    && let Poll::Ready(abort) = exchange.poll_stopped_itself(cx)
                {
                    return Poll::Ready(Some(Err(abort.into())));
                }
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if frame.is_none() {
                    *exchange = None;
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Own(body) => body.is_end_stream(),
            Kind::Inner { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Own(body) => body.size_hint(),
            Kind::Inner { body, .. } => body.size_hint(),
        }
    }
}
