//! Bytes as lower-case hex digits.

/// Writes two digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        }
    }
    text
}

/// Reads exactly `N` bytes; `None` for any other length or digit.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    let mut bytes = [0; N];
    for byte in &mut bytes {
        let value = digits.next()?? << 4 | digits.next()??;
        *byte = u8::try_from(value).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

/// Reads any number of bytes; `None` for half a byte or another digit.
pub fn decode_vec(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| decode(std::str::from_utf8(pair).ok()?).map(|[byte]| byte);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_round_trip() {
        assert_eq!(encode(&[0, 9, 10, 255]), "00090aff");
        assert_eq!(decode("00090aFF"), Some([0, 9, 10, 255]));
        assert_eq!(decode_vec("00090aFF"), Some(vec![0, 9, 10, 255]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "0", "000", "zz00", "00é0", "000000"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
        for text in ["0", "zz00", "00é0", "+1"] {
            assert_eq!(decode_vec(text), None, "{text}");
        }
    }
}
