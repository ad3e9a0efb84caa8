//! Places in a stream, each seen together with what follows it, wherever the stream is cut.

/// How far each place is seen: the header of one of Samsung's blocks, its name, and what it begins
/// with.
pub(super) const REACH: usize = 8 + 64 + 64;
/// What is kept: less than one place needs.
const KEPT: usize = REACH - 1;

/// The bytes whose places were not seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookahead {
    kept: [u8; KEPT],
    len: usize,
}

impl Default for Lookahead {
    fn default() -> Self {
        Self { kept: [0; KEPT], len: 0 }
    }
}

impl Lookahead {
    /// Reads more. `see` is called with bytes and how many of them, from the first, are to be seen as
    /// places: each has [`REACH`] bytes. No place is seen twice, and none is left out.
    pub(super) fn read<E>(
        &mut self,
        bytes: &[u8],
        mut see: impl FnMut(&[u8], usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.len > 0 {
            let near = bytes.get(..KEPT).unwrap_or(bytes);
            let mut seam = [0; 2 * KEPT];
            let len = self.len + near.len();
            for (slot, byte) in seam.iter_mut().zip(self.kept.iter().take(self.len).chain(near)) {
                *slot = *byte;
            }
            let seam = seam.get(..len).unwrap_or_default();
            let places = len.saturating_sub(KEPT).min(self.len);
            see(seam, places)?;
            if places < self.len {
                // All of `bytes` is in the seam.
                self.keep(seam.get(places..).unwrap_or_default());
                return Ok(());
            }
        }
        let places = bytes.len().saturating_sub(KEPT);
        see(bytes, places)?;
        self.keep(bytes.get(places..).unwrap_or_default());
        Ok(())
    }

    /// The stream ends: what was not seen yet, all of it places.
    pub(super) fn rest(&self) -> &[u8] {
        self.kept.get(..self.len).unwrap_or_default()
    }

    fn keep(&mut self, rest: &[u8]) {
        self.len = rest.len().min(KEPT);
        for (slot, byte) in self.kept.iter_mut().zip(rest) {
            *slot = *byte;
        }
    }
}
