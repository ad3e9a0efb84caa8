//! The inference node: a gate and models in one process.
//!
//! ```text
//! client ──▶ server ──▶ gate (wasmtime) ──▶ api ──▶ engine ──▶ models
//!                          ▲                 ▲
//!                          └── keys, policy ─┘
//! ```
//!
//! [`serve`](serve::serve) puts it together; [`api`] says in which order a request passes. `models`
//! knows nothing of HTTP, `engine` nothing of images, `api` nothing of candle.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod holder;
pub mod image;
pub mod keys;
pub mod lingering;
pub mod metrics;
pub mod models;
pub mod private_file;
pub mod provision;
pub mod readiness;
pub mod redirect;
pub mod secrets;
pub mod serve;
pub mod server;
pub mod shutdown;
pub mod tls;
pub mod traces;
