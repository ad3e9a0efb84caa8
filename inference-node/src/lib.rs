//! The inference node.
pub mod clock;
pub mod config;
pub mod keys;
pub mod private_file;
pub mod secrets;
