//! Where bytes are cut.

/// Pieces of two lengths by turns, each one more than these say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut(pub(crate) u8, pub(crate) u8);

/// The pieces of `bytes`.
pub(crate) fn pieces(mut bytes: &[u8], Cut(one, other): Cut) -> impl Iterator<Item = &[u8]> {
    let mut lengths = [one, other].map(|length| usize::from(length) + 1).into_iter().cycle();
    std::iter::from_fn(move || {
        let length = lengths.next()?.min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
