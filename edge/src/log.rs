//! What goes wrong in the Worker itself, for its log: a few lines a second, since a flood can cause as many.

use std::cell::Cell;
use std::fmt::Arguments;

use crate::time;

/// How many lines there are in a second at most.
const LINES: u32 = 10;

#[derive(Clone, Copy, Default)]
struct Second {
    number: u64,
    lines: u32,
}

thread_local! {
    static SECOND: Cell<Second> = const { Cell::new(Second { number: 0, lines: 0 }) };
}

/// Writes a line, or only counts it; the first line of another second says how many were counted.
pub(crate) fn error(line: Arguments<'_>) {
    let number = time::now().unix.0 / 1000;
    let mut second = SECOND.get();
    if second.number != number {
        let more = second.lines.saturating_sub(LINES);
        if more > 0 {
            worker::console_error!("{more} more lines of this kind");
        }
        second = Second { number, lines: 0 };
    }
    second.lines = second.lines.saturating_add(1);
    SECOND.set(second);
    if second.lines <= LINES {
        worker::console_error!("{line}");
    }
}
