//! The filter as a Cloudflare Worker.
//!
//! It judges head and image header at the edge, holds back what was read until then, and pipes the
//! rest to the node with a permit. The node judges the whole body again.
//!
//! ```text
//!  request ─▶ gateway ── filter ── Release ─▶ forward ─▶ node
//!               │  │        │
//!               │  │        └─ Lookup ─▶ store ─┬─ isolate (networks, everyone)
//!               │  │                            └─ PrincipalObject (nonces, keys, principals)
//!               │  └─ events ─▶ queue
//!               └─ snapshot ─▶ isolate ─▶ KV ─▶ SnapshotObject ─▶ GET /gate/snapshot
//! ```
#![expect(missing_docs, reason = "`durable_object` makes methods that cannot be documented")]
#![deny(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![deny(clippy::await_holding_lock, clippy::await_holding_refcell_ref)]

mod at_once;
mod body;
mod config;
mod events;
mod fields;
mod forward;
mod gateway;
mod host;
mod isolate;
mod log;
mod node;
mod principal;
mod rejections;
mod response;
mod snapshot;
mod store;
mod time;

pub use principal::PrincipalObject;
pub use snapshot::SnapshotObject;

use std::cell::RefCell;

use filter::rejection::Fault;
use filter::{PermitId, PermitIds};
use gateway::Visit;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use worker::{Context, Env, worker_sys};

/// A request allocates many small things, and this takes the same few steps for each.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

thread_local! {
    static IDS: RefCell<PermitIds> = RefCell::default();
}

/// Answers one request: with a response if nothing must be waited for, else with the promise of one. Whatever
/// fails inside is a 503 that says nothing of the cause.
///
/// It is not `worker::event`, under which every answer is a promise: most refusals are known at once, and a
/// promise costs more than to know them.
#[wasm_bindgen]
pub fn fetch(
    request: web_sys::Request,
    env: Env,
    context: worker_sys::Context,
) -> Result<JsValue, JsValue> {
    let answer = Box::pin(async move {
        let (id, answer) = match IDS.with_borrow_mut(|ids| ids.draw(getrandom::fill)) {
            Ok(id) => {
                let context = Context::new(context);
                (id, gateway::answer(Visit { id, request, env, context }).await)
            }
            Err(error) => (PermitId([0; 16]), Err(error.to_string().into())),
        };
        let answer = answer.or_else(|error| {
            log::error(format_args!("a request could not be judged: {error:?}"));
            host::response(&Fault::Host.reply(id))
        });
        answer.map(JsValue::from)
    });
    at_once::poll(answer).unwrap_or_else(|answer| Ok(future_to_promise(answer).into()))
}
