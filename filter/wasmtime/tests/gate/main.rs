//! The gate with real modules (WAT) and real services: what reaches the inner service, what the
//! client is told, and what a failing filter does to everyone else.

mod bodies;
mod failures;
mod heads;
mod loading;
mod many;
mod support;
