//! Images in and out: decoded within limits, encoded without metadata.

pub mod decode;
pub mod encode;
pub mod finish;
pub mod pool;
