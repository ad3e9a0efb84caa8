//! Base64 as it arrives (RFC 4648 §4): padded, canonical, without anything else in between.

use super::{Error, Sink};

/// How many characters are decoded at a time.
const BLOCK: usize = 1024;
/// What a block and three characters of the one before make, in bytes.
const DECODED_MAX: usize = 768;
/// Where a character stands for no value.
const NONE: u8 = 0xff;
/// What each character stands for.
const VALUES: [u8; 256] = values();

/// Decodes base64 piece by piece.
#[derive(Default)]
pub(super) struct Decoder {
    /// The values of the characters since the last multiple of four.
    bits: u32,
    /// Their number, with the padding.
    characters: u8,
    padding: u8,
    /// There was padding, so nothing may follow.
    ended: bool,
}

impl Decoder {
    /// Decodes the next characters of the image `name`.
    pub(super) fn push<S: Sink>(
        &mut self,
        name: &str,
        text: &[u8],
        sink: &mut S,
    ) -> Result<(), S::Error> {
        for block in text.chunks(BLOCK) {
            let mut decoded = [0; DECODED_MAX];
            let (len, outcome) = self.decode(block, &mut decoded);
            // What is right before a fault is passed on, so that cuts make no difference.
            match decoded.get(..len) {
                None | Some([]) => {}
                Some(bytes) => sink.image(bytes)?,
            }
            outcome.map_err(|expected| fault(name, expected))?;
        }
        Ok(())
    }

    /// The text is complete.
    pub(super) fn end(self, name: &str) -> Result<(), Error> {
        if self.characters == 0 {
            Ok(())
        } else {
            Err(fault(name, "groups of four characters, the last one padded with \"=\""))
        }
    }

    fn decode(
        &mut self,
        text: &[u8],
        decoded: &mut [u8; DECODED_MAX],
    ) -> (usize, Result<(), &'static str>) {
        let mut len = 0;
        let mut slots = decoded.chunks_exact_mut(3);
        for &character in text {
            match self.take(character) {
                Ok(None) => {}
                Ok(Some(([_, bytes @ ..], kept))) => {
                    if let Some(slot) = slots.next() {
                        slot.copy_from_slice(&bytes);
                        len += kept;
                    }
                }
                Err(expected) => return (len, Err(expected)),
            }
        }
        (len, Ok(()))
    }

    /// Takes a character; the fourth gives three bytes, of which so many count.
    fn take(&mut self, character: u8) -> Result<Option<([u8; 4], usize)>, &'static str> {
        if self.ended {
            return Err("nothing after the padding");
        }
        let value = if character == b'=' && self.characters >= 2 {
            self.padding += 1;
            0
        } else {
            let value = VALUES.get(usize::from(character)).copied().unwrap_or(NONE);
            if value == NONE || self.padding > 0 {
                return Err("A-Z, a-z, 0-9, \"+\", \"/\" and padding at the end only");
            }
            value
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.characters += 1;
        if self.characters < 4 {
            return Ok(None);
        }
        let (kept, unused) = match self.padding {
            0 => (3, 0),
            1 => (2, 0xff),
            _ => (1, 0xffff),
        };
        if self.bits & unused != 0 {
            return Err("no bits in the last character that belong to no byte");
        }
        let bytes = self.bits.to_be_bytes();
        *self = Self { ended: self.padding > 0, ..Self::default() };
        Ok(Some((bytes, kept)))
    }
}

fn fault(name: &str, expected: &'static str) -> Error {
    Error::Base64 { name: name.to_owned(), expected }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, in range")]
const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::record::Record;
    use super::*;

    fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Error>) {
        let mut record = Record::default();
        let mut decoder = Decoder::default();
        let pushed = pieces.iter().try_for_each(|piece| decoder.push("image", piece, &mut record));
        let outcome = pushed.and_then(|()| decoder.end("image"));
        (record.image(), outcome)
    }

    #[test]
    fn the_vectors_of_rfc_4648_are_decoded() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(&[text.as_bytes()]), (bytes.into(), Ok(())), "{text}");
        }
    }

    #[test]
    fn anything_but_canonical_base64_is_refused() {
        for text in [
            "Z",
            "Zg",
            "Zg=",
            "Zm8",
            "Zg==Zg==",
            "Zg===",
            "=",
            "Z===",
            "====",
            "Zh==",
            "Zm9=",
            "Zm9v\n",
            "Zm 9v",
            "Zm9-",
            "Zm9_",
            "Zm=v",
            "Zm9vZm9v\u{e9}=",
            "Zg=a",
        ] {
            assert!(decode(&[text.as_bytes()]).1.is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_decodes_what_the_library_decodes(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..2500).prop_map(|bytes| {
                    use base64ct::Encoding;
                    base64ct::Base64::encode_string(&bytes)
                }),
                "[A-Da-d01+/=]{0,12}",
            ],
            cut in any::<prop::sample::Index>(),
        ) {
            use base64ct::Encoding;
            let expected = base64ct::Base64::decode_vec(&text).ok();
            let (start, rest) = text.as_bytes().split_at(cut.index(text.len() + 1));
            let whole = decode(&[text.as_bytes()]);
            prop_assert_eq!(&decode(&[start, rest]), &whole);
            prop_assert_eq!(whole.1.is_ok().then_some(whole.0), expected);
        }
    }
}
