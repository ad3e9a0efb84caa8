//! One request: judged, then piped to the node.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use filter::rejection::Fault;
use filter::verdict::Release;
use filter::{Deferred, Headers, Next, Peer, PermitId, Refused, RejectionCache, RequestHead, Step};
use futures_util::future::{Either, LocalBoxFuture, select};
use wasm_bindgen::JsValue;
use worker::{Context, Delay, Env};

use crate::body::Body;
use crate::forward::{self, Accepted};
use crate::host::{self, Head};
use crate::isolate::Isolate;
use crate::snapshot::{self, Held};
use crate::{events, fields, log, rejections, store, time};

/// How long a body is waited for, in milliseconds, before the store is asked about its head alone. Most
/// bodies are there sooner, and their one question is about both.
const PATIENCE: u64 = 50;

/// A request, and what came with it.
pub(crate) struct Visit {
    pub(crate) id: PermitId,
    pub(crate) request: web_sys::Request,
    pub(crate) env: Env,
    pub(crate) context: Context,
}

/// Most refusals are known at once, and a promise costs more than to know them.
pub(crate) enum Answer {
    Now(Result<web_sys::Response, JsValue>),
    Later(LocalBoxFuture<'static, Result<web_sys::Response, JsValue>>),
}

/// Judges a request; sends it on or answers it here.
pub(crate) fn answer(visit: Visit) -> Answer {
    let isolate = match Isolate::of(&visit.env) {
        Ok(isolate) => isolate,
        Err(error) => {
            log::error(format_args!("configuration refused: {error}"));
            return Answer::Now(host::response(&Fault::NoPolicy.reply(visit.id)));
        }
    };
    if snapshot::is_at_hand(&isolate, &visit.env, &visit.context) {
        return by_head(visit, isolate);
    }
    Answer::Later(Box::pin(async move {
        snapshot::renew(&isolate, &visit.env).await;
        match by_head(visit, isolate) {
            Answer::Now(answer) => answer,
            Answer::Later(answer) => answer.await,
        }
    }))
}

/// Refuses the request by its head, if that is all there is to know.
fn by_head(visit: Visit, isolate: Arc<Isolate>) -> Answer {
    let held = match snapshot::current(&isolate) {
        Ok(held) => held,
        Err(fault) => return Answer::Now(host::response(&fault.reply(visit.id))),
    };
    let Head { method, url, fields } = Head::of(&visit.request);
    let asked = Asked { method, url, headers: fields::apart(fields) };
    let (step, wanted) = asked.begin(&isolate, &held, visit.id);
    match (step, wanted) {
        (Step::Reject(refused), None) => Answer::Now(refuse(&visit, &isolate, &refused)),
        (step, wanted) => {
            Answer::Later(Box::pin(by_body(visit, isolate, held, asked, step, wanted)))
        }
    }
}

/// Follows the request from where its head left it.
async fn by_body(
    visit: Visit,
    isolate: Arc<Isolate>,
    held: Arc<Held>,
    asked: Asked,
    mut step: Step,
    wanted: Option<u64>,
) -> Result<web_sys::Response, JsValue> {
    if let Some(body) = wanted
        && let Some(code) = rejections::ask(body).await
    {
        isolate.cache().learn(body, code, held.statement.epoch, time::now());
        step = asked.begin(&isolate, &held, visit.id).0;
    }
    let mut body = Body::of(&visit.request)?;
    match judge(Deferred::begin(step), &mut body, &isolate, &visit.env).await? {
        Verdict::Reject(refused) => refuse(&visit, &isolate, &refused),
        Verdict::Release(release, held) => {
            events::released(&isolate, &visit, release.tail.findings());
            let (release, method, headers) = (*release, asked.method.as_str(), &asked.headers);
            let target = target(&asked.url);
            let accepted = Accepted { release, held, rest: body, headers, method, target };
            forward::send(&isolate, &visit.env, &visit.context, accepted).await
        }
    }
}

/// The head of a request, as the platform shows it.
struct Asked {
    method: String,
    url: String,
    headers: Headers,
}

impl Asked {
    /// Judges it. Also which body other isolates may know, since this one would have liked to.
    fn begin(&self, isolate: &Isolate, held: &Held, id: PermitId) -> (Step, Option<u64>) {
        let Self { method, url, headers } = self;
        let authority = headers.one("host").ok().flatten().unwrap_or_default();
        let authority = std::str::from_utf8(authority).unwrap_or_default();
        let (target, peer) = (target(url), peer(headers));
        let head = RequestHead { method, authority, target, headers, peer };
        let cache = &mut *isolate.cache();
        let step = held.filter.begin(time::now(), id.0).head(&head, &*held.keys, cache);
        (step, cache.wanted())
    }
}

/// Answers here; remembers and tells of it.
fn refuse(
    visit: &Visit,
    isolate: &Arc<Isolate>,
    refused: &Refused,
) -> Result<web_sys::Response, JsValue> {
    events::refused(isolate, visit, refused);
    if refused.knows_its_body() {
        let cache: &mut RejectionCache = &mut isolate.cache();
        refused.remember(cache, time::now());
        rejections::tell(&visit.context, cache.news());
    }
    host::response(&refused.reply())
}

enum Verdict {
    Release(Box<Release>, Vec<Vec<u8>>),
    Reject(Box<Refused>),
}

/// Reads the body until the image header is judged. What was read is held: at most the policy's
/// `header_bytes`, what a form or base64 adds to them, and one piece; a whole body where the route
/// holds it.
async fn judge(
    mut next: Next<Vec<u8>>,
    body: &mut Body,
    isolate: &Isolate,
    env: &Env,
) -> Result<Verdict, JsValue> {
    loop {
        next = match next {
            Next::Body(deferred) => match piece(body, deferred.has_a_question()).await? {
                Piece::Next(piece) => deferred.chunk(piece),
                Piece::End => deferred.end(),
                Piece::Late => deferred.ask_now(),
            },
            Next::Ask(asking) => {
                let principal = asking.findings().principal();
                let answers = store::resolve(isolate, env, principal, asking.lookups()).await;
                asking.answer(answers)
            }
            Next::Release(release, held) => return Ok(Verdict::Release(Box::new(release), held)),
            Next::Reject(refused) => return Ok(Verdict::Reject(Box::new(refused))),
        }
    }
}

enum Piece {
    Next(Vec<u8>),
    End,
    /// The client takes its time.
    Late,
}

async fn piece(body: &mut Body, hurry: bool) -> Result<Piece, JsValue> {
    let read = if hurry {
        let patience = Delay::from(Duration::from_millis(PATIENCE));
        match select(pin!(body.next()), patience).await {
            Either::Left((read, _)) => read,
            Either::Right(((), _)) => return Ok(Piece::Late),
        }
    } else {
        body.next().await
    };
    Ok(read?.map_or(Piece::End, Piece::Next))
}

/// Who connected to the platform: a client, or a proxy in front of it that the policy may trust to name
/// one. The platform sets the field itself, whatever the client sends.
fn peer(headers: &Headers) -> Peer {
    let value = headers.one("cf-connecting-ip").ok().flatten();
    let address = value.and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok());
    address.map_or(Peer::Unknown, Peer::Direct)
}

/// Path and query of an absolute URL, as they stand there.
fn target(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or("/")
}
