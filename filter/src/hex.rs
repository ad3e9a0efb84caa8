//! Bytes as lower-case hex digits.

/// Writes two digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_round_trip() {
        assert_eq!(encode(&[0, 9, 10, 255]), "00090aff");
        assert_eq!(decode("00090aFF"), Some([0, 9, 10, 255]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "0", "000", "zz00", "00é0", "000000"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
    }
}
