//! Percent-encoding (RFC 3986 §2.1), as forms have it.

/// Decodes every whole escape; anything else stands for itself, as in the URL standard.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, tail) = escape(rest).unwrap_or((first, tail));
        bytes.push(byte);
        rest = tail;
    }
    bytes
}

/// Encodes everything but letters, digits and `*-._`: the set of
/// `application/x-www-form-urlencoded`, with spaces as `%20`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&crate::hex::encode(&[byte]).to_ascii_uppercase());
        }
    }
    text
}

/// The byte of the escape that `bytes` begins with, and what follows it.
fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, tail @ ..] = bytes else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = digit(*high)? << 4 | digit(*low)?;
    Some((u8::try_from(byte).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_escapes_are_decoded() {
        for (text, expected) in [
            ("a%20b", "a b"),
            ("%2f%2F", "//"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("+", "+"),
        ] {
            assert_eq!(decode(text), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            let text = encode(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decode(&text), bytes);
        }
    }
}
