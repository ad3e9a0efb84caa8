//! The grammar of a JSON number (RFC 8259 §6).

/// How far a number was read.
#[derive(Clone, Copy)]
pub(super) enum Number {
    /// Before its first byte.
    Start,
    /// After the sign.
    Minus,
    /// A zero, which no digit follows.
    Zero,
    /// The digits before the point.
    Integer,
    /// After the point.
    Point,
    /// The digits after the point.
    Fraction,
    /// After the `e`.
    E,
    /// After the sign of the exponent.
    Sign,
    /// The digits of the exponent.
    Exponent,
}

impl Number {
    /// How far it is read with `byte`, if that belongs to it.
    pub(super) const fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Start, b'-') => Some(Self::Minus),
            (Self::Start | Self::Minus, b'0') => Some(Self::Zero),
            (Self::Start | Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => {
                Some(Self::Integer)
            }
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    /// Whether it may end here.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_number(text: &str) -> bool {
        let read = text.bytes().try_fold(Number::Start, Number::next);
        read.is_some_and(Number::is_whole)
    }

    proptest! {
        #[test]
        fn it_takes_what_the_library_takes(text in "[-+]?[019]{0,2}[.]?[01]{0,2}[eE]?[-+]?[01]?") {
            let library = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(is_number(&text), library, "{}", text);
        }
    }
}
