//! One request under way: its place in a VM, what the filter has seen of it, and how it was stopped.
//!
//! Whoever still needs the filter for this request shares it: the service, the body that the inner
//! service reads, the body of the answer. When the last of them is dropped, also by a cancelled
//! request, the filter's context ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, response};
use proxy_wasm_host::abi::v0_2_1::types::Action;
use proxy_wasm_host::abi::v0_2_1::{CallScope, ContextId, GuestError};

use crate::gate::Core;
use crate::head::Head;
use crate::held::Holding;
use crate::problem;
use crate::stream::{Decision, Stream};
use crate::verdict::{Abort, Outcome, Verdict};
use crate::vm::{Binding, Entry, Lost};

pub(crate) struct Exchange {
    core: Arc<Core>,
    binding: Binding,
    state: Mutex<State>,
}

struct State {
    /// Gone only while it is lent to the filter, or for good if that call panicked.
    stream: Option<Stream>,
    stopped: Option<Stop>,
    holding: Holding,
}

impl State {
    fn decide(&mut self, action: Action) -> Result<Decision, Lost> {
        Ok(self.stream.as_mut().ok_or(Lost)?.decide(action))
    }
}

/// How a request was stopped, with the filter's answer if it gave one.
struct Stop {
    abort: Abort,
    answer: Option<Response<Bytes>>,
}

/// What the filter says to the bytes it has seen.
pub(crate) enum Judgement {
    /// These bytes may go on; with them the head, if it was still held.
    Release(Bytes),
    /// It wants to see more first.
    Hold,
    Stop(Abort),
}

impl Exchange {
    /// Shows a request's head to the filter.
    ///
    /// The error is the complete answer to a request that no VM could judge.
    pub(crate) fn open(
        core: &Arc<Core>,
        stream: Stream,
        end_of_stream: bool,
    ) -> Result<(Arc<Self>, Judgement), Box<Response<Bytes>>> {
        let (entry, stream) = core.pool.enter(stream, end_of_stream);
        let Entry::Bound(binding, action) = entry else {
            core.counters.stop(Abort::Unavailable);
            let stop = Stop { abort: Abort::Unavailable, answer: None };
            return Err(Box::new(answer(stop, Some(&stream))));
        };
        let holding = Holding::new(&core.held);
        let mut state = State { stream: Some(stream), stopped: None, holding };
        let decision = state.decide(action);
        let exchange = Self { core: Arc::clone(core), binding, state: Mutex::new(state) };
        let judgement = exchange.settle(&mut exchange.lock(), decision, end_of_stream);
        Ok((Arc::new(exchange), judgement))
    }

    /// Shows the filter more of the body, beside what it holds.
    pub(crate) fn judge(&self, chunk: &[u8], end_of_stream: bool) -> Judgement {
        let mut state = self.lock();
        if let Some(stop) = &state.stopped {
            return Judgement::Stop(stop.abort);
        }
        let decision = self.ask(&mut state, |scope, context| {
            let held = scope.stream_mut().body();
            held.extend_from_slice(chunk);
            let size = u32::try_from(held.len()).unwrap_or(u32::MAX);
            scope.on_request_body(context, size, end_of_stream)
        });
        self.settle(&mut state, decision, end_of_stream)
    }

    /// The request's fields as the filter left them; from now on it cannot change them.
    pub(crate) fn release(&self) -> HeaderMap {
        self.core.counters.release();
        let mut state = self.lock();
        state.stream.as_mut().map(|stream| stream.request().freeze()).unwrap_or_default()
    }

    /// Shows the filter the head of the inner service's response and takes over its changes.
    pub(crate) fn judge_response(
        &self,
        parts: &mut response::Parts,
        end_of_stream: bool,
    ) -> Result<(), Abort> {
        let mut state = self.lock();
        if let Some(stop) = &state.stopped {
            return Err(stop.abort);
        }
        let fields = std::mem::take(&mut parts.headers);
        let head = Head::of_response(parts.status, fields);
        let count = head.count();
        let decision = self.ask(&mut state, |scope, context| {
            *scope.stream_mut().response() = Some(head);
            scope.on_response_headers(context, count, end_of_stream)
        });
        let head = state.stream.as_mut().and_then(|stream| stream.response().take());
        match (decision, head) {
            (Ok(Decision::Continue), Some(head)) => {
                parts.headers = head.into_fields();
                parts.extensions.insert(verdict(Outcome::Passed, state.stream.as_ref()));
                Ok(())
            }
            (Ok(Decision::Answer(answer)), _) => Err(self.refuse(&mut state, answer)),
            // Nobody could resume a response that the filter pauses.
            (Ok(Decision::Continue | Decision::Pause | Decision::Abandon) | Err(Lost), _) => {
                Err(self.stop_in(&mut state, Abort::Unavailable, None))
            }
        }
    }

    /// Stops the request for a reason of the gate's own. The first reason counts.
    pub(crate) fn stop(&self, abort: Abort) -> Abort {
        self.stop_in(&mut self.lock(), abort, None)
    }

    /// The answer to a request that was stopped.
    pub(crate) fn answer(&self) -> Response<Bytes> {
        let mut state = self.lock();
        let stop = match &mut state.stopped {
            Some(stop) => Stop { abort: stop.abort, answer: stop.answer.take() },
            None => Stop { abort: Abort::Unavailable, answer: None },
        };
        answer(stop, state.stream.as_ref())
    }

    /// Ready once the request is stopped or its VM is gone; wakes whoever awaits the answer.
    pub(crate) fn poll_stopped(&self, cx: &Context<'_>) -> Poll<Abort> {
        if self.binding.alarm.heard_by_answer(cx) {
            return Poll::Ready(self.stop(Abort::Unavailable));
        }
        self.stopped().map_or(Poll::Pending, Poll::Ready)
    }

    /// Ready once the request itself is stopped, whatever became of its VM: an answer under way
    /// needs no VM.
    pub(crate) fn poll_stopped_itself(&self, cx: &Context<'_>) -> Poll<Abort> {
        self.binding.alarm.heard_by_answer(cx);
        self.stopped().map_or(Poll::Pending, Poll::Ready)
    }

    /// Ready once the request is stopped or its VM is gone; wakes the reader of its body.
    pub(crate) fn poll_body_stopped(&self, cx: &Context<'_>) -> Poll<Abort> {
        if self.binding.alarm.heard_by_body(cx) {
            return Poll::Ready(self.stop(Abort::Unavailable));
        }
        self.stopped().map_or(Poll::Pending, Poll::Ready)
    }

    fn stopped(&self) -> Option<Abort> {
        self.lock().stopped.as_ref().map(|stop| stop.abort)
    }

    /// Lends the stream to the filter for one call.
    fn ask(
        &self,
        state: &mut State,
        callback: impl FnOnce(&mut CallScope<'_, Stream>, ContextId) -> Result<Action, GuestError>,
    ) -> Result<Decision, Lost> {
        let stream = state.stream.take().ok_or(Lost)?;
        let (action, stream) = self.binding.call(stream, callback);
        state.stream = Some(stream);
        state.decide(action?)
    }

    /// Turns what the filter said about head or body into what happens to the bytes.
    fn settle(
        &self,
        state: &mut State,
        decision: Result<Decision, Lost>,
        end_of_stream: bool,
    ) -> Judgement {
        let held = state.stream.as_mut().map(Stream::body);
        let abort = match (decision, held) {
            (Ok(Decision::Continue), Some(held)) => {
                let released = held.split().freeze();
                state.holding.let_go();
                return Judgement::Release(released);
            }
            (Ok(Decision::Answer(answer)), _) => self.refuse(state, answer),
            (Ok(Decision::Pause), Some(held)) if !end_of_stream => {
                let length = held.len();
                if length > self.core.held_bytes {
                    self.stop_in(state, Abort::HeldTooLong, None)
                } else if state.holding.grow_to(length) {
                    return Judgement::Hold;
                } else {
                    self.stop_in(state, Abort::Crowded, None)
                }
            }
            // The filter has seen everything and still neither continues nor answers.
            (Ok(Decision::Continue | Decision::Pause | Decision::Abandon) | Err(Lost), _) => {
                self.stop_in(state, Abort::Unavailable, None)
            }
        };
        Judgement::Stop(abort)
    }

    fn refuse(&self, state: &mut State, answer: Response<Bytes>) -> Abort {
        self.stop_in(state, Abort::Refused, Some(answer))
    }

    fn stop_in(&self, state: &mut State, abort: Abort, answer: Option<Response<Bytes>>) -> Abort {
        if let Some(stop) = &state.stopped {
            return stop.abort;
        }
        self.core.counters.stop(abort);
        state.stopped = Some(Stop { abort, answer });
        if let Some(stream) = &mut state.stream {
            *stream.body() = BytesMut::new();
        }
        state.holding.let_go();
        self.binding.alarm.wake_answer();
        abort
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = state.stream.take() {
            self.binding.leave(stream);
        }
    }
}

fn answer(stop: Stop, stream: Option<&Stream>) -> Response<Bytes> {
    let verdict = verdict(Outcome::Stopped(stop.abort), stream);
    let mut response =
        stop.answer.unwrap_or_else(|| problem::response(stop.abort, verdict.request_id()));
    response.extensions_mut().insert(verdict);
    response
}

fn verdict(outcome: Outcome, stream: Option<&Stream>) -> Verdict {
    Verdict::new(outcome, stream.map(|stream| stream.notes().clone()).unwrap_or_default())
}
