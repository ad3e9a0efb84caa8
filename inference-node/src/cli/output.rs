//! What commands print: plain text in aligned columns, or JSON.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

/// Text that is safe on a terminal: control characters, and characters that reorder text, are
/// written as escapes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match c {
        c if is_unsafe(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

fn is_unsafe(c: char) -> bool {
    // Bidirectional marks, embeddings, overrides and isolates (Unicode UAX #9), and line separators.
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Rows under a heading, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let rows = rows.into_iter().map(|row| row.map(|cell| escape(&cell).into_owned()));
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = io::stdout().lock();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        writeln!(out, "{}", cells.collect::<String>().trim_end())?;
    }
    out.flush()
}

/// Names and values, one pair a line.
pub(super) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> io::Result<()> {
    let fields: Vec<_> = fields.into_iter().collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = io::stdout().lock();
    for (name, value) in fields {
        writeln!(out, "{name:width$}  {}", escape(&value))?;
    }
    out.flush()
}

/// A line.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A remark beside the result, on standard error.
pub(super) fn remark(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{}", escape(text))
}

/// A value as JSON, indented.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    // It may hold a key that is shown this one time.
    line(&Zeroizing::new(serde_json::to_string_pretty(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_cannot_steer_a_terminal() {
        assert_eq!(escape("plain, ä and 図"), "plain, ä and 図");
        assert_eq!(escape("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(escape("\u{202e}evil\u{9b}"), "\\u{202e}evil\\u{9b}");
    }
}
