//! What all requests of a gate hold together: many small holds must not become one large one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that a gate's requests hold, and the most they may.
pub(crate) struct Held {
    bytes: AtomicUsize,
    most: usize,
}

impl Held {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), most })
    }
}

/// One request's part of it, given back when dropped.
pub(crate) struct Holding {
    of: Arc<Held>,
    bytes: usize,
}

impl Holding {
    pub(crate) fn new(of: &Arc<Held>) -> Self {
        Self { of: Arc::clone(of), bytes: 0 }
    }

    /// Holds `bytes` in all, if there is room for that.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let total = self.of.bytes.fetch_add(more, Ordering::AcqRel).saturating_add(more);
        if total > self.of.most {
            self.of.bytes.fetch_sub(more, Ordering::AcqRel);
            return false;
        }
        self.bytes += more;
        true
    }

    /// Holds nothing any more.
    pub(crate) fn let_go(&mut self) {
        self.of.bytes.fetch_sub(std::mem::take(&mut self.bytes), Ordering::AcqRel);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_share_what_may_be_held() {
        let held = Held::new(100);
        let (mut one, mut two) = (Holding::new(&held), Holding::new(&held));
        assert!(one.grow_to(60));
        assert!(!two.grow_to(41));
        assert!(two.grow_to(40));
        assert!(!one.grow_to(61));
        one.let_go();
        assert!(two.grow_to(100));
        drop(two);
        assert_eq!(held.bytes.load(Ordering::Acquire), 0);
        assert!(one.grow_to(100));
    }
}
