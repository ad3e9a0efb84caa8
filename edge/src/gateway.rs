//! One request: judged, then piped to the node.

use std::pin::pin;
use std::time::Duration;

use filter::rejection::Fault;
use filter::verdict::Release;
use filter::{Deferred, Headers, Next, Peer, PermitId, Refused, RequestHead, Step};
use futures_util::future::{Either, select};
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

/// Judges a request; sends it on or answers it here. What its head and this isolate's memory decide is waited
/// for by nobody.
pub(crate) async fn answer(visit: Visit) -> Result<web_sys::Response, JsValue> {
    let isolate = match Isolate::of(&visit.env) {
        Ok(isolate) => isolate,
        Err(error) => {
            log::error(format_args!("configuration refused: {error}"));
            return host::response(&Fault::NoPolicy.reply(visit.id));
        }
    };
    let held = match snapshot::current(&isolate, &visit.env, &visit.context).await {
        Ok(held) => held,
        Err(fault) => return host::response(&fault.reply(visit.id)),
    };
    let asked = Asked::of(&visit.request);
    let (mut step, wanted) = asked.begin(&isolate, &held, visit.id);
    if let Some(body) = wanted
        && let Some(code) = rejections::ask(body).await
    {
        isolate.cache().learn(body, code, held.statement.epoch, time::now());
        step = asked.begin(&isolate, &held, visit.id).0;
    }
    let mut body = Body::of(&visit.request);
    match judge(Deferred::begin(step), &mut body, &isolate, &visit.env).await? {
        Verdict::Reject(refused) => {
            events::refused(&isolate, &visit, &refused);
            {
                let cache = &mut *isolate.cache();
                refused.remember(cache, time::now());
                rejections::tell(&visit.context, cache.news());
            }
            host::response(&refused.reply())
        }
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
    fn of(request: &web_sys::Request) -> Self {
        let Head { method, url, fields } = Head::of(request);
        Self { method, url, headers: fields::apart(fields) }
    }

    /// Judges it. Also which body other isolates may know, since this one would have liked to.
    fn begin(&self, isolate: &Isolate, held: &Held, id: PermitId) -> (Step, Option<u64>) {
        let Self { method, url, headers } = self;
        let authority = headers.one("host").ok().flatten().unwrap_or_default();
        let authority = std::str::from_utf8(authority).unwrap_or_default();
        let (target, peer) = (target(url), peer(headers));
        let request = RequestHead { method, authority, target, headers, peer };
        let cache = &mut *isolate.cache();
        let step = held.filter.begin(time::now(), id.0).head(&request, &*held.keys, cache);
        (step, cache.wanted())
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
    body: &mut Body<'_>,
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

async fn piece(body: &mut Body<'_>, hurry: bool) -> Result<Piece, JsValue> {
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
