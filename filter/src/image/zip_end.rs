//! The record at the end of a ZIP archive (APPNOTE.TXT §4.3.16), wherever in an image it stands.
//!
//! Readers look for it backwards from the end of the file, and differ in what else they demand: Python
//! compares neither numbers of entries nor the length of the comment, Java and Info-ZIP tolerate
//! bytes after the comment. What none of them can do without is a central directory (§4.3.12) before
//! the record, no longer than the record says. That is what counts here, so that no change to a field
//! that some reader ignores hides an archive; by chance it is met once in billions of photos. An
//! empty archive has no directory, and hides nothing.

use memchr::memmem;

use super::overlap::Overlap;

/// A header of the central directory.
const DIRECTORY: &[u8] = b"PK\x01\x02";

/// The end record.
const END: &[u8] = b"PK\x05\x06";

/// The ZIP64 locator (§4.3.15), which stands right before the end record if the archive has one: the
/// sizes are then in another record, and some readers ignore those of the end record.
const LOCATOR: &[u8] = b"PK\x06\x07";

const LOCATOR_LEN: usize = 20;

/// The end record without its comment.
const END_LEN: usize = 22;

/// Where in the end record the size of the central directory is.
const SIZE: usize = 12;

/// A header of the central directory without what varies in length.
const ENTRY_LEN: u64 = 46;

/// From the end of the file, readers go back over the longest comment and the record: 65,557 bytes.
/// Info-ZIP goes back the farthest, this many.
const REACH: u64 = 66_000;

/// What is kept, so that an end record is seen whole wherever it is cut, and the locator before it.
const KEPT: usize = LOCATOR_LEN + END_LEN - 1;

/// Looks for an end-of-central-directory record that fits the end of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ZipEnd {
    /// Bytes read so far.
    position: u64,
    /// Where the last header of a central directory starts.
    directory: Option<u64>,
    /// Where the last end record that fits a directory starts.
    end: Option<u64>,
    last: Overlap<KEPT>,
}

impl ZipEnd {
    /// Reads the next bytes of the file.
    pub(super) fn scan(&mut self, bytes: &[u8]) {
        let before = self.last.len();
        let mut room = [0; 2 * KEPT];
        let joined = self.last.join(bytes, &mut room);
        self.search(joined, self.position.saturating_sub(before as u64), before);
        if bytes.len() > KEPT {
            self.search(bytes, self.position, KEPT);
        }
        self.position = self.position.saturating_add(bytes.len() as u64);
        self.last.keep(bytes);
    }

    /// Whether the file, which ends here, ends with a ZIP archive.
    pub(super) fn found(&self) -> bool {
        self.end.is_some_and(|end| self.position.saturating_sub(end) <= REACH)
    }

    /// Looks at what is whole in `bytes`, which start at `start`, and was not in the first `seen`.
    fn search(&mut self, bytes: &[u8], start: u64, seen: usize) {
        for at in memmem::find_iter(bytes, b"PK") {
            // Headers are looked at as late as end records, so that the order is that of the file.
            let whole = at + END_LEN;
            let Some(record) = bytes.get(at..whole) else { return };
            if whole <= seen {
                continue;
            }
            let position = start.saturating_add(at as u64);
            if record.starts_with(DIRECTORY) {
                self.directory = Some(position);
            } else if record.starts_with(END) && self.fits(record, before(bytes, at), position) {
                self.end = Some(position);
            }
        }
    }

    /// Whether there is a central directory for the end record at `position`.
    fn fits(&self, record: &[u8], before: &[u8], position: u64) -> bool {
        let Some(directory) = self.directory else { return false };
        if before.starts_with(LOCATOR) {
            return true;
        }
        let size = record.get(SIZE..).and_then(<[u8]>::first_chunk);
        let size = size.map_or(0, |size| u64::from(u32::from_le_bytes(*size)));
        // Its first header stands this far before the record; the last one stands there or after.
        (ENTRY_LEN..=position).contains(&size) && position - size <= directory
    }
}

/// What stands where the locator would stand.
fn before(bytes: &[u8], record: usize) -> &[u8] {
    record.checked_sub(LOCATOR_LEN).and_then(|at| bytes.get(at..record)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
