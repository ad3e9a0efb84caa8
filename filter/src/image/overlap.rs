//! The last bytes of a slice, kept for what straddles the cut to the next one.

/// Up to `N` of the bytes read last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlap<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Default for Overlap<N> {
    fn default() -> Self {
        const { assert!(N <= u8::MAX as usize, "their number is kept in a byte") }
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Overlap<N> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// These bytes, and then up to `N` of `next`, in `room`, which has place for `2 * N`.
    pub(super) fn join<'a>(&self, next: &[u8], room: &'a mut [u8]) -> &'a [u8] {
        let kept = self.bytes.iter().take(self.len());
        let joined = kept.chain(next.iter().take(N));
        let mut len = 0;
        for (place, byte) in room.iter_mut().zip(joined) {
            *place = *byte;
            len += 1;
        }
        room.get(..len).unwrap_or_default()
    }

    /// `next` was read.
    pub(super) fn keep(&mut self, next: &[u8]) {
        let fresh = next.len().min(N);
        let old = self.len();
        let kept = old.min(N - fresh);
        self.bytes.copy_within(old - kept..old, 0);
        let last = next.get(next.len() - fresh..).unwrap_or_default();
        for (place, byte) in self.bytes.iter_mut().skip(kept).zip(last) {
            *place = *byte;
        }
        self.len = u8::try_from(kept + fresh).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_bytes_are_kept_however_they_came(
            slices in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..8),
            next in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut overlap = Overlap::<7>::default();
            for slice in &slices {
                overlap.keep(slice);
            }
            let whole = slices.concat();
            let last = &whole[whole.len().saturating_sub(7)..];
            prop_assert_eq!(overlap.len(), last.len());
            let joined = [last, &next[..next.len().min(7)]].concat();
            let mut room = [0; 14];
            prop_assert_eq!(overlap.join(&next, &mut room), &joined);
        }
    }
}
