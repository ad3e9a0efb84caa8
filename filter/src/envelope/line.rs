//! A header line of a part, up to its CRLF (RFC 5322 §2.2).

use super::PART_LINE_MAX;
use super::bounded::Bounded;

/// Collects a line.
pub(super) struct LineReader {
    line: Bounded<PART_LINE_MAX>,
    /// A CR was seen, and LF must follow.
    ending: bool,
}

impl LineReader {
    pub(super) fn new() -> Self {
        Self { line: Bounded::new(), ending: false }
    }

    /// Takes bytes off `input` up to the end of a line, and says whether it was there.
    pub(super) fn push(&mut self, input: &mut &[u8]) -> Result<bool, &'static str> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            match (self.ending, byte) {
                (true, b'\n') => return Ok(true),
                (true, _) | (false, b'\n') => return Err("expected CRLF after a header line"),
                (false, b'\r') => self.ending = true,
                (false, 0..=8 | 11..=31 | 127) => {
                    return Err("expected no control characters in a header line");
                }
                (false, _) => {
                    let full = "expected at most 1024 bytes in a header line";
                    self.line.push(byte).map_err(|_| full)?;
                }
            }
        }
        Ok(false)
    }

    /// The line, once it was complete.
    pub(super) fn line(&self) -> &[u8] {
        self.line.as_slice()
    }

    /// Begins the next line.
    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.ending = false;
    }
}

const _: () = assert!(PART_LINE_MAX == 1024, "a message says 1024");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8]) -> Result<(bool, Vec<u8>), &'static str> {
        let mut reader = LineReader::new();
        let whole = reader.push(&mut input)?;
        Ok((whole, reader.line().to_vec()))
    }

    #[test]
    fn a_line_ends_with_crlf() {
        assert_eq!(read(b"\r\n"), Ok((true, vec![])));
        assert_eq!(read(b"a:\tb\xff\r\nc\r\n"), Ok((true, b"a:\tb\xff".to_vec())));
        assert_eq!(read(b"a: b\r"), Ok((false, b"a: b".to_vec())));
        let longest = [&[b'a'; 1024][..], b"\r\n"].concat();
        assert_eq!(read(&longest), Ok((true, vec![b'a'; 1024])));
    }

    #[test]
    fn anything_that_ends_a_line_elsewhere_is_refused() {
        for line in [&b"a\n"[..], b"a\rb", b"a\r\r\n", b"a\0\r\n", b"a\x0b\r\n", b"\x7f\r\n"] {
            assert!(read(line).is_err(), "{line:?}");
        }
        assert!(read(&[b'a'; 1025]).is_err());
    }
}
