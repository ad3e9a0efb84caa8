//! A JSON string without its quotes and escapes (RFC 8259 §7).

/// Reads a string from its opening quote on.
#[derive(Default)]
pub(super) struct StringReader {
    state: State,
}

#[derive(Clone, Copy, Default)]
enum State {
    /// Outside an escape.
    #[default]
    Plain,
    /// After a backslash; of a surrogate pair, perhaps the second.
    Escape { high: Option<u16> },
    /// In the digits after `\u`.
    Digits { high: Option<u16>, value: u16, seen: u8 },
    /// After the first half of a surrogate pair.
    Pair { high: u16 },
}

/// What comes next in a string.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next<'a> {
    /// Bytes as they stand there; whether they are UTF-8 is for the reader to judge.
    Plain(&'a [u8]),
    /// What an escape stands for.
    Escaped(char),
    /// The closing quote.
    End,
}

impl StringReader {
    /// Takes what comes next off `input`; `None` asks for more. What is wrong is left there.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Next<'a>>, &'static str> {
        if matches!(self.state, State::Plain) {
            let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
            let end = input.iter().position(special).unwrap_or(input.len());
            let (plain, rest) = input.split_at(end);
            if !plain.is_empty() {
                *input = rest;
                return Ok(Some(Next::Plain(plain)));
            }
        }
        while let Some((&byte, rest)) = input.split_first() {
            let next = self.take(byte)?;
            *input = rest;
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// Takes a byte that is not plain.
    fn take(&mut self, byte: u8) -> Result<Option<Next<'static>>, &'static str> {
        let (state, next) = match self.state {
            State::Plain => match byte {
                b'"' => (State::Plain, Some(Next::End)),
                b'\\' => (State::Escape { high: None }, None),
                _ => return Err("no control characters in a string"),
            },
            State::Pair { high } if byte == b'\\' => (State::Escape { high: Some(high) }, None),
            State::Escape { high } if byte == b'u' => {
                (State::Digits { high, value: 0, seen: 0 }, None)
            }
            State::Pair { .. } | State::Escape { high: Some(_) } => return Err(LONE),
            State::Escape { high: None } => {
                let escaped = simple(byte).ok_or("one of \" \\ / b f n r t u after a backslash")?;
                (State::Plain, Some(Next::Escaped(escaped)))
            }
            State::Digits { high, value, seen } => {
                let digit =
                    char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
                let value = value << 4 | digit.ok_or("four hexadecimal digits after \\u")?;
                if seen < 3 {
                    (State::Digits { high, value, seen: seen + 1 }, None)
                } else {
                    unit(high, value)?
                }
            }
        };
        self.state = state;
        Ok(next)
    }
}

const LONE: &str = "both halves of a surrogate pair";

/// What a letter after a backslash stands for.
const fn simple(letter: u8) -> Option<char> {
    Some(match letter {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// A code unit of UTF-16, perhaps after the first half of a pair.
fn unit(high: Option<u16>, value: u16) -> Result<(State, Option<Next<'static>>), &'static str> {
    if high.is_none() && (0xd800..0xdc00).contains(&value) {
        return Ok((State::Pair { high: value }, None));
    }
    let mut characters = char::decode_utf16(high.into_iter().chain([value]));
    match (characters.next(), characters.next()) {
        (Some(Ok(character)), None) => Ok((State::Plain, Some(Next::Escaped(character)))),
        _ => Err(LONE),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text of a string, and what follows it.
    fn read(pieces: &[&[u8]]) -> Result<Option<Vec<u8>>, &'static str> {
        let mut reader = StringReader::default();
        let mut text = vec![];
        for piece in pieces {
            let mut input = *piece;
            while let Some(next) = reader.next(&mut input)? {
                match next {
                    Next::Plain(bytes) => text.extend(bytes),
                    Next::Escaped(character) => {
                        text.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    Next::End => return Ok(Some(text)),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn escapes_are_undone() {
        for (string, text) in [
            (r#"""#, ""),
            (r#"a/b\/c""#, "a/b/c"),
            (r#"\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#"\u002b\u002B\u00e9\u20AC""#, "++é€"),
            (r#"\ud83d\ude00\uD83D\uDE00""#, "😀😀"),
            (r#"\uffff\ud7ff\ue000""#, "\u{ffff}\u{d7ff}\u{e000}"),
            ("é\u{7f}\"", "é\u{7f}"),
        ] {
            assert_eq!(read(&[string.as_bytes()]), Ok(Some(text.into())), "{string}");
        }
    }

    #[test]
    fn what_is_no_string_is_refused() {
        for string in [
            r"\x41",
            r"\U0041",
            r"\u00g0",
            r"\u+123",
            r"\'",
            "\n",
            "\0",
            "\x1f",
            r"\ud83d ",
            "\\ud83d\"",
            r"\ud83d\n",
            r"\ud83dx",
            r"\ud83d\u0041",
            r"\ud83d\ud83d",
            r"\ude00",
        ] {
            assert!(read(&[string.as_bytes()]).is_err(), "{string}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_the_library_reads(
            string in prop_oneof![
                "([ -~é😀]|\\\\[\"/bnu\\\\]|\\\\u00[0-9a-f]{2}|\\\\ud8[0-9]{2}|\\\\udc[0-9]{2}){0,8}",
                any::<String>().prop_map(|text| {
                    let quoted = serde_json::to_string(&text).unwrap();
                    quoted[1..quoted.len() - 1].to_owned()
                }),
            ],
            cut in any::<prop::sample::Index>(),
        ) {
            let string = format!("{string}\"");
            let whole = read(&[string.as_bytes()]);
            let (start, rest) = string.as_bytes().split_at(cut.index(string.len() + 1));
            prop_assert_eq!(&read(&[start, rest]), &whole);
            let quoted = format!("\"{string}");
            let mut library = serde_json::Deserializer::from_str(&quoted).into_iter::<String>();
            match (whole, library.next()) {
                (Ok(Some(text)), Some(Ok(expected))) => {
                    prop_assert_eq!(text, expected.into_bytes());
                }
                (Ok(None) | Err(_), Some(Err(_))) => {}
                (ours, theirs) => prop_assert!(false, "{quoted}: {ours:?} {theirs:?}"),
            }
        }
    }
}
