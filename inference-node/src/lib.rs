//! The inference node: models behind a permit.

pub mod image;
pub mod models;

/// The commands of the binary `lunette`.
pub mod cli {
    pub mod models;
}
