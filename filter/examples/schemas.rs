//! Prints a published JSON Schema: `policy` or `event`.
//!
//! `cargo run -p filter --features schema --example schemas policy > filter/policy.schema.json`

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let schema = match std::env::args().nth(1).as_deref() {
        Some("policy") => filter::policy::schema(),
        Some("event") => filter::event::schema(),
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected policy or event")),
    };
    serde_json::to_writer_pretty(io::stdout(), &schema)?;
    writeln!(io::stdout())
}
