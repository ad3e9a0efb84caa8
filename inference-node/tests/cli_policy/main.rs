//! `lunette policy`, run as its own process, as people run it.

mod check;
mod explain;
mod machine;
mod refusals;
mod schema;
