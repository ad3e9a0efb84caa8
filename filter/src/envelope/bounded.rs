//! A few bytes, kept in place.

/// At most `N` bytes, kept in place.
#[derive(Clone, Copy)]
pub(super) struct Bounded<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// There is no room left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

impl<const N: usize> Bounded<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<(), Full> {
        *self.bytes.get_mut(self.len).ok_or(Full)? = byte;
        self.len += 1;
        Ok(())
    }

    /// Appends what there is room for, and says whether that was all.
    pub(super) fn extend(&mut self, bytes: impl IntoIterator<Item = u8>) -> Result<(), Full> {
        bytes.into_iter().try_for_each(|byte| self.push(byte))
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut bounded = Bounded::<3>::new();
        assert_eq!(bounded.extend(*b"ab"), Ok(()));
        assert_eq!(bounded.extend(*b"cd"), Err(Full));
        assert_eq!(bounded.as_slice(), b"abc");
        bounded.clear();
        assert_eq!(bounded.as_slice(), b"");
    }
}
