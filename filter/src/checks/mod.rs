//! One file per check.
//!
//! A check is a plain function from facts to *evidence* that only it can make, or to its own error.
//! The order in which checks run is in [`inspection`](crate::inspection).

pub mod admission;
pub mod arrival;
pub mod backoff;
pub mod client;
pub mod content;
pub mod credential;
pub mod encoding;
pub mod framing;
pub mod image;
pub mod length;
pub mod media_type;
pub mod permission;
pub mod query;
pub mod remembered;
pub mod route;
pub mod target;
