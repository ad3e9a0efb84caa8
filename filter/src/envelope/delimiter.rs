//! Finds the delimiter between the parts of a multipart body, wherever the body is cut (RFC 2046
//! §5.1.1).
//!
//! A delimiter is CRLF, `--` and the boundary. CR stands at its beginning and nowhere else, because
//! no boundary has one; so where a match fails, no later match can have begun inside it, and what
//! was held back for it is content.

use super::Boundary;

/// CRLF and two dashes.
const PREFIX: &[u8; 4] = b"\r\n--";
/// The longest delimiter.
const DELIMITER_MAX: usize = PREFIX.len() + 70;

/// What comes before a part.
pub(super) struct Delimiter {
    bytes: [u8; DELIMITER_MAX],
    len: usize,
}

/// How much of a delimiter was seen, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Matched(usize);

/// What comes next.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next<'a> {
    /// Bytes that belong to no delimiter.
    Content(&'a [u8]),
    /// The delimiter.
    Delimiter,
}

impl Matched {
    /// At the beginning of a body the first CRLF may be missing.
    pub(super) const CRLF: Self = Self(2);
}

impl Delimiter {
    pub(super) fn new(boundary: &Boundary) -> Self {
        let mut bytes = [0; DELIMITER_MAX];
        let both = PREFIX.iter().chain(boundary.as_bytes());
        let len = bytes.iter_mut().zip(both).map(|(to, from)| *to = *from).count();
        Self { bytes, len }
    }

    /// Takes what comes next off `input`. `None` asks for more input; a delimiter that has begun is
    /// then remembered in `matched`.
    pub(super) fn next<'a, 'input: 'a>(
        &'a self,
        matched: &mut Matched,
        input: &mut &'input [u8],
    ) -> Option<Next<'a>> {
        if *matched == Matched::default() {
            let (content, rest) = input.split_at(self.candidate(input));
            *input = rest;
            if !content.is_empty() {
                return Some(Next::Content(content));
            }
        }
        let (held, missing) = self.as_slice().split_at_checked(matched.0)?;
        let common = common_prefix(missing, input);
        *input = input.get(common..).unwrap_or_default();
        matched.0 += common;
        if common == missing.len() {
            *matched = Matched::default();
            Some(Next::Delimiter)
        } else if input.is_empty() {
            None
        } else {
            let held = self.as_slice().get(..matched.0).unwrap_or(held);
            *matched = Matched::default();
            Some(Next::Content(held))
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Where in `input` a delimiter begins, or may begin if more of it follows.
    fn candidate(&self, input: &[u8]) -> usize {
        let mut from = 0;
        while let Some(rest) = input.get(from..) {
            let Some(cr) = find_cr(rest) else { break };
            let begun = rest.get(cr..).unwrap_or_default();
            let common = common_prefix(self.as_slice(), begun);
            if common == self.len || common == begun.len() {
                return from + cr;
            }
            // At least the CR itself is common.
            from += cr + common;
        }
        input.len()
    }
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The first CR. Whole blocks without one are passed over at once, which compiles to vector
/// instructions.
fn find_cr(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let is_cr = |&byte: &u8| u8::from(byte == b'\r');
    let has_cr = |block: &[u8]| block.iter().fold(0, |found, byte| found | is_cr(byte)) != 0;
    let skipped = bytes.chunks_exact(BLOCK).take_while(|block| !has_cr(block)).count() * BLOCK;
    let rest = bytes.get(skipped..).unwrap_or_default();
    rest.iter().position(|&byte| byte == b'\r').map(|index| skipped + index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boundary(text: &str) -> Boundary {
        Boundary::parse(format!("m/f; boundary=\"{text}\"").as_bytes()).unwrap()
    }

    /// What stands between the delimiters, with what was held back at the end.
    fn split(text: &str, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let delimiter = Delimiter::new(&boundary(text));
        let mut matched = Matched::default();
        let mut parts = vec![vec![]];
        for piece in pieces {
            let mut input = *piece;
            while let Some(next) = delimiter.next(&mut matched, &mut input) {
                match next {
                    Next::Content(bytes) => parts.last_mut().unwrap().extend(bytes),
                    Next::Delimiter => parts.push(vec![]),
                }
            }
            assert!(input.is_empty());
        }
        parts.last_mut().unwrap().extend(&delimiter.as_slice()[..matched.0]);
        parts
    }

    /// The same, by looking at every place.
    fn split_naively(text: &str, body: &[u8]) -> Vec<Vec<u8>> {
        let delimiter = [b"\r\n--", text.as_bytes()].concat();
        let mut parts = vec![vec![]];
        let mut rest = body;
        while let Some((first, after)) = rest.split_first() {
            if let Some(after) = rest.strip_prefix(delimiter.as_slice()) {
                parts.push(vec![]);
                rest = after;
            } else {
                parts.last_mut().unwrap().push(*first);
                rest = after;
            }
        }
        parts
    }

    #[test]
    fn content_is_passed_on_as_it_lies_there() {
        let delimiter = Delimiter::new(&boundary("b"));
        let mut matched = Matched::default();
        let mut input = &b"a\r\n-\r\r\nc\r\n--b--"[..];
        let next = delimiter.next(&mut matched, &mut input);
        assert_eq!(next, Some(Next::Content(b"a\r\n-\r\r\nc")));
        assert_eq!(delimiter.next(&mut matched, &mut input), Some(Next::Delimiter));
        assert_eq!(input, b"--");
    }

    #[test]
    fn the_first_cr_is_found() {
        for len in [0, 1, 63, 64, 65, 200] {
            let mut bytes = vec![b'\n'; len];
            assert_eq!(find_cr(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'\r';
                assert_eq!(find_cr(&bytes), Some(at), "{len}");
            }
        }
    }

    /// Bytes that make and nearly make delimiters.
    fn body(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let snippet = prop_oneof![
            (0..=text.len()).prop_map(move |end| [b"\r\n--", &text.as_bytes()[..end]].concat()),
            Just([b"\r\n--", text.as_bytes()].concat()),
            Just(text.as_bytes().to_vec()),
            prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("-"), Just("--"), Just("a")]
                .prop_map(|text| text.as_bytes().to_vec()),
        ];
        proptest::collection::vec(snippet, 0..12).prop_map(|snippets| snippets.concat())
    }

    proptest! {
        #[test]
        fn every_delimiter_is_found_wherever_the_body_is_cut(
            (text, body) in prop_oneof![
                Just("b"), Just("--aa--aab"), Just("-"), Just("----"), Just("aaaa"), Just("ab a"),
            ].prop_flat_map(|text| (Just(text), body(text))),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let expected = split_naively(text, &body);
            prop_assert_eq!(&split(text, &[&body]), &expected);
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            prop_assert_eq!(&split(text, &bytes), &expected);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&split(text, &pieces), &expected);
        }
    }
}
