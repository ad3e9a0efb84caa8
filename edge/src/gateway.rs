//! One request: judged, then piped to the node.

use std::pin::pin;
use std::time::Duration;

use filter::rejection::Fault;
use filter::verdict::Release;
use filter::{Deferred, Headers, Next, Peer, PermitId, Refused, RejectionCache, RequestHead};
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use worker::{Context, Delay, Env, Request, Response};

use crate::body::Body;
use crate::forward::{self, Accepted};
use crate::isolate::Isolate;
use crate::{events, fields, rejections, response, snapshot, store, time};

/// How long a body is waited for, in milliseconds, before the store is asked about its head alone. Most
/// bodies are there sooner, and their one question is about both.
const PATIENCE: u64 = 50;

/// Judges `request`; sends it on or answers it here.
pub(crate) async fn answer(
    id: PermitId,
    request: Request,
    env: &Env,
    context: &Context,
) -> worker::Result<Response> {
    let isolate = match Isolate::of(env) {
        Ok(isolate) => isolate,
        Err(error) => {
            worker::console_error!("configuration refused: {error}");
            return response::reply(Fault::NoPolicy.reply(id));
        }
    };
    let held = match snapshot::current(&isolate, env, context).await {
        Ok(held) => held,
        Err(fault) => return response::reply(fault.reply(id)),
    };
    let raw = request.inner();
    let headers = fields::of(request.headers());
    let (method, url) = (raw.method(), raw.url());
    let target = target(&url);
    let authority = headers.one("host").ok().flatten().unwrap_or_default();
    let authority = std::str::from_utf8(authority).unwrap_or_default();
    let peer = peer(&headers);
    let asked = RequestHead { method: &method, authority, target, headers: &headers, peer };

    let begin = |cache: &mut RejectionCache| {
        held.filter.begin(time::now(), id.0).head(&asked, &*held.keys, cache)
    };
    let (mut step, wanted) = {
        let cache = &mut *isolate.cache();
        (begin(cache), cache.wanted())
    };
    if let Some(body) = wanted
        && let Some(code) = rejections::ask(body).await
    {
        let cache = &mut *isolate.cache();
        cache.learn(body, code, held.statement.epoch, time::now());
        step = begin(cache);
    }
    let mut body = Body::of(raw)?;
    match judge(Deferred::begin(step), &mut body, &isolate, env).await? {
        Verdict::Reject(refused) => {
            let rejection = refused.rejection();
            events::record(env, context, &refused.event(), rejection.code(), rejection.reason());
            let cache = &mut *isolate.cache();
            refused.remember(cache, time::now());
            rejections::tell(context, cache.news());
            response::reply(refused.reply())
        }
        Verdict::Release(release, held) => {
            let event = release.tail.findings().released();
            events::record(env, context, &event, "released", "released");
            let (release, method, headers) = (*release, method.as_str(), &headers);
            let accepted = Accepted { release, held, rest: body, headers, method, target };
            forward::send(&isolate, env, context, accepted).await
        }
    }
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
