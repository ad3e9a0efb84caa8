//! What a walker reads from: the bytes that have arrived.

/// The most bytes a walker may wait for at once.
pub(super) const TAKE_MAX: usize = 64;

/// The bytes that have arrived and were not read yet.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `N` bytes, once all of them are there; until then nothing is read.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.peek()?;
        self.skip(N);
        Some(bytes)
    }

    /// The next `N` bytes, once all of them are there, without reading them.
    pub(super) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        const { assert!(N <= TAKE_MAX, "the inspector keeps no more bytes than this") }
        self.rest.first_chunk().copied()
    }

    /// The next bytes, as many of `left` as there are; `left` becomes what is still to come.
    pub(super) fn pass(&mut self, left: &mut u64) -> &'a [u8] {
        let len = usize::try_from(*left).map_or(self.rest.len(), |left| left.min(self.rest.len()));
        let passed = self.skip(len);
        *left -= passed.len() as u64;
        passed
    }

    /// Reads `len` bytes, or as many as there are.
    pub(super) fn skip(&mut self, len: usize) -> &'a [u8] {
        let (read, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        read
    }
}
