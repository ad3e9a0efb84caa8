//! Quantities as people write them in a policy file.

mod byte_size;
mod duration;
mod instant;
pub(super) mod text;

pub(super) use byte_size::ByteSize;
pub(super) use duration::Duration;
pub(super) use instant::Instant;
