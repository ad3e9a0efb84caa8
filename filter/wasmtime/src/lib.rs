//! The embedded gate: a compiled proxy-wasm module (the *filter*) judges every request in this
//! process, as a [tower layer](tower_layer::Layer) in front of any service.
//!
//! The very file that Envoy loads runs here, on the crate `proxy-wasm-host`. This crate knows the
//! ABI and nothing of what the filter checks: it brings heads and bodies to the filter, lets go
//! what the filter lets go, and when anything fails it refuses.
//!
//! ```text
//!            head             chunk*, end                        response head
//! client ──▶ Exchange::open ─▶ Upload ─▶ released ─▶ GatedBody ─▶ inner service ─▶ ReplyBody ──▶ client
//!               │                │                     │                              │
//!               └── local reply ─┴── 408, 413, 503 ────┴── body error, then reply ────┘
//! ```
//!
//! - While the filter pauses at the head, the body is held (bounded) and nothing reaches the inner
//!   service. Once it continues, every further chunk is judged *before* the inner service sees it.
//! - Each request belongs to one VM. If that VM traps, runs past its deadline or out of memory,
//!   every request it had is answered 503 (or its body aborted), and the VM is built anew from the
//!   compiled module. Other VMs do not notice.
//! - Nothing here ever lets a request pass that the filter did not let pass.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use std::path::Path;
//!
//! use bytes::Bytes;
//! use filter_wasmtime::{Gate, GateOptions, GatedBody, LoadError};
//! use http::{Request, Response};
//! use http_body_util::{BodyExt as _, Full};
//! use tower::{Layer as _, service_fn};
//!
//! # fn main() -> Result<(), LoadError> {
//! let options = GateOptions {
//!     configuration: br#"{"mode":"enforce"}"#.to_vec(),
//!     ..GateOptions::default()
//! };
//! let gate = Gate::load(Path::new("filter.wasm"), options)?;
//! println!("filter {}", gate.sha256());
//!
//! let guarded = gate.layer(service_fn(|request: Request<GatedBody>| async {
//!     // An aborted body is an error here, never a clean end.
//!     let length = request.into_body().collect().await.map(|body| body.to_bytes().len());
//!     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("{length:?}")))))
//! }));
//! # let _: filter_wasmtime::GateService<_> = guarded;
//! # let _ = |request: Request<Full<Bytes>>| tower::ServiceExt::oneshot(guarded, request);
//! # Ok(())
//! # }
//! ```

mod alarm;
mod body;
mod exchange;
mod gate;
mod head;
mod held;
mod log;
mod metrics;
mod module;
mod options;
mod pages;
mod pool;
mod problem;
mod service;
mod shared;
mod stats;
mod stream;
mod upload;
mod verdict;
mod vm;

pub use body::{GatedBody, ReplyBody};
pub use gate::Gate;
pub use module::{LoadError, LoadFault};
pub use options::{GateOptions, Secret};
pub use service::GateService;
pub use shared::SharedSource;
pub use stats::Stats;
pub use stream::Peer;
pub use verdict::{Abort, Outcome, Verdict};

/// Any error of a body that this crate carries without looking at it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
