//! An accepted request on its way to the node.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use filter::checks::credential;
use filter::quota::Charge;
use filter::rejection::Fault;
use filter::store::{Answer, Lookup, Store};
use filter::verdict::Release;
use filter::{Clock, Headers, permit};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::worker_sys::FixedLengthStream;
use worker::{Context, Env};

use crate::body::Body;
use crate::isolate::Isolate;
use crate::response::OWN_PREFIX;
use crate::{host, log, node, principal, rejections, response, time};

/// What is not the client's to say to the node, beside credentials and the gate's own fields: what the
/// platform adds, and what belongs to one connection. `Content-Length` is the stream's.
const LEFT_OUT: [&str; 7] =
    ["upgrade", "x-request-id", "host", "content-length", "connection", "expect", "keep-alive"];

/// A released request.
pub(crate) struct Accepted<'a> {
    pub(crate) release: Release,
    /// What was read of the body.
    pub(crate) held: Vec<Vec<u8>>,
    pub(crate) rest: Body<'a>,
    pub(crate) headers: &'a Headers,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
}

/// Sends the head on with its permit, then what was held, then the rest as it comes, which never enters
/// Wasm. The stream has a fixed length, so a body that is longer or breaks off is an abort for the
/// node and never a clean end; what its bytes are, the node judges.
pub(crate) async fn send(
    isolate: &Isolate,
    env: &Env,
    context: &Context,
    accepted: Accepted<'_>,
) -> Result<web_sys::Response, JsValue> {
    let Accepted { release, held, rest, headers, method, target } = accepted;
    let Release { permit, fields, tail } = release;
    let id = permit.claims().id;
    let length = permit.claims().content_length;
    let Ok(sealed) = isolate.gate.permit_key.seal(permit.into_claims()) else {
        return host::response(&Fault::Host.reply(id));
    };
    let outgoing = web_sys::Headers::new()?;
    for (name, value) in headers.iter() {
        let own = name.starts_with(OWN_PREFIX) || name.starts_with("cf-");
        if !own && !LEFT_OUT.contains(&name) && !credential::FIELDS.contains(&name) {
            outgoing.append(name, &String::from_utf8_lossy(value))?;
        }
    }
    outgoing.set(permit::HEADER, &sealed)?;

    let stream = FixedLengthStream::new_big_int(length.into())?;
    let abort = web_sys::AbortController::new()?;
    let init = web_sys::RequestInit::new();
    init.set_method(method);
    init.set_headers(&outgoing);
    // A request that is only read may have none at all.
    if length > 0 {
        init.set_body(&stream.readable());
    }
    init.set_signal(Some(&abort.signal()));

    let answered = Rc::new(Cell::new(false));
    let (is_answered, writable, rest) = (Rc::clone(&answered), stream.writable(), rest.rest()?);
    context.wait_until(async move {
        if pump(held, rest, writable).await.is_err() && !is_answered.get() {
            abort.abort();
        }
    });
    let url = format!("{}{target}", isolate.upstream);
    let answer = node::send(env, &url, &init).await;
    answered.set(true);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            log::error(format_args!("the node did not answer: {error}"));
            return host::response(&Fault::Node.reply(id));
        }
    };
    if let Some(verdict) = answer.headers().get(permit::VERDICT_HEADER)? {
        let principal = tail.findings().principal().map(str::to_owned);
        let refunds = Refunds::default();
        {
            let cache = &mut *isolate.cache();
            tail.settle(&verdict, &refunds, cache, time::now());
            rejections::tell(context, cache.news());
        }
        principal::refund(env, context, isolate, principal, refunds.0.into_inner());
    }
    Ok(response::without_own_fields(answer, &fields)?.into())
}

/// Writes what was held, then pipes the rest.
async fn pump(
    held: Vec<Vec<u8>>,
    rest: Option<web_sys::ReadableStream>,
    writable: web_sys::WritableStream,
) -> Result<(), JsValue> {
    let writer = writable.get_writer()?;
    for piece in held {
        JsFuture::from(writer.write_with_chunk(&Uint8Array::from(piece.as_slice()))).await?;
    }
    match rest {
        None => JsFuture::from(writer.close()).await?,
        Some(rest) => {
            writer.release_lock();
            JsFuture::from(rest.pipe_to(&writable)).await?
        }
    };
    Ok(())
}

/// Notes what is to be given back; what was asked before the answer was asked elsewhere.
#[derive(Default)]
struct Refunds(RefCell<Vec<Charge>>);

impl Store for Refunds {
    fn resolve(&self, _: &Lookup, _: Clock) -> Answer {
        Answer::Unavailable
    }

    fn refund(&self, charges: &[Charge], _: Clock) {
        self.0.borrow_mut().extend_from_slice(charges);
    }
}
