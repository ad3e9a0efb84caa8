//! The inner service, which remembers what reached it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use filter_wasmtime::{Abort, BoxError, GatedBody};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};

/// What the inner service saw of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// The body as far as it came, and how it ended.
    pub(crate) body: Vec<u8>,
    pub(crate) end: Result<(), Abort>,
}

/// The inner service: reads the body frame by frame and answers 200.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: Arc<Mutex<Vec<u8>>>,
    /// Answers as soon as it has the head, and streams back what arrives.
    echo: bool,
    /// Reads the body and never answers.
    hang: bool,
}

impl Upstream {
    pub(crate) fn echoing() -> Self {
        Self { echo: true, ..Self::default() }
    }

    pub(crate) fn hanging() -> Self {
        Self { hang: true, ..Self::default() }
    }

    /// Every request whose body ended, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panicked").clone()
    }

    /// Every body byte that has arrived so far.
    pub(crate) fn arrived(&self) -> Vec<u8> {
        self.arrived.lock().expect("no test panicked").clone()
    }

    pub(crate) async fn serve(self, request: Request<GatedBody>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let mut seen = Seen {
            target: parts.uri.to_string(),
            headers: parts.headers,
            body: Vec::new(),
            end: Ok(()),
        };
        let answer = Response::builder().header("lunette-verdict", "internal").header("x-a", "1");
        if self.echo {
            return answer.body(Answer::Echo(body)).expect("a response");
        }
        let mut body = Guard { body, upstream: self.clone(), seen: Some(&mut seen) };
        while let Some(frame) = body.body.frame().await {
            match frame {
                Ok(frame) => body.take(&frame.into_data().expect("only data")),
                Err(abort) => {
                    body.end(Err(abort));
                    return Response::builder().status(599).body(Answer::text("")).expect("ok");
                }
            }
        }
        body.end(Ok(()));
        if self.hang {
            std::future::pending::<()>().await;
        }
        answer.body(Answer::text("done")).expect("a response")
    }
}

/// Records a body also if its request is dropped before it ended.
struct Guard<'a> {
    body: GatedBody,
    upstream: Upstream,
    seen: Option<&'a mut Seen>,
}

impl Guard<'_> {
    fn take(&mut self, data: &[u8]) {
        self.upstream.arrived.lock().expect("no test panicked").extend_from_slice(data);
        if let Some(seen) = &mut self.seen {
            seen.body.extend_from_slice(data);
        }
    }

    fn end(&mut self, end: Result<(), Abort>) {
        if let Some(seen) = self.seen.take() {
            seen.end = end;
            self.upstream.seen.lock().expect("no test panicked").push(seen.clone());
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.end(Err(Abort::Unavailable));
    }
}

pub(crate) enum Answer {
    Text(Full<Bytes>),
    Echo(GatedBody),
}

impl Answer {
    fn text(text: &'static str) -> Self {
        Self::Text(Full::new(Bytes::from_static(text.as_bytes())))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Text(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Echo(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Text(body) if body.is_end_stream())
    }
}
