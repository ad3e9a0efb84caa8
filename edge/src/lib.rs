//! The filter as a Cloudflare Worker.
//!
//! It judges head and image header at the edge, holds back what was read until then, and pipes the
//! rest to the node with a permit. The node judges the whole body again.

mod config;
mod gateway;
mod memory;
mod response;

use worker::{Context, Env, Request, Response, event};

use config::Config;

/// Answers one request. Whatever fails inside is a 503 that says nothing of the cause.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    match Config::read(&env) {
        Ok(config) => gateway::pass(&config, request).await,
        Err(error) => {
            worker::console_error!("configuration refused: {error}");
            response::unavailable("policy-unavailable", "the gate has no policy")
        }
    }
}
