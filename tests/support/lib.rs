//! What the conformance tests share: vectors, their keys and bodies, a raw HTTP client.

pub mod bodies;
pub mod client;
pub mod gate;
pub mod keys;
pub mod node;
pub mod vectors;
