//! What several threads write at once, and the memory that each has to itself.

use std::cell::RefCell;

/// A slice that several threads write, each other places.
#[derive(Clone, Copy)]
pub(crate) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: it is an address; to write through it is unsafe, and who does so answers for it.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares `values` for as long as the threads run that get a copy.
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len() }
    }

    /// Where value `index` is, with at least `count` values from there on.
    pub(crate) fn at(self, index: usize, count: usize) -> *mut f32 {
        debug_assert!(index + count <= self.len, "{index} + {count} of {}", self.len);
        self.start.wrapping_add(index)
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `len` values of this thread's own, whose content is whatever was left there.
///
/// What a thread keeps is as long as its largest request; callers bound theirs.
pub(crate) fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    // Taken, not borrowed: `work` may wait for tasks that this very thread then works on.
    let mut scratch = SCRATCH.take();
    if scratch.len() < len {
        scratch = Vec::new(); // not to hold both
        scratch.resize(len, f32::NAN);
    }
    let result = work(&mut scratch[..len]);
    SCRATCH.set(scratch);
    result
}
