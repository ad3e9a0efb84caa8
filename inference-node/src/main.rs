//! The binary `lunette`.

use std::process::ExitCode;

fn main() -> ExitCode {
    inference_node::cli::run()
}
