//! The signatures of other formats, searched for in the text of metadata.
//!
//! Metadata is where image files hold arbitrary bytes that decoders pass over, and where scripts are
//! hidden. The needles are what real metadata does not hold: XMP is XML without any of these tags, and
//! each is long enough to be rare in thumbnails and maker notes (`<svg` with what ends it turns up by
//! chance once in some 20 GB of random bytes, the others a hundred times less often).

use memchr::{memchr, memchr3_iter};

use super::Foreign;
use super::foreign::{BEGINNING, ends_tag, starts_with};
use super::overlap::Overlap;

/// The keyword of a PNG text chunk, or the name of a JPEG segment, ends with a NUL within this many
/// bytes (W3C PNG, third edition, §11.3.3.2); the text proper begins after it.
const KEYWORD: usize = 80;

/// What is kept of the beginning of a piece.
const HEAD: usize = KEYWORD + BEGINNING;

/// What a needle may lack to be whole.
const KEPT: usize = LONGEST - 1;

/// The length of the longest needle, together with what ends it.
const LONGEST: usize = 15;

/// Searches one piece of metadata after another, wherever they are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needles {
    /// The first bytes of the piece.
    head: [u8; HEAD],
    head_len: u8,
    last: Overlap<KEPT>,
}

const _: () = assert!(size_of::<Needles>() <= 160, "it is part of a walker's state");

impl Default for Needles {
    fn default() -> Self {
        Self { head: [0; HEAD], head_len: 0, last: Overlap::default() }
    }
}

impl Needles {
    /// A new piece of metadata begins.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Reads more of the piece.
    ///
    /// Of several findings it tells the one that is complete first, so that cuts make no difference.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<(), Foreign> {
        let beginning = self.beginning(bytes);
        let straddling = self.straddling(bytes);
        let found = straddling.or_else(|| find(bytes));
        self.last.keep(bytes);
        match [beginning, found].into_iter().flatten().min_by_key(|found| found.end) {
            Some(found) => Err(found.foreign),
            None => Ok(()),
        }
    }

    /// A signature at the beginning of the piece, or of the text after its keyword.
    fn beginning(&mut self, bytes: &[u8]) -> Option<Finding> {
        let before = usize::from(self.head_len);
        if before == HEAD {
            return None;
        }
        let free = self.head.get_mut(before..).unwrap_or_default();
        let more = free.len().min(bytes.len());
        for (kept, byte) in free.iter_mut().zip(bytes) {
            *kept = *byte;
        }
        self.head_len = u8::try_from(before + more).unwrap_or(u8::MAX);
        let head = self.head.get(..before + more).unwrap_or_default();
        let keyword = head.get(..KEYWORD).unwrap_or(head);
        let text = memchr(0, keyword).map(|nul| nul + 1);
        let signature = |start: usize| {
            let shown = head.get(start..)?;
            let shown = shown.get(..BEGINNING).unwrap_or(shown);
            let (foreign, len) = Foreign::signature(shown)?;
            // One that was complete before these bytes was told before.
            Some(Finding { end: (start + len).saturating_sub(before), foreign })
        };
        [Some(0), text].into_iter().flatten().filter_map(signature).min_by_key(|found| found.end)
    }

    /// A needle that begins in what was read before, and ends in `bytes`.
    fn straddling(&self, bytes: &[u8]) -> Option<Finding> {
        let mut room = [0; 2 * KEPT];
        let found = find(self.last.join(bytes, &mut room))?;
        Some(Finding { end: found.end.saturating_sub(self.last.len()), ..found })
    }
}

/// Something that was found.
#[derive(Clone, Copy)]
struct Finding {
    /// How many of the bytes read now it took.
    end: usize,
    foreign: Foreign,
}

/// The first needle that is whole in `bytes`.
fn find(bytes: &[u8]) -> Option<Finding> {
    memchr3_iter(b'<', b'_', b'%', bytes).find_map(|start| {
        let (len, foreign) = needle(bytes.get(start..)?)?;
        Some(Finding { end: start + len, foreign })
    })
}

/// The needle that `text` starts with, and its length.
fn needle(text: &[u8]) -> Option<(usize, Foreign)> {
    let (word, foreign): (&[u8], _) = match text.get(1)? {
        // Readers look for it in the first 1024 bytes of a file (PDF Reference 1.7, appendix H).
        b'P' if text.starts_with(b"%") => {
            let (foreign, len) = Foreign::signature(text)?;
            return Some((len, foreign));
        }
        b'?' => (b"<?php", Foreign::Php),
        b'_' => (b"__HALT_COMPILER", Foreign::Php),
        b'!' => (b"<!doctype html", Foreign::Html),
        b'h' | b'H' => (b"<html", Foreign::Html),
        b'i' | b'I' => (b"<iframe", Foreign::Html),
        b's' | b'S' if matches!(text.get(2), Some(b'c' | b'C')) => (b"<script", Foreign::Html),
        b's' | b'S' => (b"<svg", Foreign::Html),
        _ => return None,
    };
    if !starts_with(text, word) {
        return None;
    }
    if word.starts_with(b"_") {
        return Some((word.len(), foreign));
    }
    // PHP asks for white space after its tag; `<svg:g>` is of a namespace, `<htmlarea>` is no HTML.
    let end = *text.get(word.len())?;
    let ends = if foreign == Foreign::Php { end.is_ascii_whitespace() } else { ends_tag(end) };
    ends.then_some((word.len() + 1, foreign))
}

#[cfg(test)]
mod tests;
