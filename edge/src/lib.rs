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

mod body;
mod config;
mod events;
mod fields;
mod forward;
mod gateway;
mod isolate;
mod node;
mod principal;
mod rejections;
mod response;
mod snapshot;
mod store;
mod time;

pub use principal::PrincipalObject;
pub use snapshot::SnapshotObject;

use filter::PermitId;
use filter::rejection::Fault;
use worker::{Context, Env, Request, Response, event};

/// Answers one request. Whatever fails inside is a 503 that says nothing of the cause.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    let mut id = PermitId([0; 16]);
    let answer = match getrandom::fill(&mut id.0) {
        Ok(()) => gateway::answer(id, request, &env, &context).await,
        Err(error) => Err(error.to_string().into()),
    };
    answer.or_else(|error| {
        worker::console_error!("a request could not be judged: {error}");
        response::reply(Fault::Host.reply(id))
    })
}
