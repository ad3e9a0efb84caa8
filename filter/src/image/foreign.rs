//! Other formats that a file could be taken for.

use std::fmt;

/// A format that is no image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Foreign {
    /// A ZIP archive: also JAR, APK and office documents.
    Zip,
    /// A PDF document.
    Pdf,
    /// A program for Windows (PE).
    Pe,
    /// A program for Linux and others (ELF).
    Elf,
    /// HTML, SVG or a script in it.
    Html,
    /// PHP, or a PHAR archive of it.
    Php,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zip => "a ZIP archive",
            Self::Pdf => "a PDF document",
            Self::Pe => "a Windows program",
            Self::Elf => "an ELF program",
            Self::Html => "HTML or a script",
            Self::Php => "PHP code",
        })
    }
}

/// As many bytes of a beginning as tell all there is to tell.
pub(super) const BEGINNING: usize = 64;

/// Where an MZ header says where its PE header is (Microsoft PE format, "MS-DOS stub").
const E_LFANEW: usize = 0x3c;

/// Behind the MZ header, and on a page that linkers use: their stubs are a few hundred bytes long.
/// A PE header further in belongs to no program that is sent as it was linked.
const PLAUSIBLE_PE: std::ops::Range<usize> = 0x40..0x1000;

/// Tags with which browsers take a document for HTML or SVG.
const TAGS: [&[u8]; 7] =
    [b"<!doctype html", b"<html", b"<script", b"<svg", b"<head", b"<body", b"<iframe"];

impl Foreign {
    /// What `bytes`, the beginning of something, are the full signature of.
    ///
    /// What could still become a signature is none: more bytes never take back what fewer have told,
    /// up to [`BEGINNING`] of them.
    pub(super) fn of_beginning(bytes: &[u8]) -> Option<Self> {
        Self::signature(bytes).map(|(foreign, _)| foreign)
    }

    /// The same, and how many of the bytes it took to tell.
    pub(super) fn signature(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some((Self::Zip, 4)),
            [b'%', b'P', b'D', b'F', b'-', b'0'..=b'9', ..] => Some((Self::Pdf, 6)),
            [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, ..] => Some((Self::Elf, 6)),
            [b'M', b'Z', ..] => is_program(bytes).then_some((Self::Pe, BEGINNING)),
            _ => text(bytes),
        }
    }
}

/// Whether an MZ header is that of a program: its PE header is there, or out of sight where it may be.
fn is_program(bytes: &[u8]) -> bool {
    let Some(offset) = bytes.get(E_LFANEW..).and_then(<[u8]>::first_chunk) else { return false };
    let offset = u32::from_le_bytes(*offset) as usize;
    let header = bytes.get(offset..).and_then(<[u8]>::first_chunk::<4>);
    // Windows loads no program whose PE header is not aligned like this.
    let plausible = PLAUSIBLE_PE.contains(&offset) && offset.is_multiple_of(4);
    header.map_or(plausible, |header| header == b"PE\0\0")
}

/// What begins with text, after a byte order mark and white space, if they are there.
fn text(bytes: &[u8]) -> Option<(Foreign, usize)> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let before = bytes.len() - text.len();
    if text.first() != Some(&b'<') {
        return None;
    }
    let (foreign, len) = if starts_with(text, b"<?php") {
        (Foreign::Php, 5)
    } else if text.starts_with(b"<?=") {
        (Foreign::Php, 3)
    } else {
        let tag = TAGS.into_iter().find(|tag| starts_with(text, tag))?;
        // `<header>` is none of them, nor is the `<svg:g>` of another namespace.
        text.get(tag.len()).filter(|byte| ends_tag(**byte))?;
        (Foreign::Html, tag.len() + 1)
    };
    Some((foreign, before + len))
}

/// Whether `text` starts with `word`, in any case.
pub(super) fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Whether the name of a tag ends before `byte`.
pub(super) const fn ends_tag(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An MZ header that says its PE header is at `offset`.
    fn mz(offset: u32) -> Vec<u8> {
        let mut bytes = b"MZ\x90\0".to_vec();
        bytes.resize(E_LFANEW, 0);
        bytes.extend(offset.to_le_bytes());
        bytes
    }

    #[test]
    fn full_signatures_are_recognised_and_no_shorter_ones() {
        for (signature, foreign) in [
            (&b"PK\x03\x04"[..], Foreign::Zip),
            (b"PK\x05\x06", Foreign::Zip),
            (b"%PDF-1", Foreign::Pdf),
            (b"\x7fELF\x02\x01", Foreign::Elf),
            (b"\x7fELF\x01\x02", Foreign::Elf),
            (b"<!DocType HTML>", Foreign::Html),
            (b"<html>", Foreign::Html),
            (b"<SCRIPT ", Foreign::Html),
            (b"<svg\n", Foreign::Html),
            (b"<svg/", Foreign::Html),
            (b"<head>", Foreign::Html),
            (b"<body\t", Foreign::Html),
            (b"<iframe ", Foreign::Html),
            (b"\xef\xbb\xbf<html>", Foreign::Html),
            (b" \r\n\t<html>", Foreign::Html),
            (b"\xef\xbb\xbf\n<?PHP", Foreign::Php),
            (b"<?=", Foreign::Php),
        ] {
            assert_eq!(Foreign::of_beginning(signature), Some(foreign), "{signature:?}");
            let longer = [signature, b" and more"].concat();
            assert_eq!(Foreign::signature(&longer), Some((foreign, signature.len())));
            for len in 0..signature.len() {
                assert_eq!(Foreign::of_beginning(&signature[..len]), None, "{signature:?} {len}");
            }
        }
    }

    #[test]
    fn what_only_resembles_a_signature_is_none() {
        for bytes in [
            &b"just some text"[..],
            b"PK\x03\x05 and more",
            b"%PDF-x",
            b"\x7fELF\x03\x01 ",
            b"\x7fELF\x01\0 ",
            b"<header>",
            b"<svg:svg>",
            b"<html5>",
            b"<?xpacket begin",
            b"<?xml version='1.0'?>",
            b"<x:xmpmeta xmlns",
            b"x<html>",
            b"II*\0\x08\0\0\0",
        ] {
            assert_eq!(Foreign::of_beginning(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_program_says_where_its_header_is() {
        for offset in [0x40, 0x80, 0xf8, 0xffc] {
            assert_eq!(Foreign::of_beginning(&mz(offset)), Some(Foreign::Pe), "{offset:#x}");
        }
        // Within the MZ header, where nothing says PE; unaligned; further in than any linker puts it;
        // ASCII text.
        for offset in [0, 4, 60, 0x82, 0x1000, 0x2020_2020, u32::MAX] {
            assert_eq!(Foreign::of_beginning(&mz(offset)), None, "{offset:#x}");
        }
        let mut tiny = mz(4);
        tiny[4..8].copy_from_slice(b"PE\0\0");
        assert_eq!(Foreign::of_beginning(&tiny), Some(Foreign::Pe));
        let mut shown = mz(0x40);
        shown.extend(b"PE\0\0");
        assert_eq!(Foreign::of_beginning(&shown), Some(Foreign::Pe));
        shown[0x40] = b'N';
        assert_eq!(Foreign::of_beginning(&shown), None);
        assert_eq!(Foreign::of_beginning(&mz(0x80)[..63]), None);
        assert_eq!(Foreign::of_beginning(b"MZ and other words"), None);
    }

    proptest! {
        #[test]
        fn more_bytes_never_take_back_what_fewer_have_told(
            start in prop::sample::select(vec![
                b"PK\x03\x04".to_vec(), b"%PDF-1".to_vec(), b"<svg ".to_vec(), b"<?=".to_vec(),
                b"\xef\xbb\xbf \n<html".to_vec(), mz(0x80), mz(4), b"<".to_vec(), vec![],
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..BEGINNING),
        ) {
            let mut bytes = [start, rest].concat();
            bytes.truncate(BEGINNING);
            let whole = Foreign::signature(&bytes);
            for len in 0..=bytes.len() {
                let expected = whole.filter(|(_, needed)| len >= *needed);
                prop_assert_eq!(Foreign::signature(&bytes[..len]), expected);
            }
        }
    }
}
