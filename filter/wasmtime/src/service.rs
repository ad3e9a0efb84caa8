//! The way of one request through the gate.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::body::{GatedBody, ReplyBody};
use crate::exchange::{Exchange, Judgement};
use crate::gate::Core;
use crate::stream::Stream;
use crate::upload::{Clock, Upload};

/// A service behind a [`Gate`](crate::Gate).
#[derive(Clone)]
pub struct GateService<S> {
    core: Arc<Core>,
    inner: S,
}

impl<S> GateService<S> {
    pub(crate) fn new(core: Arc<Core>, inner: S) -> Self {
        Self { core, inner }
    }
}

impl<S, B, R> Service<Request<B>> for GateService<S>
where
    S: Service<Request<GatedBody>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; a clone takes its place.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        Box::pin(pass(Arc::clone(&self.core), ready, request))
    }
}

async fn pass<S, B, R>(
    core: Arc<Core>,
    mut inner: S,
    request: Request<B>,
) -> Result<Response<ReplyBody>, S::Error>
where
    S: Service<Request<GatedBody>, Response = Response<R>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    core.counters.request();
    let clock = Clock::start(core.body_idle, core.body_deadline);
    let (mut parts, body) = request.into_parts();
    let ended = body.is_end_stream();

    // The head.
    let (exchange, judgement) = match Exchange::open(&core, Stream::new(&mut parts), ended) {
        Ok(opened) => opened,
        Err(answer) => return Ok((*answer).map(ReplyBody::own)),
    };

    // The prefix of the body, for as long as the filter holds the head back.
    let mut upload = Upload::new(Arc::clone(&exchange), body, ended, clock);
    let released = match judgement {
        Judgement::Release(bytes) => Ok(bytes),
        Judgement::Hold => {
            poll_fn(|cx| upload.poll_released(cx)).await.map(Option::unwrap_or_default)
        }
        Judgement::Stop(abort) => Err(abort),
    };
    let Ok(released) = released else { return Ok(own_answer(&exchange)) };

    // The inner service, while the rest of the body is judged as it reads it.
    parts.headers = exchange.release();
    let request = Request::from_parts(parts, GatedBody::new(upload, released));
    let mut response = pin!(inner.call(request));
    let answered = poll_fn(|cx| {
        let answered = response.as_mut().poll(cx);
        match exchange.poll_stopped(cx) {
            Poll::Ready(abort) => Poll::Ready(Err(abort)),
            Poll::Pending => answered.map(Ok),
        }
    });
    let Ok(answered) = answered.await else { return Ok(own_answer(&exchange)) };

    // The head of the response; its body passes as it is.
    let (mut parts, body) = answered?.into_parts();
    match exchange.judge_response(&mut parts, body.is_end_stream()) {
        Ok(()) => Ok(Response::from_parts(parts, ReplyBody::inner(body, exchange))),
        Err(_) => Ok(own_answer(&exchange)),
    }
}

fn own_answer(exchange: &Exchange) -> Response<ReplyBody> {
    exchange.answer().map(ReplyBody::own)
}
