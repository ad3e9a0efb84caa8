//! A Worker in Rust that answers and does nothing else: what any of them costs. `make bench` measures
//! the real one against it.
#![expect(missing_docs, reason = "`event` makes functions that cannot be documented")]

use worker::{Context, Env, Request, Response, event};

#[event(fetch)]
async fn fetch(_: Request, _: Env, _: Context) -> worker::Result<Response> {
    Response::error("hello", 401)
}
