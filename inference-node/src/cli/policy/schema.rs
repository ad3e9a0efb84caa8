//! `lunette policy schema`: the shape of a policy file, and of the inspection event.

use super::{Error, output};

/// Prints the schema of the event, or else of the policy.
pub(super) fn print(event: bool) -> Result<(), Error> {
    let schema = if event { filter::event::schema() } else { filter::policy::schema() };
    Ok(output::json(&schema)?)
}
