//! Pages of bytes that several writers share, changed by compare-and-set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Unavailable;

/// Named pages of bytes, shared by all who judge for one gate.
///
/// It may fail at any time, and may say `Raced` when nobody was faster. It must not lose a page that
/// it said was written, nor write over a page that it was not shown the version of: nonces would be
/// forgotten.
pub trait SharedMemory {
    /// The bytes of a page and their version, or `None` if nobody has created it.
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable>;

    /// Creates a page that is not there yet.
    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable>;

    /// Writes over the page whose version is still `version`.
    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable>;
}

/// Whether a page was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// It was.
    Done,
    /// Somebody else was faster: read it again.
    Raced,
}

impl<M: SharedMemory + ?Sized> SharedMemory for Arc<M> {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        (**self).read(page)
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        (**self).create(page, bytes)
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        (**self).replace(page, bytes, version)
    }
}

/// Pages in this process. It holds as many as its users name: a [`PagedStore`](super::PagedStore)
/// names no more than its [`Sizes`](super::Sizes) say.
#[derive(Debug, Default)]
pub struct LocalMemory(Mutex<BTreeMap<String, (Vec<u8>, u32)>>);

impl LocalMemory {
    /// A memory without pages.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere leaves no page half written.
    fn pages(&self) -> MutexGuard<'_, BTreeMap<String, (Vec<u8>, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedMemory for LocalMemory {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        Ok(self.pages().get(page).cloned())
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        let mut pages = self.pages();
        if pages.contains_key(page) {
            return Ok(Written::Raced);
        }
        pages.insert(page.to_owned(), (bytes.to_owned(), 0));
        Ok(Written::Done)
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        match self.pages().get_mut(page) {
            Some((held, current)) if *current == version => {
                bytes.clone_into(held);
                *current = current.wrapping_add(1);
                Ok(Written::Done)
            }
            _ => Ok(Written::Raced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_created_once_and_replaced_only_by_who_saw_it() {
        let memory = LocalMemory::new();
        assert_eq!(memory.read("a"), Ok(None));
        assert_eq!(memory.replace("a", b"x", 0), Ok(Written::Raced));
        assert_eq!(memory.create("a", b"1"), Ok(Written::Done));
        assert_eq!(memory.create("a", b"2"), Ok(Written::Raced));

        let (bytes, version) = memory.read("a").unwrap().unwrap();
        assert_eq!(bytes, b"1");
        assert_eq!(memory.replace("a", b"3", version), Ok(Written::Done));
        assert_eq!(memory.replace("a", b"4", version), Ok(Written::Raced));
        assert_eq!(memory.read("a").unwrap().unwrap().0, b"3");
    }
}
