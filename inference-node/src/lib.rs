//! The inference node: the gate and the models on one machine.

pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod image;
pub mod keys;
pub mod metrics;
pub mod models;
pub mod private_file;
pub mod provision;
pub mod secrets;

/// Serves until it is told to stop.
pub fn serve(
    _config: &config::Config,
    _provisions: &provision::Provisions,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err("this build cannot serve yet".into())
}
