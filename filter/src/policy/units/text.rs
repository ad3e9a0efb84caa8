//! Reads a quantity out of a text of a policy file.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A quantity that is written as a text.
pub(in crate::policy) trait Written: Sized {
    /// What a reader of an error message is told to write.
    const EXPECTED: &'static str;

    /// The quantity, if `text` is one.
    fn parse(text: &str) -> Option<Self>;
}

/// Deserialises a text, and nothing else, as a quantity.
pub(in crate::policy) fn deserialize<'de, T: Written, D: Deserializer<'de>>(
    input: D,
) -> Result<T, D::Error> {
    struct Text<T>(PhantomData<T>);

    impl<T: Written> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            T::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
        }
    }

    input.deserialize_str(Text(PhantomData))
}
