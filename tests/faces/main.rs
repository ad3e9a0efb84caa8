//! The faces of the node, with the clients that people already have.
//!
//! Each client is the published one, unchanged. `scripts/setup faces target/faces` installs them.

mod cors;
mod document;
mod page;
mod rapidocr;
mod rembg;
mod remove_bg;
mod tools;
mod tunnel;
