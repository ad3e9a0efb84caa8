//! One verdict on every host: the library, the compiled filter in this process, the embedded gate
//! over HTTP, a real Envoy and a real workerd.

mod beside;
mod compare;
mod front;
mod http2;
mod report;
mod vectors;
mod wire;
