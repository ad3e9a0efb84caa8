//! Words: one of a list, or anything.

use arbitrary::{Arbitrary as _, Result, Unstructured};

/// The most words of a list. Fixed, so that a word more does not change what a corpus means.
const WORDS_MAX: u8 = 32;

/// One of `known`, or any text. One byte decides, so that a mutation can turn one into another.
pub(crate) fn text<'a>(input: &mut Unstructured<'a>, known: &[&'a str]) -> Result<&'a str> {
    match pick(input, known)? {
        Some(word) => Ok(word),
        None => <&str>::arbitrary(input),
    }
}

/// One of `known`, or any bytes.
pub(crate) fn bytes<'a>(input: &mut Unstructured<'a>, known: &[&'a str]) -> Result<&'a [u8]> {
    match pick(input, known)? {
        Some(word) => Ok(word.as_bytes()),
        None => <&[u8]>::arbitrary(input),
    }
}

/// One of `values`, by one byte.
pub(crate) fn choose<T: Copy>(input: &mut Unstructured<'_>, values: &[T]) -> Result<T> {
    Ok(values[usize::from(u8::arbitrary(input)?) % values.len()])
}

fn pick<'a>(input: &mut Unstructured<'_>, known: &[&'a str]) -> Result<Option<&'a str>> {
    assert!(known.len() < WORDS_MAX.into(), "no room for any text");
    Ok(known.get(usize::from(u8::arbitrary(input)? % WORDS_MAX)).copied())
}
