//! What every command does that changed something gates are told.

use std::thread;

use super::{Error, output};
use crate::keys::CHECK_EVERY;

/// Waits until every gate on this machine has seen the change: a request asks the database if the
/// last answer is older than [`CHECK_EVERY`]. Whoever revokes a key may rely on it when the command
/// returns.
pub(super) fn let_gates_notice() {
    thread::sleep(2 * CHECK_EVERY);
}

/// Says how many records were deleted.
pub(super) fn print_pruned(pruned: usize, json: bool) -> Result<(), Error> {
    if json {
        return Ok(output::json(&serde_json::json!({ "pruned": pruned }))?);
    }
    Ok(output::line(&format!("{pruned} records deleted."))?)
}
