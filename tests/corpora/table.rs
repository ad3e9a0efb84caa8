//! The counts, as a table.

use std::collections::BTreeMap;

use crate::judge::Judged;

/// Files of each source and format: seen, accepted, refused, disputed.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<(String, String), [usize; 4]>);

impl Table {
    /// Counts a file.
    pub(crate) fn count(&mut self, source: &str, judged: &Judged, disputed: bool) {
        let one = [true, judged.accepted(), !judged.accepted(), disputed];
        for name in [source, "all"] {
            for format in [judged.format.to_string(), "all".to_owned()] {
                let counts = self.0.entry((name.to_owned(), format)).or_default();
                for (count, one) in counts.iter_mut().zip(one) {
                    *count += usize::from(one);
                }
            }
        }
    }

    /// Prints it.
    #[expect(clippy::print_stdout, reason = "whoever runs the tests may want to see it")]
    pub(crate) fn print(&self) {
        println!(
            "{:20} {:6} {:>6} {:>9} {:>8} {:>9}",
            "source", "format", "files", "accepted", "refused", "disputed"
        );
        for ((source, format), [files, accepted, refused, disputed]) in &self.0 {
            println!("{source:20} {format:6} {files:>6} {accepted:>9} {refused:>8} {disputed:>9}");
        }
    }
}
