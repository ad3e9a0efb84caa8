//! Keys that were made elsewhere.

use filter::api_key::PREFIX;
use filter::key::hash_at_rest;

/// The fewest random bits a key must be said to have.
pub const ENTROPY_BITS_MIN: u16 = 112;
/// The fewest characters of a key that was made elsewhere.
const LENGTH_MIN: usize = 16;
/// The most characters of one.
const LENGTH_MAX: usize = 256;

/// The hash of a key that was made elsewhere, and fit to be one here. The key itself is forgotten.
pub struct ImportedKey([u8; 32]);

/// Why a text is not taken as a key. None of the messages repeats it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// Too few random bits.
    #[error(
        "expected at least {ENTROPY_BITS_MIN} random bits, got {0}: a key is kept as its plain \
         SHA-256, and one with fewer bits can be found by trying"
    )]
    Weak(u16),
    /// More random bits than the text has room for.
    #[error("a text like this has room for {room} random bits, not for {claimed}")]
    NoRoom {
        /// What was said.
        claimed: u16,
        /// What is possible.
        room: u16,
    },
    /// Too short or too long.
    #[error("expected a key of {LENGTH_MIN} to {LENGTH_MAX} characters, got {0}")]
    Length(usize),
    /// A character that no header field carries unharmed.
    #[error("expected visible ASCII characters alone, without spaces")]
    Character,
    /// It would be read as a key of our own.
    #[error("it begins with {PREFIX}, as only keys made by `lunette keys new` do")]
    Own,
    /// It would be read as a token.
    #[error("it has two dots or more: a gate would take it for a JSON Web Token")]
    Token,
}

impl ImportedKey {
    /// Judges a text that is said to have `entropy_bits` random bits. One line end after it is not
    /// part of it.
    pub fn parse(text: &[u8], entropy_bits: u16) -> Result<Self, ImportError> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&text.len()) {
            return Err(ImportError::Length(text.len()));
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(ImportError::Character);
        }
        if text.starts_with(PREFIX.as_bytes()) {
            return Err(ImportError::Own);
        }
        if text.split(|&byte| byte == b'.').count() > 2 {
            return Err(ImportError::Token);
        }
        if entropy_bits < ENTROPY_BITS_MIN {
            return Err(ImportError::Weak(entropy_bits));
        }
        match room(text) {
            room if entropy_bits > room => Err(ImportError::NoRoom { claimed: entropy_bits, room }),
            _ => Ok(Self(hash_at_rest(text))),
        }
    }

    pub(super) fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The most random bits that a text of this length and these kinds of characters can hold. Whoever
/// claims more has counted wrongly; how many it really holds, nobody can see.
fn room(text: &[u8]) -> u16 {
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let is_hex = |letters: std::ops::RangeInclusive<u8>| {
        text.iter().all(|byte| byte.is_ascii_digit() || letters.contains(byte))
    };
    let alphabet = if is_hex(b'a'..=b'f') || is_hex(b'A'..=b'F') {
        16
    } else {
        let kinds: [(bool, u8); 4] = [
            (has(u8::is_ascii_digit), 10),
            (has(u8::is_ascii_lowercase), 26),
            (has(u8::is_ascii_uppercase), 26),
            (has(u8::is_ascii_punctuation), 32),
        ];
        kinds.iter().filter(|(there, _)| *there).map(|(_, count)| count).sum()
    };
    let bits = f64::from(alphabet).log2() * f64::from(u16::try_from(text.len()).unwrap_or(0));
    // At most 256 characters of less than 7 bits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1792")]
    let bits = bits as u16;
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc";

    fn problem(text: &[u8], bits: u16) -> ImportError {
        ImportedKey::parse(text, bits).err().expect("it is refused")
    }

    #[test]
    fn a_key_is_its_text_without_the_line_end() {
        let hash = |text: &[u8]| *ImportedKey::parse(text, 128).unwrap().hash();
        assert_eq!(hash(GOOD), hash_at_rest(GOOD));
        for end in [&b"\n"[..], b"\r\n"] {
            assert_eq!(hash(&[GOOD, end].concat()), hash(GOOD));
        }
    }

    #[test]
    fn few_random_bits_are_refused_and_it_is_said_why() {
        assert_eq!(problem(GOOD, 111), ImportError::Weak(111));
        assert!(problem(GOOD, 111).to_string().contains("SHA-256"));
        assert!(ImportedKey::parse(GOOD, 112).is_ok());
    }

    #[test]
    fn no_text_holds_more_bits_than_its_characters() {
        let hex = b"0123456789abcdef0123456789abcdef";
        assert!(ImportedKey::parse(hex, 128).is_ok());
        assert_eq!(problem(hex, 129), ImportError::NoRoom { claimed: 129, room: 128 });
        // 17 of 94 characters: 111 bits.
        assert_eq!(
            problem(b"aB3$aB3$aB3$aB3$a", 112),
            ImportError::NoRoom { claimed: 112, room: 111 }
        );
        assert!(ImportedKey::parse(b"aB3$aB3$aB3$aB3$aB", 112).is_ok());
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        assert_eq!(problem(b"lun_0123456789abcdefghijklmn", 128), ImportError::Own);
        assert_eq!(problem(b"eyJhbGciOi.eyJpc3MiOiJj.c2lnbmF0", 128), ImportError::Token);
        assert!(ImportedKey::parse(b"corp.4eC39HqLyjWDarjtT1zdp7dc", 128).is_ok());
    }

    #[test]
    fn what_a_header_field_would_not_carry_is_refused() {
        assert_eq!(problem(&[b'x'; 15], 112), ImportError::Length(15));
        assert_eq!(problem(&[b'x'; 257], 112), ImportError::Length(257));
        for bad in [" ", "\t", "\n", "\u{7f}", "\0", "é"] {
            let text = [GOOD, bad.as_bytes(), GOOD].concat();
            assert_eq!(problem(&text, 128), ImportError::Character, "{bad:?}");
        }
        assert_eq!(problem(&[GOOD, b"\n\n"].concat(), 128), ImportError::Character);
    }

    #[test]
    fn no_message_repeats_the_text() {
        for text in [&b"short"[..], b"lun_0123456789abcdefghijklmn", b"a.b.cdefghijklmnopqr"] {
            let message = problem(text, 0).to_string();
            assert!(!message.contains(std::str::from_utf8(text).unwrap()), "{message}");
        }
    }
}
