//! What the conformance tests share: vectors, their keys and bodies, a raw HTTP client.

#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed, as it should")]

pub mod bodies;
pub mod bombs;
pub mod client;
pub mod clock;
pub mod differences;
pub mod envoy;
pub mod fault;
pub mod flood;
pub mod gate;
pub mod hostile;
pub mod http2;
pub mod keys;
pub mod library;
pub mod node;
pub mod outcome;
pub mod permit;
pub mod photos;
pub mod private;
pub mod recorder;
pub mod redis;
pub mod rotation;
pub mod run;
mod sign;
pub mod tls;
mod token;
pub mod vectors;
pub mod workerd;
