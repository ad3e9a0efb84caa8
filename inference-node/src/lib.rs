//! The inference node.
pub mod clock;
pub mod keys;
pub mod private_file;
pub mod secrets;
