//! What the targets share: one gate, and requests made of plausible pieces.
//!
//! Bytes thrown at a filter end at the first check. So a request is put together from words that
//! matter to some check, from signatures and tokens that are good, and from any bytes where a word
//! would go; the fuzzer finds the mixture.

mod body;
mod edit;
pub mod envelope;
mod events;
pub mod gate;
mod head;
pub mod image;
mod pieces;
mod proof;
pub mod token;
mod word;

pub use body::AnyBody;
pub use edit::{Edit, Parts};
pub use events::Life;
pub use head::{AnyHead, Draft};
pub use proof::Proof;
